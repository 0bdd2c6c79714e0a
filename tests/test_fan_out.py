"""What is said goes where the route leads; whoever got an onset gets all of its utterance."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream.fan_out import FanOut
from micstream.speech.events import End, EndReason, Onset, SegmentEvent, Speech
from testbed.outputs import NotedOutput

ONSET = Onset(0, 0, 0)
SPEECH = Speech(0, bytes(320))
END = End(160, 160, 160, 160, True, EndReason.SILENCE)


def three() -> tuple[NotedOutput, NotedOutput, NotedOutput]:
    return NotedOutput("avatar-a"), NotedOutput("avatar-b"), NotedOutput("c*")


def test_at_first_all_get_it() -> None:
    outputs = three()
    fan_out = FanOut(outputs)
    for event in (ONSET, SPEECH, END):
        fan_out.put(event, 1.0)
    assert [each.kinds for each in outputs] == ["(-)"] * 3
    assert fan_out.routed == ("avatar-a", "avatar-b", "c*")


def test_one_that_is_not_there_is_refused_and_nothing_changes() -> None:
    fan_out = FanOut(three(), 2)
    for number in (-1, 4):
        with pytest.raises(ValueError, match="avatars: 3"):
            fan_out.route(number)
        with pytest.raises(ValueError, match="avatars: 3"):
            fan_out.would_change(number)
        with pytest.raises(ValueError, match="avatars: 3"):
            FanOut(three(), number)
    assert (fan_out.number, fan_out.routed) == (2, ("avatar-b",))


def test_all_of_one_is_that_one() -> None:
    assert not FanOut([NotedOutput()]).would_change(1)
    assert FanOut(three()).would_change(1)


@given(
    st.lists(
        st.one_of(st.integers(0, 3), st.sampled_from([(0,), (1,), (2,)])),
        max_size=40,
    )
)
def test_each_gets_whole_utterances_wherever_the_route_changes(
    steps: list[int | tuple[int]],
) -> None:
    outputs = three()
    fan_out = FanOut(outputs)
    routed_at: list[tuple[str, ...]] = []
    sequence: tuple[SegmentEvent, ...] = (ONSET, SPEECH, END)
    at = 0
    for step in steps:
        if isinstance(step, int):
            fan_out.route(step)
            continue
        if at == 0:
            routed_at.append(fan_out.routed)
        fan_out.put(sequence[at], 0.0)
        at = (at + 1) % 3
    while at:
        fan_out.put(sequence[at], 0.0)
        at = (at + 1) % 3
    for output in outputs:
        expected = sum(output.pattern in routed for routed in routed_at)
        assert output.kinds == "(-)" * expected


async def test_while_another_listens_none_that_does_not_is_waited_for() -> None:
    here, absent, _ = outputs = three()
    absent.is_listening = outputs[2].is_listening = False
    fan_out = FanOut(outputs)
    await fan_out.put_in_turn(ONSET, 0.0, wait_avatar=30.0)
    assert here.in_turn == [(30.0, True)]
    assert absent.in_turn == outputs[2].in_turn == [(0.0, False)]


async def test_where_none_listens_the_one_meant_is_waited_for() -> None:
    first, second, _ = outputs = three()
    for each in outputs:
        each.is_listening = False
    fan_out = FanOut(outputs, 2)
    await fan_out.put_in_turn(ONSET, 0.0, wait_avatar=30.0)
    assert (first.in_turn, second.in_turn) == ([], [(30.0, True)])


async def test_joining_waits_for_each_also_for_one_that_is_not_routed_any_more() -> None:
    outputs = three()
    fan_out = FanOut(outputs, 1)
    outputs[2].free.clear()
    joining = asyncio.create_task(fan_out.join())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not joining.done()
    outputs[2].free.set()
    await joining


async def test_mute_and_interrupt_are_for_all() -> None:
    outputs = three()
    fan_out = FanOut(outputs, 1)
    fan_out.mute(True)
    await fan_out.interrupt()
    assert [(each.muted, each.interrupts) for each in outputs] == [(True, 1)] * 3
