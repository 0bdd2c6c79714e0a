"""Counting what happened."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from micstream import events
from micstream.events import Event
from micstream.monitor import Monitor, percentile
from micstream.speech.events import EndReason


def ended(seconds: float) -> Event:
    return events.UtteranceEnded(
        id="u1", duration_s=seconds, bytes=round(seconds * 32_000), reason=EndReason.SILENCE
    )


def test_nothing_happened() -> None:
    summary = Monitor().summary()
    assert (summary.utterances, summary.seconds, summary.dropped, summary.faults) == (0, 0, 0, 0)
    assert summary.delay_median_ms is None
    assert summary.delay_p95_ms is None


def test_the_summary() -> None:
    monitor = Monitor()
    for event in (
        ended(2.0),
        ended(1.5),
        *(events.PlaybackStarted(id="u", delay_ms=delay) for delay in (300, 100, 200, 240)),
        events.Dropped(seconds=0.25, why="no avatar"),
        events.Dropped(seconds=0.5, why="too late"),
        events.Connection(state="connecting", attempt=1),
        events.Connection(state="connected", attempt=1),
        events.Connection(state="lost", attempt=1),
        events.Connection(state="reconnecting", attempt=1),
        events.Connection(state="lost", attempt=1),
        events.Connection(state="reconnecting", attempt=1),
        events.Connection(state="reconnecting", attempt=2),
        events.AvatarJoined(identity="avatar-a"),
        events.AvatarLeft(identity="avatar-a"),
        events.Microphone(state="lost", device="m"),
        events.Microphone(state="back", device="m"),
        events.Microphone(state="zeros", device="m"),
        events.Microphone(state="clipping", device="m"),
        events.Microphone(state="quiet", device="m", level_db=-50.0),
        events.Warned(code="x", message="y"),
        events.Failed(code="x", message="y"),
    ):
        monitor.emit(event)
    summary = monitor.summary()
    assert summary.utterances == 2
    assert summary.seconds == 3.5
    assert summary.dropped == 0.75
    assert summary.delay_median_ms == 220
    assert summary.delay_p95_ms == 300
    assert summary.faults == 8


def test_listeners_hear_everything_in_order_until_they_have_heard_enough() -> None:
    monitor = Monitor()
    first: list[Event] = []
    second: list[Event] = []
    monitor.listen(first.append)
    monitor.listen(second.append)
    one, two = events.Ready(), events.Backlog(seconds=1.0)
    monitor.emit(one)
    monitor.unlisten(first.append)
    monitor.emit(two)
    assert first == [one]
    assert second == [one, two]


def test_a_listener_may_leave_while_it_is_called() -> None:
    monitor = Monitor()
    heard: list[str] = []

    def once(event: Event) -> None:
        heard.append("once")
        monitor.unlisten(once)

    monitor.listen(once)
    monitor.listen(lambda event: heard.append("always"))
    monitor.emit(events.Ready())
    monitor.emit(events.Ready())
    assert heard == ["once", "always", "always"]


@given(st.lists(st.integers(0, 5_000), min_size=1, max_size=250), st.integers(0, 100))
def test_a_percentile_is_the_smallest_that_so_many_do_not_exceed(
    values: list[int], percent: int
) -> None:
    ranked = sorted(values)
    share = Fraction(percent, 100)
    enough = [
        value
        for value in ranked
        if Fraction(sum(other <= value for other in ranked), len(ranked)) >= share
    ]
    assert percentile(ranked, percent / 100) == enough[0]
