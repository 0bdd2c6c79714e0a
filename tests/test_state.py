"""The state is a fold over the events: what a record holds is all there is to know."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream import events
from micstream.events import Event, from_dict
from micstream.speech.events import EndReason
from micstream.state import State, fold, percentile, replay

ANNA = "avatar-anna"

names = st.sampled_from([ANNA, "avatar-ben", "c"]) | st.text(max_size=60)
seconds = st.floats(0, 1e4, allow_nan=False)
ids = st.integers(0, 99_999).map(lambda number: f"u{number}")
devices = st.text(max_size=80)


def happening(kind: type[Event], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Event]:
    moments = st.floats(1e9, 2e9, allow_nan=False)
    return st.builds(kind, t=moments, **fields)


anything = st.one_of(
    happening(events.Capturing, device=devices, rate=st.just(48_000), channels=st.just(2)),
    happening(
        events.Connection,
        state=st.sampled_from(["connecting", "connected", "reconnecting", "lost"]),
        attempt=st.integers(0, 99),
    ),
    happening(events.AvatarJoined, identity=names),
    happening(events.AvatarReady, identity=names, how=st.just("probe")),
    happening(events.AvatarLeft, identity=names),
    happening(events.AvatarSilent, identity=names),
    happening(events.Ready),
    happening(
        events.UtteranceStarted,
        avatar=names,
        id=ids,
        onset_s=seconds,
        decided_s=seconds,
        lead_ms=st.just(100),
    ),
    happening(
        events.UtteranceEnded,
        avatar=names,
        id=ids,
        duration_s=seconds,
        bytes=st.just(1),
        reason=st.sampled_from(EndReason),
    ),
    happening(events.PlaybackStarted, avatar=names, id=ids, delay_ms=st.integers(0, 99_999)),
    happening(
        events.PlaybackFinished, avatar=names, id=ids, position_s=seconds, interrupted=st.booleans()
    ),
    happening(
        events.Dropped,
        avatar=st.none() | names,
        seconds=seconds,
        code=st.just("late"),
        why=st.just("late"),
    ),
    happening(
        events.Microphone,
        state=st.sampled_from(["lost", "back", "zeros", "clipping", "quiet"]),
        device=devices,
    ),
    happening(events.Backlog, avatar=names, seconds=seconds),
    happening(
        events.Gate,
        state=st.sampled_from(["open", "closed", "detector"]),
        muted=st.booleans(),
        by=st.just("key"),
    ),
    happening(events.Interrupted, by=st.just("key")),
    happening(
        events.Route, avatars=st.lists(names, max_size=12).map(tuple), number=st.integers(0, 9)
    ),
    happening(
        events.Performer,
        name=st.just("") | names,
        performers=st.lists(names, max_size=16, unique=True).map(tuple),
    ),
    happening(
        events.Microphone,
        state=st.sampled_from(["lost", "back", "zeros", "quiet"]),
        device=names,
        performer=names,
    ),
    happening(events.Voice, avatars=st.lists(names, max_size=3).map(tuple)),
    happening(
        events.Warned,
        avatar=st.none() | names,
        code=st.sampled_from(["avatar_bound", "events_lost", "hum"]),
        message=st.text(max_size=300),
        hint=st.text(max_size=300),
        count=st.none() | st.integers(1, 9),
    ),
    happening(
        events.Failed, code=st.just("x"), message=st.text(max_size=300), hint=st.text(max_size=300)
    ),
)
records = st.lists(anything, max_size=60)


@given(records)
def test_a_record_replayed_gives_the_same_state(happened: list[Event]) -> None:
    lines = [event.as_json() for event in happened]
    assert replay(from_dict(json.loads(line)) for line in lines) == replay(happened)


@given(records, st.integers(0, 60))
def test_wherever_it_is_taken_up_again_it_is_the_same(happened: list[Event], at: int) -> None:
    before = replay(happened[:at])
    kept = replace(before)
    assert replay(happened[at:], before) == replay(happened)
    assert before == kept


@given(records)
def test_a_snapshot_is_json_and_below_4_kib(happened: list[Event]) -> None:
    for state in (replay(happened), replay(happened, many_avatars())):
        written = json.dumps(state.as_dict(), ensure_ascii=False).encode(errors="surrogatepass")
        assert len(written) < 4_096
        assert json.loads(json.dumps(state.as_dict())) == state.as_dict()


def many_avatars() -> State:
    performers = tuple(f"\u00fc\u4e2d{number}" * 20 for number in range(16))
    return replay(
        [
            events.Performer(name=performers[0], performers=performers),
            *(
                events.AvatarReady(identity=f"\u00fc\u4e2d{number}" * 30, how="probe")
                for number in range(30)
            ),
        ]
    )


@given(records)
def test_the_counts_are_the_records(happened: list[Event]) -> None:
    state = replay(happened)
    ended = [each for each in happened if isinstance(each, events.UtteranceEnded)]
    dropped = [each for each in happened if isinstance(each, events.Dropped)]
    delays = [each.delay_ms for each in happened if isinstance(each, events.PlaybackStarted)]
    assert state.utterances == len(ended)
    assert state.seconds == pytest.approx(sum(each.duration_s for each in ended), abs=0.1)
    assert state.dropped_s == pytest.approx(sum(each.seconds for each in dropped), abs=0.1)
    assert list(state.delays_ms) == delays
    assert state.delay_max_ms == max(delays, default=None)
    assert state.since == (round(happened[0].t, 3) if happened else None)
    assert state.t == (round(happened[-1].t, 3) if happened else None)


@given(records)
def test_nobody_who_is_not_there_listens_or_plays(happened: list[Event]) -> None:
    state = State()
    for event in happened:
        state = fold(state, event)
        if isinstance(event, events.AvatarLeft):
            left = state.avatar(event.identity)
            assert left is None or (left.link, left.playing, left.backlog_s) == ("absent", False, 0)
        if isinstance(event, events.Connection) and event.state in ("lost", "reconnecting"):
            assert not state.ready
            assert all(each.link in ("absent", "joined") for each in state.avatars)
        assert sum(each.link == "absent" for each in state.avatars) <= 8
        assert len({each.name for each in state.avatars}) == len(state.avatars)


def test_it_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        State().told_ready = True  # type: ignore[misc]


def test_nothing_happened() -> None:
    summary = State().summary()
    assert (summary.utterances, summary.seconds, summary.dropped, summary.faults) == (0, 0, 0, 0)
    assert summary.delay_median_ms is None
    assert summary.delay_p95_ms is None


def ended(seconds: float) -> Event:
    return events.UtteranceEnded(
        avatar=ANNA,
        id="u1",
        duration_s=seconds,
        bytes=round(seconds * 32_000),
        reason=EndReason.SILENCE,
    )


def test_the_summary() -> None:
    happened: list[Event] = [
        ended(2.0),
        ended(1.5),
        *(
            events.PlaybackStarted(avatar=ANNA, id="u", delay_ms=delay)
            for delay in (300, 100, 200, 240)
        ),
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
    ]
    summary = replay(happened).summary()
    assert summary.utterances == 2
    assert summary.seconds == 3.5
    assert summary.dropped == 0.75
    assert summary.delay_median_ms == 220
    assert summary.delay_p95_ms == 300
    assert summary.faults == 8


def test_an_evening() -> None:
    """Each question a person can ask, as it goes."""
    state = replay(
        [
            events.Capturing(device="USB", rate=48_000, channels=1),
            events.Connection(state="connected", attempt=1),
            events.Route(avatars=(ANNA, "avatar-b*"), number=0),
            events.AvatarJoined(identity=ANNA),
            events.AvatarReady(identity=ANNA, how="probe"),
            events.AvatarJoined(identity="avatar-ben"),
            events.Warned(avatar="avatar-ben", code="avatar_bound", message="bound to another"),
        ]
    )
    assert (state.device, state.microphone, state.connection) == ("USB", "capturing", "connected")
    assert state.several
    assert [(each.name, each.link) for each in state.avatars] == [
        (ANNA, "listening"),
        ("avatar-ben", "bound"),
    ]
    assert not state.ready
    state = fold(state, events.Ready())
    assert state.ready
    assert not state.speaking
    started = events.UtteranceStarted(avatar=ANNA, id="u1", onset_s=1, decided_s=1, lead_ms=100)
    state = fold(state, started)
    assert state.speaking
    state = fold(state, events.Backlog(avatar=ANNA, seconds=1.25))
    assert state.backlog_s == 1.25
    state = replay([ended(1.5), events.PlaybackStarted(avatar=ANNA, id="u1", delay_ms=180)], state)
    assert not state.speaking
    anna = state.avatar(ANNA)
    assert anna is not None
    assert (anna.playing, anna.utterances, anna.seconds, anna.delay_ms) == (True, 1, 1.5, 180)
    state = fold(state, events.Gate(state="closed", muted=True, by="key"))
    assert (state.gate, state.muted) == ("closed", True)
    state = fold(state, events.Microphone(state="lost", device="USB"))
    assert (state.microphone, state.ready) == ("lost", False)
    state = fold(state, events.Microphone(state="back", device="USB"))
    assert (state.microphone, state.ready) == ("capturing", True)


def test_a_microphone_that_comes_back_makes_nothing_ready_that_went_meanwhile() -> None:
    state = replay(
        [
            events.Capturing(device="USB", rate=48_000, channels=1),
            events.AvatarReady(identity=ANNA, how="probe"),
            events.Ready(),
            events.Microphone(state="lost", device="USB"),
            events.AvatarLeft(identity=ANNA),
            events.Microphone(state="back", device="USB"),
        ]
    )
    assert not state.ready
    lost = replay([events.Microphone(state="lost", device="USB"), events.Ready()], state)
    assert not lost.ready
    assert fold(lost, events.Microphone(state="back", device="USB")).heard


@pytest.mark.parametrize(("code", "stays"), [("unheard", False), ("avatar_dead", True)])
def test_a_warning_of_speaking_to_a_closed_gate_goes_with_the_gate(code: str, stays: bool) -> None:
    state = replay(
        [
            events.Gate(state="closed", muted=True, by="key"),
            events.Warned(code=code, message="you speak"),
            events.Gate(state="detector", by="key"),
        ]
    )
    assert (state.warning is not None, state.warnings) == (stays, 1)


def test_a_namesake_that_was_never_spoken_through_leaves_without_a_trace_in_ready() -> None:
    state = replay(
        [
            events.AvatarReady(identity=ANNA, how="probe"),
            events.AvatarJoined(identity="avatar-ben"),
            events.Ready(),
            events.AvatarLeft(identity="avatar-ben"),
        ]
    )
    assert state.ready


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
