"""Lip-sync of a recording: how late the mouth is, how sure that is, and what else is wrong. Pure.

Sign: positive, the sound comes before the picture (ITU-R BT.1359). Limits: detectable +45/-125 ms,
acceptable +90/-185 ms (BT.1359-1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from micstream.lab.follow import CURVE_RATE, LAG_S, Curve, band, follow, likeness
from micstream.lab.mouth import Mouth, Roi, Seen, find_mouth, opening, runs, speech_in
from micstream.lab.predict import Values

SCHEMA: Final = 1
GOOD_MS: Final = (-125.0, 45.0)
ACCEPTABLE_MS: Final = (-185.0, 90.0)
Verdict = Literal["good", "acceptable", "bad", "undecided"]

SPREAD_S: Final = 0.04
"""An offset that is less sure than this is none."""
_REST_S: Final = 0.5
_DRIFT_S: Final = 60.0
_WINDOW_S: Final = 15.0
_SPAN_DB: Final = 26.0
_GAMMA: Final = 2.2
_FREEZE_S: Final = 0.2
_START_S: Final = 0.7


@dataclass(frozen=True, slots=True)
class LipSync:
    """What was measured; None: not measured, and `why` says so."""

    offset_ms: float | None = None
    offset_ci_ms: tuple[float, float] | None = None
    start_offset_ms: float | None = None
    drift_ms_per_min: float | None = None
    tail_ms: float | None = None
    moves_in_silence: float | None = None
    """Movement of the mouth in silence, in shares of that in speech."""
    fps: float | None = None
    freezes: int | None = None
    likeness: float | None = None
    chance: float | None = None
    roi: Roi | None = None
    """Left, top, right, bottom of the mouth, in shares of the picture."""
    speech_s: float = 0.0
    verdict: Verdict = "undecided"
    why: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The same as JSON's types, with the schema's number and what only a live run measures."""
        live = (
            *("transport_offset_ms", "drawn_offset_ms", "settling_ms", "first_frame_delay_ms"),
            *("closures_hit", "missing_s", "stretched", "smallest_safe_lead_ms"),
        )
        return {"schema": SCHEMA, **dict.fromkeys(live), **plain(asdict(self))}


def level_of(pcm: npt.NDArray[np.int16], rate: int) -> Curve:
    """How far a mouth would be open for this sound, 0 to 1, `CURVE_RATE` times a second.

    By level alone, in decibels below the loudest of it.
    """
    step, window = rate // CURVE_RATE, rate // 50
    power = np.square(pcm.astype(np.float64) / 32_768)
    total = np.concatenate([[0.0], np.cumsum(power)])
    middles = np.arange(0, pcm.size, step)
    first, last = np.maximum(middles - window // 2, 0), np.minimum(middles + window // 2, pcm.size)
    mean = (total[last] - total[first]) / np.maximum(last - first, 1)
    loud = 10 * np.log10(np.maximum(mean, 1e-10))
    top = float(np.percentile(loud, 98)) if loud.size else 0.0
    if top < -60:
        return np.zeros(loud.size)
    return np.asarray(np.clip((loud - (top - _SPAN_DB)) / _SPAN_DB, 0, 1) ** _GAMMA)


def measure(
    seen: Seen, level: Curve, *, roi: Roi | None = None, spectrum: Values | None = None
) -> LipSync:
    """Lip-sync of what is seen against the level of the sound, whose first value is at 0 s.

    Args:
        seen: times on the sound's clock.
        level: as `level_of` gives it.
        roi: where the mouth is, if that is known: left, top, right, bottom, in shares.
        spectrum: of the sound, as `spectrum_of` gives it: for faces that were filmed.
    """
    place = find_mouth(seen, level, speech_in(level), roi=roi, spectrum=spectrum)
    return measure_mouth(seen, level, place)


def measure_mouth(seen: Seen, level: Curve, found: tuple[Mouth | None, str]) -> LipSync:
    """The same, of a mouth that was found, as `find_mouth` tells it."""
    speech, (mouth, why) = speech_in(level), found
    known: dict[str, Any] = {
        "fps": fps_of(seen.times),
        "speech_s": float(speech.sum()) / CURVE_RATE,
    }
    told: dict[str, Any] = {}
    if mouth is not None:
        told = {"likeness": mouth.likeness, "chance": mouth.chance}
    if mouth is None or why:
        return LipSync(why=why, **known, **told)
    curve, late = mouth.curve, mouth.follows or follow(mouth.curve, level)
    if late.spread_s > SPREAD_S:
        why = f"the offset is not sure: {1000 * late.low_s:+.0f} to {1000 * late.high_s:+.0f} ms"
        return LipSync(why=why, **known, **told)
    offset_ms = 1000 * late.offset_s
    verdict, why = judge(offset_ms)
    return LipSync(
        offset_ms=offset_ms,
        offset_ci_ms=(1000 * late.low_s, 1000 * late.high_s),
        start_offset_ms=_start(curve, level, speech),
        drift_ms_per_min=_drift(curve, level),
        tail_ms=tail(curve, shifted(speech, late.offset_s)),
        moves_in_silence=_in_silence(curve, shifted(speech, late.offset_s)),
        freezes=freezes(seen, speech),
        roi=mouth.roi,
        verdict=verdict,
        why=why,
        **known,
        **told,
    )


def judge(offset_ms: float) -> tuple[Verdict, str]:
    """Verdict on an offset, by the limits of ITU-R BT.1359."""
    if GOOD_MS[0] <= offset_ms <= GOOD_MS[1]:
        return "good", f"nobody notices {offset_ms:+.0f} ms (from -125 to +45, ITU-R BT.1359)"
    which = "early" if offset_ms > 0 else "late"
    if ACCEPTABLE_MS[0] <= offset_ms <= ACCEPTABLE_MS[1]:
        return "acceptable", f"the sound is {which} enough to be noticed: {offset_ms:+.0f} ms"
    return "bad", f"the sound is {which} beyond what is accepted: {offset_ms:+.0f} ms (-185 to +90)"


def _start(curve: Curve, level: Curve, speech: npt.NDArray[np.bool_]) -> float | None:
    """Offset in the first half second of speech after a silence; None: there was no such start."""
    moved, sound = band(curve), band(level)
    reach, size = round(LAG_S * CURVE_RATE), round(_START_S * CURVE_RATE)
    padded, across = np.pad(moved, reach), []
    for begin, _ in runs(speech):
        at = begin - round(0.2 * CURVE_RATE)
        if at >= 0 and not speech[max(0, begin - round(_REST_S * CURVE_RATE)) : begin].any():
            piece = sound[at : at + size]
            across.append(np.correlate(padded[at : at + piece.size + 2 * reach], piece, "valid"))
    whole = [each for each in across if each.size == 2 * reach + 1]
    if not whole:
        return None
    return 1000 * (int(np.mean(whole, axis=0).argmax()) / CURVE_RATE - LAG_S)


def _drift(curve: Curve, level: Curve) -> float | None:
    """Milliseconds a minute by which the offset grows (Theil-Sen); None: too short to tell."""
    if level.size < _DRIFT_S * CURVE_RATE:
        return None
    moved, sound = band(curve), band(level)
    step, at, found = round(_WINDOW_S * CURVE_RATE), [], []
    for begin in range(0, level.size - step + 1, step // 2):
        piece = sound[begin : begin + step]
        if piece.std() > 0.3:
            across = likeness(moved[begin : begin + step], piece)
            at.append(begin / CURVE_RATE / 60)
            found.append(1000 * (int(across.argmax()) / CURVE_RATE - LAG_S))
    slopes = [
        (found[j] - found[i]) / (at[j] - at[i])
        for i in range(len(at))
        for j in range(i + 1, len(at))
        if at[j] - at[i] > 0.25
    ]
    return float(np.median(slopes)) if slopes else None


def _resting(speech: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Silence that has lasted for a while, and goes on."""
    rest = np.zeros_like(speech)
    margin = round(_REST_S * CURVE_RATE)
    for begin, end in runs(~speech):
        rest[begin + (margin if begin else 0) : max(begin, end - round(0.2 * CURVE_RATE))] = True
    return rest


def shifted(speech: npt.NDArray[np.bool_], offset_s: float) -> npt.NDArray[np.bool_]:
    """Where the mouth should move for it, by the offset."""
    shift = round(offset_s * CURVE_RATE)
    moved = np.zeros_like(speech)
    if shift >= 0:
        moved[shift:] = speech[: speech.size - shift]
    else:
        moved[:shift] = speech[-shift:]
    return moved


def tail(curve: Curve, speech: npt.NDArray[np.bool_]) -> float | None:
    """Milliseconds for which it moves on after it should have ended (median)."""
    away = opening(curve, speech)
    if away is None:
        return None
    before, tails = round(0.2 * CURVE_RATE), []
    for begin, end in runs(~speech):
        if begin == 0 or end - begin < 2 * _REST_S * CURVE_RATE:
            continue
        open_ = np.flatnonzero(away[begin : end - before] > 0.25)
        tails.append(1000 * (int(open_[-1]) + 1) / CURVE_RATE if open_.size else 0.0)
    return float(np.median(tails)) if tails else None


def _in_silence(curve: Curve, speech: npt.NDArray[np.bool_]) -> float | None:
    rest = _resting(speech)
    if rest.sum() < _REST_S * CURVE_RATE:
        return None
    moved = np.abs(np.diff(band(curve), prepend=0.0))
    said = float(moved[speech].mean())
    return float(moved[rest].mean()) / said if said > 0 else None


def fps_of(times: Curve) -> float | None:
    """Frames a second, by the median step; None: too few."""
    steps = np.diff(times)
    return float(1 / np.median(steps)) if steps.size and np.median(steps) > 0 else None


def freezes(seen: Seen, speech: npt.NDArray[np.bool_]) -> int:
    """How often the picture stood still for 200 ms and more while somebody spoke."""
    same = repeated(seen.cells)
    count = 0
    for begin, end in runs(same):
        first, last = seen.times[begin], seen.times[end]
        spoken = speech[round(first * CURVE_RATE) : round(last * CURVE_RATE)]
        count += bool(last - first >= _FREEZE_S and spoken.size and spoken.all())
    # A frame that stays too long in place of those that are missing.
    steps = np.diff(seen.times)
    return count + int((steps >= max(_FREEZE_S, 3 * float(np.median(steps)))).sum())


def repeated(cells: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Of each frame but the first, whether it is the one before again."""
    pairs = zip(cells[1:], cells[:-1], strict=True)
    return np.array([np.abs(now - before).max() < 1e-3 for now, before in pairs], np.bool_)


def plain(value: Any) -> Any:
    """JSON's types, rounded to what means something."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, Mapping):
        return {k: plain(v) for k, v in value.items()}
    return round(value, 3) if isinstance(value, float) else value
