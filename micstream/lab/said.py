"""Figures of one utterance of a run: how the mouth followed it, from its start to its tail. Pure.

All offsets positive: the sound comes before the picture (ITU-R BT.1359).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from micstream.lab.align import Way
from micstream.lab.follow import CURVE_RATE, LAG_S, Curve, band, follow
from micstream.lab.mouth import runs, speech_in
from micstream.lab.take import Spoken

_BEFORE_S: Final = 0.6
_AFTER_S: Final = 1.2
_PIECE_S: Final = 0.8
"""Of speech that an offset in a moment is told from."""
_STEP_S: Final = 0.1
_SETTLES_S: Final = 3.0
_SETTLED_S: Final = 0.08
"""Within so much of its offset it has settled: two frames."""
_LIKE: Final = 0.5
_OFFSET_S: Final = 3.0
"""Speech of an utterance from which on it has an offset of its own."""
_SPREAD_S: Final = 0.08
_TOLERANCE_S: Final = 0.08
"""A closure may be seen so much beside its sound: two frames."""
_SHUT: Final = 0.35
"""Of how far it opens in speech around: below, it is shut."""
_AROUND_S: Final = 0.6
_REST_S: Final = 0.3
_SPEED_S: Final = 0.08
_MOVES: Final = 3.0
"""Of how far it opens in speech, a second: from there on it moves."""
_SWAYS: Final = 1.6
"""No head that sways makes it seem to move faster."""
_SLOWER: Final = 0.25
_LAST_S: Final = 1.5
_STILL_S: Final = 0.25
"""So long between two movements, and the second belongs to something else."""
_SHUTS_S: Final = 0.06
"""A mouth takes so long to shut once the sound is over."""
_MOVED: Final = 0.25
"""Of how far it opens in speech: by so much it has begun to move."""


@dataclass(frozen=True, slots=True)
class Window:
    """An utterance's stretch of the run."""

    begin: int
    """Index into the run's curves."""
    end: int
    heard_at: float
    """Seconds from `begin` to its first sample."""

    @classmethod
    def of(cls, way: Way, size: int, others: Sequence[Way] = ()) -> Window:
        """Around what was heard, of curves of this size; nothing of the `others` is in it."""
        before = [w.ends_at_s for w in others if w.ends_at_s <= way.heard_at_s + _BEFORE_S]
        after = [w.heard_at_s for w in others if w.heard_at_s >= way.ends_at_s - _BEFORE_S]
        begin_s = max([0.0, way.heard_at_s - _BEFORE_S, *before])
        end_s = min([way.ends_at_s + _AFTER_S, *after])
        begin = round(min(begin_s, way.heard_at_s) * CURVE_RATE)
        end = min(size, round(end_s * CURVE_RATE))
        return cls(begin, max(begin, end), way.heard_at_s - begin / CURVE_RATE)


def mouth_figures(
    curves: tuple[Curve, Curve, Curve | None], window: Window, spoken: Spoken, zero_s: float
) -> dict[str, Any]:
    """What the mouth did for an utterance.

    Args:
        curves: of the whole run, at the same times: the mouth's (open is up), the sound's level,
            and how far the mouth is open (`mouth.opening`).
        window: the utterance's.
        spoken: what was said, with its phonemes.
        zero_s: offset of the whole run, as seen.
    """
    curve, level, opened = curves
    mouth, sound = curve[window.begin : window.end], level[window.begin : window.end]
    speech = speech_in(sound)
    told: dict[str, Any] = {}
    if not speech.any():
        return told
    own = zero_s
    if speech.sum() >= _OFFSET_S * CURVE_RATE:
        found = follow(mouth, sound)
        if found.spread_s <= _SPREAD_S and found.likeness >= _LIKE / 2:
            own = found.offset_s
            told["offset_ms"] = 1000 * found.offset_s
            told["offset_ci_ms"] = (1000 * found.low_s, 1000 * found.high_s)
            told["likeness"] = found.likeness
    told.update(_start(mouth, sound, speech, own))
    if opened is None:
        return told
    opened = opened[window.begin : window.end]
    speed = np.abs(_speed(opened))
    begun = told["first_frame_delay_ms"] = _first_move(speed, int(np.flatnonzero(speech)[0]))
    if begun is not None:
        told["start_offset_ms"] = begun
    told["tail_ms"] = _tail(speed, speech, own)
    hit, closures = _closures(opened, window, spoken, own)
    if closures:
        told |= {"closures": closures, "closures_hit": hit / closures}
    return told


def control_figures(curve: Curve, window: Window, said: float) -> dict[str, Any]:
    """How much the mouth moves for what is no speech, in shares of what it moves in speech."""
    piece = np.abs(np.diff(curve[window.begin : window.end]))
    return {"moves": float(piece.mean()) / said if piece.size and said > 0 else None}


def moves_in_speech(curve: Curve, level: Curve) -> float:
    """Mean movement of the mouth while somebody speaks, a sample."""
    speech = speech_in(level)[1:]
    moved = np.abs(np.diff(curve))
    return float(moved[speech].mean()) if speech.any() else 0.0


def _start(
    mouth: Curve, sound: Curve, speech: npt.NDArray[np.bool_], own_s: float
) -> dict[str, Any]:
    """Offset in the first half second, and when it has become that of the utterance."""
    moved, said = band(mouth), band(sound)
    first, reach = int(np.flatnonzero(speech)[0]), round(LAG_S * CURVE_RATE)
    size, padded = round(_PIECE_S * CURVE_RATE), np.pad(moved, reach)
    lags: list[float | None] = []
    at = first - round(0.3 * CURVE_RATE)
    begin = at
    while at - begin <= _SETTLES_S * CURVE_RATE and at + size <= said.size:
        lags.append(_lag(padded, said, max(0, at), size, reach))
        at += round(_STEP_S * CURVE_RATE)
    if not lags or lags[0] is None:
        return {}
    told: dict[str, Any] = {"start_offset_ms": 1000 * lags[0]}
    known = [(number, lag) for number, lag in enumerate(lags) if lag is not None]
    for at_, around in enumerate(zip(known, known[1:], known[2:], strict=False)):
        if abs(float(np.median([lag for _, lag in around])) - own_s) <= _SETTLED_S:
            told["settling_ms"] = 1000 * _STEP_S * known[at_][0]
            break
    return told


def _lag(padded: Curve, said: Curve, at: int, size: int, reach: int) -> float | None:
    """Offset of a stretch, in seconds; None: nothing to tell it from."""
    piece = said[at : at + size] - said[at : at + size].mean()
    there = padded[at : at + piece.size + 2 * reach]
    if piece.size < size or there.size < piece.size + 2 * reach or piece.std() < 0.3:
        return None
    total = np.concatenate([[0.0], np.cumsum(there)])
    squares = np.concatenate([[0.0], np.cumsum(there * there)])
    mean = (total[size:] - total[:-size]) / size
    spread = np.sqrt(np.maximum((squares[size:] - squares[:-size]) / size - mean**2, 1e-4))
    across = np.correlate(there, piece, "valid") / size / (spread * piece.std())
    best = int(across.argmax())
    return best / CURVE_RATE - LAG_S if across[best] >= _LIKE else None


def _speed(opened: Curve) -> Curve:
    """How fast it opens or shuts, a second: a head sways slowly, a mouth that speaks does not."""
    half = round(_SPEED_S * CURVE_RATE / 2)
    padded = np.pad(opened, half, mode="edge")
    return np.asarray((padded[2 * half :] - padded[: -2 * half]) / (2 * half / CURVE_RATE))


def _first_move(speed: Curve, first: int) -> float | None:
    """Milliseconds from the sound's onset to the first movement."""
    begin = max(0, first - round(LAG_S * CURVE_RATE))
    after = np.flatnonzero(speed[begin : first + round(LAG_S * CURVE_RATE)] > _MOVES)
    if not after.size or after[0] == 0 < begin:
        return None  # or it never rested
    return 1000 * (begin + int(after[0]) - first) / CURVE_RATE + 1000 * _SPEED_S / 4


def _tail(speed: Curve, speech: npt.NDArray[np.bool_], own_s: float) -> float | None:
    """Milliseconds for which it moves on after it should have ended."""
    last = int(np.flatnonzero(speech)[-1]) + 1 + round(own_s * CURVE_RATE)
    if speed.size - last < 2 * _REST_S * CURVE_RATE:
        return None
    # The last word is often soft: it is judged by how it moved just before.
    before = speed[max(0, last - round(_LAST_S * CURVE_RATE)) : max(1, last)]
    enough = float(np.clip(_SLOWER * np.percentile(before, 90), _SWAYS, _MOVES))
    end = 0
    for begun, ended in runs(speed[max(0, last) :] > enough):
        if begun - end > _STILL_S * CURVE_RATE:
            break
        end = ended
    return max(0.0, 1000 * (end / CURVE_RATE - _SPEED_S / 4 - _SHUTS_S)) if end else 0.0


def _closures(opened: Curve, window: Window, spoken: Spoken, own_s: float) -> tuple[int, int]:
    """How many of its p, b and m shut the mouth, and how many there are."""
    hit = count = 0
    near, around = round(_TOLERANCE_S * CURVE_RATE), round(_AROUND_S * CURVE_RATE)
    for label in spoken.labels:
        if not label.closes:
            continue
        begin = round((window.heard_at + label.begin_s + own_s) * CURVE_RATE)
        end = round((window.heard_at + label.end_s + own_s) * CURVE_RATE)
        there = opened[max(0, begin - near) : end + near + 1]
        wide = opened[max(0, begin - around) : end + around]
        if not there.size or not wide.size:
            continue
        open_ = float(np.percentile(wide, 85))
        if open_ < _MOVED:
            continue  # it hardly moves here: nothing to shut
        count += 1
        hit += bool(there.min() <= _SHUT * open_)
    return hit, count
