"""Lip-sync of a run: figures of the whole and of each utterance, and a story to draw.

Everything is laid on the run's clock: the line of the sound that was heard. Of a calibration, the
measuring path's own offset is taken off every offset.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from micstream.lab.align import Way, follow_way
from micstream.lab.follow import CURVE_RATE, Curve, follow
from micstream.lab.lipsync import SCHEMA, LipSync, judge, level_of, measure_mouth, plain, repeated
from micstream.lab.mouth import Mouth, Roi, find_mouth, opening, speech_in
from micstream.lab.predict import masked_spectrum
from micstream.lab.said import Window, control_figures, mouth_figures, moves_in_speech
from micstream.lab.story import Mark, Point, Still, Story, Told
from micstream.lab.take import RATE, Pictures, Spoken, Take
from micstream.lab.transport import Calibration, Delays, delays, path_ms, transport_ms

_LATEST_S: Final = 15.0
"""An utterance is heard within so long of its being sent, or not at all."""
_EARLY_S: Final = 0.2
_POINT_S: Final = 8.0
_STRIP: Final = 6
"""Pictures of a filmstrip."""
_OFFSETS: Final = ("offset_ms", "start_offset_ms", "first_frame_delay_ms")
_MEDIANS: Final = ("start_offset_ms", "settling_ms", "tail_ms", "first_frame_delay_ms")


@dataclass(frozen=True, slots=True)
class Analysis:
    """What a run tells."""

    figures: Mapping[str, Any]
    """As `lipsync run --json` prints it: JSON's types."""
    story: Story
    found: LipSync
    """Of the whole."""


def analyse(
    take: Take,
    *,
    calibration: Calibration | None = None,
    roi: Roi | None = None,
    about: Mapping[str, str] | None = None,
) -> Analysis:
    """Measure a run.

    Args:
        take: what was spoken, seen and heard.
        calibration: of the measuring path; None: nothing is taken off.
        roi: where the mouth is, if that is known.
        about: what the report says of the run.
    """
    ways = [_way(each, take) for each in take.spoken]
    level = level_of(take.heard, RATE)
    masked = _speech_only(level, take.spoken, ways)
    seen = take.seen()
    spectrum = masked_spectrum(take.heard, RATE, masked)
    place = find_mouth(seen, masked, speech_in(masked), roi=roi, spectrum=spectrum)
    found = measure_mouth(seen, masked, place)
    mouth = place[0] if found.offset_ms is not None else None
    begin, end = _span(take)
    waited = delays(take, begin, end)
    zero_ms = path_ms(waited, calibration)
    curves = _curves(mouth, level, masked, found, seen.times)
    told = [
        _told(each, way, take, curves, [w for w in ways if w and w is not way])
        for each, way in zip(take.spoken, ways, strict=True)
    ]
    told = [replace(each, figures=_corrected(each.figures, zero_ms)) for each in told]
    rows = [each.figures for each in told]
    figures = _whole(found, rows, zero_ms, (waited, calibration), take)
    points = _points(mouth, masked, zero_ms)
    return Analysis(figures, Story(figures, tuple(told), points, dict(about or {})), found)


def _way(spoken: Spoken, take: Take) -> Way | None:
    sent = float(take.clock.seconds(spoken.sent_at))
    return follow_way(spoken.pcm, take.heard, sent - _EARLY_S, sent + _LATEST_S)


def _span(take: Take) -> tuple[float, float]:
    """Unix seconds from the first thing said to the last."""
    if not take.spoken:
        return 0.0, 0.0
    return min(s.sent_at for s in take.spoken), max(s.ended_at for s in take.spoken)


def _speech_only(level: Curve, spoken: Sequence[Spoken], ways: Sequence[Way | None]) -> Curve:
    """The level where speech was heard; elsewhere 0: clicks, music and typing tell no mouth."""
    masked = np.zeros_like(level)
    for each, way in zip(spoken, ways, strict=True):
        if way is not None and each.what in ("speech", "closures"):
            begin = max(0, round((way.heard_at_s - 0.1) * CURVE_RATE))
            end = max(begin, round((way.ends_at_s + 0.2) * CURVE_RATE))
            masked[begin:end] = level[begin:end]
    return masked


# ---- each utterance -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Curves:
    """Of the whole run, at the same times."""

    level: Curve
    shown: Curve
    """Seconds of each picture."""
    mouth: Curve | None
    """None: none was found, or its offset is not sure."""
    opened: Curve | None
    moves: float
    """How much the mouth moves in speech."""
    offset_s: float


def _curves(
    mouth: Mouth | None, level: Curve, masked: Curve, found: LipSync, shown: Curve
) -> _Curves:
    if mouth is None or found.offset_ms is None:
        return _Curves(level, shown, None, None, 0.0, 0.0)
    curve = mouth.curve
    return _Curves(
        level=level,
        shown=shown,
        mouth=curve,
        opened=opening(curve, speech_in(masked)),
        moves=moves_in_speech(curve, masked),
        offset_s=found.offset_ms / 1000,
    )


def _told(
    spoken: Spoken,
    way: Way | None,
    take: Take,
    curves: _Curves,
    others: Sequence[Way],
) -> Told:
    row: dict[str, Any] = {"item": spoken.name, "number": spoken.number, "what": spoken.what}
    row |= _sound_figures(spoken, way, take)
    if way is None:
        row["why"] = "it was not heard"
        if spoken.what == "control" and spoken.is_silent:
            row["why"] = "it is silent"
        sent = float(take.clock.seconds(spoken.sent_at))
        way = _silent_way(sent, spoken)
    level, curve = curves.level, curves.mouth
    window = Window.of(way, level.size, others)
    if curve is not None:
        if spoken.what == "control":
            row |= control_figures(curve, window, curves.moves)
        elif spoken.what != "clicks" and "why" not in row:
            row |= mouth_figures((curve, level, curves.opened), window, spoken, curves.offset_s)
    return Told(
        figures=row,
        begin_s=window.begin / CURVE_RATE,
        sound=_envelope(take.heard, window),
        level=level[window.begin : window.end],
        mouth=_shown(curve, window),
        marks=tuple(
            Mark(
                label.begin_s + window.heard_at,
                label.end_s + window.heard_at,
                label.sound,
                label.closes,
            )
            for label in spoken.labels
        ),
        stills=_strip(take.pictures, curves, window),
    )


def _silent_way(at_s: float, spoken: Spoken) -> Way:
    return Way(
        heard_at_s=at_s,
        likeness=0.0,
        matched_s=0.0,
        missing_s=0.0,
        doubled_s=0.0,
        gaps_s=0.0,
        cut_s=0.0,
        stretched=None,
        ends_at_s=at_s + spoken.pcm.size / RATE,
    )


def _sound_figures(spoken: Spoken, way: Way | None, take: Take) -> dict[str, Any]:
    """What became of its sound; seconds but for delays."""
    if way is None:
        return {} if spoken.is_silent else {"missing_s": spoken.pcm.size / RATE}
    sent = float(take.clock.seconds(spoken.sent_at))
    told: dict[str, Any] = {
        "missing_s": way.missing_s,
        "doubled_s": way.doubled_s,
        "gaps_s": way.gaps_s,
        "cut_s": way.cut_s,
        "stretched": way.stretched,
        "heard_delay_ms": 1000 * (way.heard_at_s - sent),
    }
    if spoken.reported_at is not None:
        reported = float(take.clock.seconds(spoken.reported_at))
        told["report_delay_ms"] = 1000 * (reported - way.heard_at_s)
    if spoken.reported_s is not None:
        told["report_error_s"] = spoken.reported_s - (way.ends_at_s - way.heard_at_s)
    return told


def _corrected(figures: Mapping[str, Any], zero_ms: float) -> dict[str, Any]:
    """The same in JSON's types, with the measuring path's own offset taken off."""
    row = dict(figures)
    for name in _OFFSETS:
        if row.get(name) is not None:
            row[name] -= zero_ms
    if row.get("offset_ci_ms") is not None:
        row["offset_ci_ms"] = tuple(each - zero_ms for each in row["offset_ci_ms"])
    if row.get("heard_delay_ms") is not None and row.get("first_frame_delay_ms") is not None:
        row["seen_delay_ms"] = row["heard_delay_ms"] + row["first_frame_delay_ms"]
    return {name: plain(value) for name, value in row.items()}


# ---- the whole ----------------------------------------------------------------------------------


def _whole(
    found: LipSync,
    rows: Sequence[Mapping[str, Any]],
    zero_ms: float,
    way: tuple[Delays, Calibration | None],
    take: Take,
) -> dict[str, Any]:
    waited, calibration = way
    told = found.as_dict()
    told["avatar"] = take.avatar
    for name in _MEDIANS:
        told[name] = _median(rows, name)
    reports = [row.get("report_delay_ms") for row in rows]
    since_reports = [-each for each in reports if each is not None]
    transport, how = transport_ms(waited, calibration, since_reports)
    told |= {"transport_offset_ms": transport, "transport_how": how}
    if found.offset_ms is not None and found.offset_ci_ms is not None:
        offset = found.offset_ms - zero_ms
        told["offset_ms"] = offset
        told["offset_ci_ms"] = [each - zero_ms for each in found.offset_ci_ms]
        told["drawn_offset_ms"] = offset - transport if transport is not None else None
        told["verdict"], told["why"] = judge(offset)
    closures = [row for row in rows if row.get("closures")]
    if closures:
        count = sum(row["closures"] for row in closures)
        told["closures"] = count
        hit = sum(row["closures"] * row["closures_hit"] for row in closures)
        told["closures_hit"] = hit / count
    for name in ("missing_s", "doubled_s", "gaps_s", "cut_s"):
        told[name] = sum(row[name] for row in rows if row.get(name) is not None)
    for name in ("stretched", "heard_delay_ms", "seen_delay_ms", "report_delay_ms"):
        told[name] = _median(rows, name)
    # By the name that livekit-agents' AvatarMetrics has for it, in seconds as there.
    heard = told["heard_delay_ms"]
    told["playback_latency"] = heard / 1000 if heard is not None else None
    told |= _picture_figures(take)
    told["calibration"] = calibration.as_dict() if calibration else None
    told["taken_off_ms"] = zero_ms
    told["buffers"] = asdict(waited)
    told["items"] = [dict(row) for row in rows]
    return {"schema": SCHEMA, "avatar": take.avatar, **{k: plain(v) for k, v in told.items()}}


def _picture_figures(take: Take) -> dict[str, Any]:
    """How evenly the pictures came, and how many were the one before again."""
    arrived, cells = take.pictures.arrived, take.pictures.cells
    if arrived.size < 3:
        return {"repeated": None, "frame_jitter_ms": None, "size": list(take.pictures.size)}
    steps = np.diff(arrived)
    usual = float(np.median(steps))
    return {
        "repeated": float(repeated(cells).mean()),
        "frame_jitter_ms": 1000 * float(np.median(np.abs(steps - usual))),
        "longest_frame_ms": 1000 * float(steps.max()),
        "size": list(take.pictures.size),
        "unread": take.unread,
    }


def _median(rows: Sequence[Mapping[str, Any]], name: str) -> float | None:
    known = [float(row[name]) for row in rows if row.get(name) is not None]
    return float(np.median(known)) if known else None


# ---- to be drawn --------------------------------------------------------------------------------


def _points(mouth: Mouth | None, level: Curve, zero_ms: float) -> tuple[Point, ...]:
    """Offset over the run, stretch by stretch, where there was speech enough."""
    if mouth is None:
        return ()
    points, size = [], round(_POINT_S * CURVE_RATE)
    for begin in range(0, level.size - size + 1, size // 2):
        piece = level[begin : begin + size]
        if speech_in(piece).mean() < 0.5:
            continue
        found = follow(mouth.curve[begin : begin + size], piece)
        if found.spread_s <= 0.1:
            ms = [1000 * each - zero_ms for each in (found.offset_s, found.low_s, found.high_s)]
            points.append(Point((begin + size / 2) / CURVE_RATE, *ms))
    return tuple(points)


def _envelope(heard: npt.NDArray[np.int16], window: Window) -> Curve:
    """Loudest sample of each hundredth of a second, full scale 1."""
    step = RATE // CURVE_RATE
    piece = np.abs(heard[window.begin * step : window.end * step].astype(np.float64)) / 32_768
    padded = np.pad(piece, (0, -piece.size % step))
    return np.asarray(padded.reshape(-1, step).max(axis=1))


def _shown(curve: Curve | None, window: Window) -> Curve | None:
    """The mouth's curve between its rest and its widest, to be drawn."""
    if curve is None or window.end <= window.begin:
        return None
    low, high = np.percentile(curve, [2, 98])
    piece = curve[window.begin : window.end]
    return np.asarray(np.clip((piece - low) / max(high - low, 1e-6), 0, 1))


def _strip(pictures: Pictures, curves: _Curves, window: Window) -> tuple[Still, ...]:
    """Pictures where mouth and sound were furthest apart; none where no mouth was found."""
    small, size, curve = pictures.small, pictures.small_size, curves.mouth
    if curve is None or not small or window.end - window.begin < CURVE_RATE:
        return ()
    low, high = np.percentile(curve, [2, 98])
    apart = np.abs((curve - low) / max(high - low, 1e-6) - curves.level)[window.begin : window.end]
    window_size = CURVE_RATE // 5
    smooth = np.convolve(apart, np.ones(window_size) / window_size, "same")
    worst = (window.begin + int(smooth.argmax())) / CURVE_RATE
    times = curves.shown[: len(small)]
    middle = int(np.searchsorted(times, worst))
    first = max(0, min(middle - _STRIP // 2, len(small) - _STRIP))
    return tuple(
        Still(float(times[number]) - window.begin / CURVE_RATE, _jpeg(small[number], size))
        for number in range(first, min(len(small), first + _STRIP))
    )


def _jpeg(brightness: bytes, size: tuple[int, int]) -> bytes:
    """A small picture; empty where nothing is there to make one."""
    try:
        import av
    except ImportError:
        return b""
    width, height = size
    grey = np.frombuffer(brightness, np.uint8).reshape(height, width)
    even = np.ascontiguousarray(grey[: height // 2 * 2, : width // 2 * 2])
    frame = av.VideoFrame.from_ndarray(even, format="gray").reformat(format="yuvj420p")
    out = io.BytesIO()
    with av.open(out, "w", format="mjpeg") as film:
        stream = film.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, "yuvj420p"
        film.mux(stream.encode(frame))
        film.mux(stream.encode())
    return out.getvalue()
