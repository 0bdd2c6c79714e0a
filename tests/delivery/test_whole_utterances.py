"""Whole utterances, false alarms, and a source that never ends."""

from __future__ import annotations

from micstream.delivery.whole import MAX_S, WholeUtterances
from micstream.speech.events import End, EndReason, Onset, Speech, Timed

ONSET = Onset(100, 120, 150)


def end(at: int, *, speech_end: int | None = None, enough: bool = True) -> End:
    return End(at, speech_end or at, at, at, enough, EndReason.SILENCE)


def test_an_utterance_comes_out_whole_and_trimmed() -> None:
    whole = WholeUtterances()
    assert whole.push(ONSET, 7.0) == []
    assert whole.push(Speech(100, b"abcd"), 0.0) == []
    assert whole.push(Speech(102, b"efgh"), 0.0) == []
    over = end(104, speech_end=103)
    expected: list[Timed] = [(ONSET, 7.0), (Speech(100, b"abcdef"), 0.0), (over, 0.0)]
    assert whole.push(over, 0.0) == expected


def test_a_false_alarm_is_forgotten() -> None:
    whole = WholeUtterances()
    whole.push(ONSET, 7.0)
    whole.push(Speech(100, b"abcd"), 0.0)
    assert whole.push(end(102, enough=False), 0.0) == []


def test_what_is_cleared_does_not_come_back() -> None:
    whole = WholeUtterances()
    whole.push(ONSET, 7.0)
    whole.push(Speech(100, b"abcd"), 0.0)
    assert whole.clear() == 2
    # What comes of it from here is handed on: whoever takes it knows that it is lost.
    rest = Speech(102, b"ef")
    assert whole.push(rest, 0.0) == [(rest, 0.0)]
    whole.push(Onset(200, 200, 200), 9.0)
    assert len(whole.push(end(200), 0.0)) == 3


def test_no_more_is_gathered_than_there_is_room_for() -> None:
    whole = WholeUtterances()
    whole.push(ONSET, 7.0)
    second = bytes(32_000)
    out = [whole.push(Speech(100 + n * 16_000, second), 0.0) for n in range(round(MAX_S) + 10)]
    first = next(n for n, events in enumerate(out) if events)
    assert first == MAX_S
    assert next(event for event, _ in out[first]) == ONSET
    assert all(len(events) == 1 for events in out[first + 1 :])
    sound = b"".join(e.pcm for events in out for e, _ in events if isinstance(e, Speech))
    assert sound == second * len(out)
    over = end(10**8)
    assert whole.push(over, 0.0) == [(over, 0.0)]
