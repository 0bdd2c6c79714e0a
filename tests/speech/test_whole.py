"""What is not to be cut: one utterance from first to last sample."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from micstream.speech.events import End, EndReason, Onset, SegmentEvent
from micstream.speech.whole import Whole
from tests.support.scripted import ramp, utterances


@given(st.lists(st.integers(0, 500), max_size=10))
def test_all_of_it_is_one_utterance(lengths: list[int]) -> None:
    source = ramp(sum(lengths))
    whole, at = Whole(), 0
    events: list[SegmentEvent] = []
    for length in lengths:
        events += whole.push(source[at * 2 : (at + length) * 2])
        at += length
    found = utterances([*events, *whole.finish()], source)
    if at == 0:
        assert found == []
        return
    ((onset, end),) = found
    assert onset == Onset(0, 0, 0)
    assert end.end == end.speech_end == end.voiced == at
    assert end.enough
    assert end.reason is EndReason.SOURCE_ENDED


def test_an_end_from_without_begins_another() -> None:
    whole = Whole()
    list(whole.push(ramp(10)))
    (end,) = whole.end(EndReason.INTERRUPT)
    assert isinstance(end, End)
    assert end.reason is EndReason.INTERRUPT
    assert whole.end(EndReason.INTERRUPT) == []
    first, *_ = whole.push(ramp(5))
    assert first == Onset(10, 10, 10), "positions are those of the source"
