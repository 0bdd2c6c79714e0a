"""Transport offset: how much later than the sound a picture comes on the way to a viewer. Pure.

A viewer knows three things of the way: how long sound and pictures waited in its buffers, how long
pictures were decoded, and, where an avatar stamps its pictures, when each was made. Between the
same two participants the network is the same for both. What is left, the viewer's own path, is
measured with a reference whose picture and sound are in step (`Calibration`), and taken off.

Pictures are laid on the clock as those came that did not wait for packets to be sent again. So what
others waited is no part of the path, though the viewer's statistics hold it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

import numpy as np

from micstream.errors import InputError
from micstream.lab.take import RATE, Pictures, Take, Waited

SCHEMA: Final = 2
STEADY_MS: Final = 25.0
"""Spread of the reference's offsets above which nothing can be taken off."""
JAMMED_MS: Final = 80.0
"""A reference's pictures that wait and are decoded for longer found a machine that was too busy."""
FEWEST: Final = 8
"""Flashes and clicks that are needed."""
_REPORTS_MS: Final = 25.0
"""Reports come by a way of their own: less than this they do not tell."""
_STAMPED: Final = 0.8
"""Share of the pictures that bear a stamp where all do."""


@dataclass(frozen=True, slots=True)
class Delays:
    """What delayed sound and pictures at the viewer, in milliseconds; means."""

    sound_ms: float | None
    """Jitter buffer."""
    picture_ms: float | None
    """Jitter buffer and decoder, of a picture that came in time."""
    late_ms: float | None
    """How much later than in time a picture was there: its packets had to be sent again."""
    since_made_ms: float | None
    """From a picture's stamp to its arrival, median; None where it bears none. Holds the
    difference of both machines' clocks."""
    lost: float
    """Share of packets that did not come."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What the measuring path itself puts between sound and picture."""

    offset_ms: float
    """Of a reference in step; positive: the sound comes before the picture."""
    spread_ms: float
    """Between its quartiles."""
    pairs: int
    """Flashes and clicks that were seen and heard."""
    sound_ms: float | None = None
    picture_ms: float | None = None
    since_made_ms: float | None = None
    sound_way_ms: float | None = None
    """From sound's being handed over to its being heard."""
    late_ms: float | None = None

    @property
    def held_ms(self) -> float:
        """For how long a picture was held in all, mean."""
        return (self.picture_ms or 0.0) + (self.late_ms or 0.0)

    @property
    def is_steady(self) -> bool:
        """Whether it may be taken off: enough was seen, it did not wander, nothing was jammed."""
        jammed = self.held_ms > JAMMED_MS
        return self.pairs >= FEWEST and self.spread_ms <= STEADY_MS and not jammed

    def as_dict(self) -> dict[str, Any]:
        """As JSON's types."""
        rounded = {k: round(v, 2) if v is not None else None for k, v in asdict(self).items()}
        return {"schema": SCHEMA, **rounded, "steady": self.is_steady}

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Self:
        """The same again.

        Raises:
            InputError: it is none.
        """
        names = [name for name in cls.__slots__ if isinstance(name, str)]
        try:
            if told["schema"] != SCHEMA:
                raise ValueError
            known = {name: told[name] for name in names}
            numbers = {k: None if v is None else float(v) for k, v in known.items()}
            return cls(**{**numbers, "pairs": int(known["pairs"])})  # type: ignore[arg-type]
        except (KeyError, TypeError, ValueError):
            raise InputError(
                "that is no calibration of the lab",
                hint="make one: micstream lipsync calibrate --json > calibration.json",
                code="bad_calibration",
            ) from None


def delays(take: Take, begin: float, end: float) -> Delays:
    """What delayed both between two unix seconds."""
    sound = picture = late = None
    lost = 0.0
    waited = take.waited
    if waited:
        before = [each for each in waited if each.at <= begin]
        after = [each for each in waited if each.at >= end]
        last = after[0] if after else waited[-1]
        first = before[-1] if before else Waited(begin)
        sound = _mean_ms(last.sound_s - first.sound_s, last.sounds - first.sounds)
        held = _mean_ms(last.pictures_s - first.pictures_s, last.pictures - first.pictures)
        coded = _mean_ms(last.decoding_s - first.decoding_s, last.decoded - first.decoded)
        if held is not None:
            whole = held + (coded or 0.0)
            late = min(whole, _late_ms(take, begin, end))
            picture = whole - late
        came = last.received - first.received
        lost = max(0, last.lost - first.lost) / came if came > 0 else 0.0
    return Delays(sound, picture, late, _since_made(take.pictures, begin, end), lost)


def _late_ms(take: Take, begin: float, end: float) -> float:
    """How late pictures came by the way, mean.

    Sound leaves its buffer at an even pace: how late it comes is how late this machine is, and
    pictures come as much later by that.
    """
    pictures = take.pictures
    within = (pictures.arrived >= begin) & (pictures.arrived <= end)
    if not within.any():
        return 0.0
    late = float((pictures.arrived - pictures.shown)[within].mean())
    blocks = np.array([each for each in take.blocks if begin <= each[1] <= end], np.float64)
    here = (take.clock.seconds(blocks[:, 1]) - blocks[:, 0] / RATE).mean() if blocks.size else 0.0
    return 1000 * max(0.0, late - max(0.0, float(here)))


def path_ms(found: Delays, calibration: Calibration | None) -> float:
    """What the measuring path puts between sound and picture of an avatar, to be taken off.

    That of the reference, but with the buffers as they were for the avatar: they find their length
    anew for each participant.
    """
    if calibration is None:
        return 0.0
    own = _apart(found.picture_ms, found.sound_ms)
    reference = _apart(calibration.picture_ms, calibration.sound_ms)
    if own is None or reference is None:
        return calibration.offset_ms
    return calibration.offset_ms - reference + own


def transport_ms(
    found: Delays, calibration: Calibration | None, reports_ms: Sequence[float] = ()
) -> tuple[float | None, str]:
    """Transport offset: what came in between an avatar's making both and the viewer's buffers.

    Known where pictures bear stamps. `reports_ms`: of each utterance, from the avatar's report that
    it is heard to its being heard; they tell when the sound was published.
    """
    if found.since_made_ms is None:
        return None, "the pictures bear no stamps: published late and drawn late look the same"
    if calibration is None or calibration.since_made_ms is None:
        return None, "not calibrated"
    picture = _apart(found.since_made_ms, found.picture_ms)
    picture_zero = _apart(calibration.since_made_ms, calibration.picture_ms)
    if picture is None or picture_zero is None:
        return None, "the SDK told nothing of its buffers"
    sound_zero = _apart(calibration.sound_way_ms, calibration.sound_ms)
    if found.sound_ms is not None and sound_zero is not None:
        late = _sound_late_ms([each - found.sound_ms - sound_zero for each in reports_ms])
        if late > _REPORTS_MS:
            return picture - picture_zero - late, "by stamps and reports"
    return picture - picture_zero, "by the pictures' stamps"


def _sound_late_ms(late_ms: Sequence[float]) -> float:
    """How late sound is published, of how late it seems by each report.

    No sound is sooner here than the reference's: such a report came late. And where sound on its
    way to the avatar had to be sent again, it was held up after the report: so of the others one
    of the least, and not the middle.
    """
    possible = [each for each in late_ms if each > -_REPORTS_MS]
    return float(np.percentile(possible, 25, method="lower")) if possible else 0.0


def _apart(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def _since_made(pictures: Pictures, begin: float, end: float) -> float | None:
    within = (pictures.arrived >= begin) & (pictures.arrived <= end)
    stamps = pictures.stamps[within]
    if not stamps.size or np.isfinite(stamps).mean() < _STAMPED:
        return None
    return 1000 * float(np.nanmedian(pictures.shown[within] - stamps))


def _mean_ms(seconds: float, count: int) -> float | None:
    return 1000 * seconds / count if count > 0 else None
