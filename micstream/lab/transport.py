"""Transport offset: how much later than the sound a picture comes on the way to a viewer. Pure.

A viewer knows three things of the way: how long sound and pictures waited in its buffers, how long
pictures were decoded, and, where an avatar stamps its pictures, when each was made. Between the
same two participants the network is the same for both. What is left, the viewer's own path, is
measured with a reference whose picture and sound are in step (`Calibration`), and taken off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

import numpy as np

from micstream.errors import InputError
from micstream.lab.take import Pictures, Waited

SCHEMA: Final = 1
STEADY_MS: Final = 25.0
"""Spread of the reference's offsets above which nothing can be taken off."""
FEWEST: Final = 8
"""Flashes and clicks that are needed."""
_REPORTS_MS: Final = 40.0
"""Reports come by a way of their own: less than this they do not tell."""
_STAMPED: Final = 0.8
"""Share of the pictures that bear a stamp where all do."""


@dataclass(frozen=True, slots=True)
class Delays:
    """What delayed sound and pictures at the viewer, in milliseconds; means."""

    sound_ms: float | None
    """Jitter buffer."""
    picture_ms: float | None
    """Jitter buffer and decoder."""
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

    @property
    def is_steady(self) -> bool:
        """Whether it may be taken off."""
        return self.pairs >= FEWEST and self.spread_ms <= STEADY_MS

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


def delays(waited: Sequence[Waited], pictures: Pictures, begin: float, end: float) -> Delays:
    """What delayed both between two unix seconds."""
    sound = picture = None
    lost = 0.0
    if waited:
        before = [each for each in waited if each.at <= begin]
        after = [each for each in waited if each.at >= end]
        last = after[0] if after else waited[-1]
        first = before[-1] if before else Waited(begin)
        sound = _mean_ms(last.sound_s - first.sound_s, last.sounds - first.sounds)
        held = _mean_ms(last.pictures_s - first.pictures_s, last.pictures - first.pictures)
        coded = _mean_ms(last.decoding_s - first.decoding_s, last.decoded - first.decoded)
        picture = None if held is None else held + (coded or 0.0)
        came = last.received - first.received
        lost = max(0, last.lost - first.lost) / came if came > 0 else 0.0
    return Delays(sound, picture, _since_made(pictures, begin, end), lost)


def transport_ms(
    found: Delays, calibration: Calibration | None, reported_ms: float | None = None
) -> tuple[float | None, str]:
    """The transport offset beyond that of a reference in step, and how it is known.

    `reported_ms`: from the avatar's report that an utterance is heard to its being heard. Where
    pictures bear stamps it tells when the sound was published; without, an avatar that reports too
    early would seem to publish late.
    """
    zero = calibration or Calibration(0.0, 0.0, 0, 0.0, 0.0, None)
    if found.sound_ms is None:
        return None, "the SDK told nothing of its buffers"
    sound = found.sound_ms - (zero.sound_ms or 0.0)
    if found.since_made_ms is not None and zero.since_made_ms is not None:
        picture = found.since_made_ms - zero.since_made_ms
        if reported_ms is not None and zero.sound_way_ms is not None:
            told = reported_ms - zero.sound_way_ms
            if abs(told - sound) > _REPORTS_MS:
                return picture - told, "by stamps and reports"
        return picture - sound, "by the pictures' stamps"
    if found.picture_ms is None:
        return None, "the SDK told nothing of its buffers"
    how = "by the viewer's buffers" + ("" if calibration else ", not calibrated")
    return found.picture_ms - (zero.picture_ms or 0.0) - sound, how


def _since_made(pictures: Pictures, begin: float, end: float) -> float | None:
    within = (pictures.arrived >= begin) & (pictures.arrived <= end)
    stamps = pictures.stamps[within]
    if not stamps.size or np.isfinite(stamps).mean() < _STAMPED:
        return None
    return 1000 * float(np.nanmedian(pictures.shown[within] - stamps))


def _mean_ms(seconds: float, count: int) -> float | None:
    return 1000 * seconds / count if count > 0 else None
