"""One sound is sent and another judged: the cleaned one."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micstream.speech.cutter import Cutter, Gate
from micstream.speech.events import SegmentEvent
from micstream.speech.segmenter import SegmenterOptions
from tests.support.chunks import chunked, cuts
from tests.support.scripted import (
    FRAME,
    OPTIONS,
    SCRIPTS,
    SMALL,
    ScriptedDetector,
    mottled,
    ramp,
    utterances,
)


@settings(max_examples=100)
@given(
    decisions=SCRIPTS,
    options=OPTIONS,
    rest=st.integers(0, 2 * FRAME - 1),
    where=cuts(60_000),
    margin_ms=st.sampled_from([None, 0, 40]),
)
def test_any_division_of_both_gives_the_same_events(
    decisions: list[bool],
    options: SegmenterOptions,
    rest: int,
    where: list[int],
    margin_ms: int | None,
) -> None:
    source = mottled(5, len(decisions) * FRAME) + bytes(rest)
    cleaned = ramp(len(decisions) * FRAME) + bytes(rest)

    def run(places: Sequence[int]) -> tuple[list[SegmentEvent], bytes]:
        detector = ScriptedDetector(decisions)
        cutter = Cutter(detector, options, margin_ms=margin_ms)
        both = zip(chunked(source, places), chunked(cleaned, places), strict=True)
        events = [event for block, judged in both for event in cutter.push(block, judged)]
        return [*events, *cutter.finish()], b"".join(detector.heard)

    events, heard_of = run([])
    assert run(where) == (events, heard_of)
    utterances(events, source)
    assert cleaned.startswith(heard_of), "the detector hears the one"
    assert len(cleaned) - len(heard_of) < 2 * FRAME
    # The other is sent as it would be without.
    alone = Cutter(ScriptedDetector(decisions), options, margin_ms=margin_ms)
    assert [*alone.push(source), *alone.finish()] == events


def test_byte_by_byte() -> None:
    source, cleaned = mottled(5, 20 * FRAME), ramp(20 * FRAME)
    detector = ScriptedDetector([True] * 20)
    cutter = Cutter(detector, SMALL)
    events: list[SegmentEvent] = []
    for at in range(len(source)):
        events += cutter.push(source[at : at + 1], cleaned[at : at + 1])
    ((onset, end),) = utterances([*events, *cutter.finish()], source)
    assert (onset.start, end.end) == (0, 20 * FRAME)
    assert b"".join(detector.heard) == cleaned


def test_it_may_begin_and_cease_within_a_frame() -> None:
    detector = ScriptedDetector([])
    cutter = Cutter(detector, SMALL)
    list(cutter.push(bytes(100)))
    list(cutter.push(bytes(300), b"\1" * 300))
    list(cutter.push(bytes(240)))
    assert detector.heard == [bytes(100) + b"\1" * 220, b"\1" * 80 + bytes(240)]


@pytest.mark.parametrize("length", [0, 638, 642])
def test_unequal_lengths_are_refused(length: int) -> None:
    cutter = Cutter(ScriptedDetector([]), SMALL)
    with pytest.raises(ValueError, match=f"{length} bytes to judge for 640 to send"):
        list(cutter.push(bytes(640), bytes(length)))


def test_of_a_frame_across_the_opening_neither_is_known() -> None:
    source = ramp(4 * FRAME)
    detector = ScriptedDetector([True] * 4)
    cutter = Cutter(detector, SMALL)
    cutter.set_gate(Gate.CLOSED)
    list(cutter.push(source[:100], source[:100]))
    cutter.set_gate(Gate.DETECTOR)
    events = [*cutter.push(source[100:], source[100:]), *cutter.finish()]
    silent = bytes(100) + source[100:]
    utterances(events, silent)
    assert b"".join(detector.heard) == silent


def test_a_rest_of_the_stream_before_is_no_part_of_the_next() -> None:
    detector = ScriptedDetector([])
    cutter = Cutter(detector, SMALL)
    list(cutter.push(bytes(100), b"\1" * 100))
    cutter.finish()
    list(cutter.push(bytes(320), b"\2" * 320))
    assert detector.heard == [b"\2" * 320]
