"""What an inspection has seen, in lines for people. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from micstream.events import Event
from micstream.lab import seen
from micstream.lab.lipsync import LipSync
from micstream.lab.seen import RULES
from micstream.plain_text import printable


def words(event: Event) -> list[str]:
    """The lines for an event; what others chose in them moves no terminal."""
    return [printable(line) for line in _lines(event)]


def _lines(event: Event) -> list[str]:
    match event:
        case seen.Inspecting(how="avatar"):
            return [
                f"as the avatar {event.identity} of room {event.room}: what is sent to "
                "it is shown, and answered and reported as a stock avatar does",
            ]
        case seen.Inspecting():
            return [
                f"beside the avatar in room {event.room}: the server shows who is "
                "there, what is published and what is heard; what is sent to the avatar it shows "
                "to the avatar alone (micstream inspect in an empty room shows that)",
            ]
        case seen.ParticipantSeen():
            named = ", ".join(f"{k}={v}" for k, v in (event.attributes or {}).items())
            more = f": {named}" if named else ""
            return [f"{event.identity} ({event.kind}) {event.state}{more}"]
        case seen.TrackSeen():
            return [f"{event.identity}: {event.track} {event.state}"]
        case seen.Heard(state="sound"):
            return [f"{event.identity} is heard"]
        case seen.Heard():
            return [f"{event.identity} is silent, after {event.seconds or 0:.2f} s"]
        case seen.SegmentOpened():
            form = f"{event.rate} Hz, {event.channels} channel(s)" if event.rate else "unreadable"
            return [f"{event.segment:>4}  opened by {event.sender}: {form}, {event.name}"]
        case seen.SegmentChunk():
            return [f"{event.segment:>4}  +{event.since_ms:.1f} ms  {event.bytes} bytes"]
        case seen.SegmentEnded():
            return [f"{event.segment:>4}  {_ended(event)}"]
        case seen.CallSeen():
            payload = f" {event.payload!r}" if event.payload else ""
            return [f"      {event.sender} calls {event.method}{payload}: {event.answer}"]
        case seen.ReportSeen():
            how = ""
            if event.position_s is not None:
                how = f" at {event.position_s:.2f} s" + (", cut off" if event.interrupted else "")
            return [f"{event.segment:>4}  reported {event.report}{how}: {event.answer}"]
        case seen.Violation():
            where = f"{event.segment:>4}" if event.segment else "    "
            what = "breaks the protocol" if event.breaks else "is heard"
            return [
                f"{where}  {what} ({event.code}): {event.message}",
                f"      {event.hint}",
            ]
        case seen.Inspected():
            return [_summary(event)]
    return []


def style(event: Event) -> str:
    """How a line is drawn: trouble stands out."""
    if isinstance(event, seen.Violation):
        return "bold red" if event.breaks else "yellow"
    return "bold" if isinstance(event, seen.Inspected) else ""


def _ended(event: seen.SegmentEnded) -> str:
    if event.seconds is None:
        return f"{event.bytes} bytes in {event.chunks} chunks, {event.end}"
    said = f"{event.seconds:.2f} s in {event.chunks} chunks, {event.end}"
    if event.first_ms is not None:
        said += f"; first after {event.first_ms:.0f} ms with {event.prebuffer_ms or 0:.0f} ms"
    if event.longest_pause_ms is not None:
        said += f", longest pause {event.longest_pause_ms:.0f} ms"
    if event.pace is not None:
        said += f", pace {event.pace:.2f}"
    return said + (f", {event.gaps} gaps: {event.gap_ms:.0f} ms" if event.gaps else ", no gap")


def _summary(event: seen.Inspected) -> str:
    broken = {code: n for code, n in event.violations.items() if RULES[code].breaks}
    heard = {code: n for code, n in event.violations.items() if code not in broken}
    said = f"{event.segments} segments, {event.seconds:.1f} s, {event.calls} calls"
    if broken:
        said += "; breaks the protocol: " + ", ".join(f"{c} {n}x" for c, n in broken.items())
    if heard:
        said += "; is heard: " + ", ".join(f"{c} {n}x" for c, n in heard.items())
    return said if event.violations else f"{said}; nothing breaks the protocol"


def lipsync_words(found: LipSync) -> list[str]:
    """A measurement, the verdict first."""
    lines = [f"{found.verdict}: {found.why}"]
    if found.offset_ms is not None and found.offset_ci_ms is not None:
        low, high = found.offset_ci_ms
        lines.append(
            f"offset   {found.offset_ms:+.0f} ms ({low:+.0f} to {high:+.0f}); positive: the sound "
            "comes before the picture"
        )
    for name, value, unit in (
        ("start", found.start_offset_ms, "ms in the first half second after a silence"),
        ("drift", found.drift_ms_per_min, "ms a minute"),
    ):
        if value is not None:
            lines.append(f"{name:<8} {value:+.0f} {unit}")
    if found.tail_ms is not None:
        lines.append(f"tail     {found.tail_ms:.0f} ms of movement after the sound has ended")
    if found.moves_in_silence is not None:
        lines.append(f"silence  {100 * found.moves_in_silence:.0f} % of the movement of speech")
    if found.likeness is not None:
        lines.append(f"likeness {found.likeness:.2f}, by chance {found.chance or 0:.2f}")
    picture = f"{found.fps:.1f} frames a second" if found.fps is not None else "none"
    freezes = f", {found.freezes} freezes" if found.freezes else ""
    lines.append(f"picture  {picture}{freezes}; {found.speech_s:.1f} s of speech")
    return lines


def run_words(figures: Mapping[str, Any]) -> list[str]:
    """A run, the verdict first."""
    lines = [f"{figures['verdict']}: {figures['why']}"]
    if figures["offset_ms"] is not None:
        low, high = figures["offset_ci_ms"]
        lines.append(
            f"offset     {figures['offset_ms']:+.0f} ms ({low:+.0f} to {high:+.0f}); positive: the "
            "sound comes before the picture"
        )
    for name, key, words in _RUN_LINES:
        value = figures.get(key)
        if value is not None:
            lines.append(f"{name:<10} {words.format(value)}")
    count = len(figures["items"])
    unheard = sum(1 for row in figures["items"] if row.get("why") == "it was not heard")
    lines.append(f"utterances {count}" + (f", {unheard} not heard" if unheard else ""))
    return lines


_RUN_LINES: Final = (
    ("transport", "transport_offset_ms", "{:+.0f} ms of it on the way"),
    ("drawn", "drawn_offset_ms", "{:+.0f} ms of it in the picture as it was drawn"),
    ("start", "start_offset_ms", "{:+.0f} ms in the first half second of an utterance"),
    ("settled", "settling_ms", "after {:.0f} ms"),
    ("first", "first_frame_delay_ms", "{:+.0f} ms from the first sound to the first movement"),
    ("tail", "tail_ms", "{:.0f} ms of movement after the sound has ended"),
    ("drift", "drift_ms_per_min", "{:+.0f} ms a minute"),
    ("closures", "closures_hit", "{:.0%} of p, b and m shut the mouth"),
    ("silence", "moves_in_silence", "{:.0%} of the movement of speech"),
    ("heard", "heard_delay_ms", "{:.0f} ms after it was sent"),
    ("seen", "seen_delay_ms", "{:.0f} ms after it was sent"),
    ("reports", "report_delay_ms", "{:+.0f} ms after it was heard"),
    ("missing", "missing_s", "{:.2f} s of the sound"),
    ("picture", "fps", "{:.1f} frames a second"),
    ("freezes", "freezes", "{}"),
)
