"""Cues on their way to the avatars, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

from micstream import events
from micstream.bus import Bus
from micstream.controls import Controls
from micstream.errors import MicstreamError, UsageError
from micstream.fan_out import FanOut
from micstream.messages import Message
from micstream.settings.pieces import ControlSettings
from micstream.show.cue import Cue, Show
from micstream.show.player import AHEAD_S, CuePlayer
from micstream.speech.cutter import Gate
from micstream.speech.events import End, EndReason, Onset, Speech
from micstream.taps import Captured, Taps
from testbed.outputs import NotedOutput
from testbed.virtual_time import run_virtual


def tone(seconds: float, level: int = 8_000) -> bytes:
    return np.full(round(16_000 * seconds), level, "<i2").tobytes()


CUES = (
    Cue("applause", tone(3.0), fade_s=0.3),
    Cue("rain", tone(5.0)),
    Cue("bow", messages=(Message("rpc", "gesture", "bow"),)),
    Cue("outro", tone(1.0), then="mute"),
    Cue("bed", tone(4.0), meanwhile="duck"),
    Cue("idle", tone(4.0), meanwhile="takeover"),
    Cue("broken", problem="broken.wav: no sound in it"),
)


class Held:
    """A microphone that can be held."""

    held = 0

    def hold(self) -> None:
        self.held += 1

    def release(self) -> None:
        self.held -= 1


class Desk:
    """Cues, controls, one avatar."""

    def __init__(self) -> None:
        self.output, self.bus, self.taps = NotedOutput(), Bus(), Taps()
        self.told = self.bus.subscribe("test", 10_000).events
        self.fan_out = FanOut([self.output])
        self.sent: list[Message] = []
        self.refuses = False
        self.microphone: Held = Held()
        self.player = CuePlayer(Show(CUES), self.fan_out, self.taps, self.bus, self)
        self.controls = Controls(
            self.fan_out, self.bus, ControlSettings(manual=False, route=0), self.player
        )

    async def send(self, message: Message) -> None:
        if self.refuses:
            raise MicstreamError("rpc 'gesture' to 'avatar-a': it knows no such call")
        self.sent.append(message)

    @property
    def seconds(self) -> float:
        """Of sound that the avatar got."""
        return sum(len(e.pcm) for e in self.output.got if isinstance(e, Speech)) / 32_000

    @property
    def cues(self) -> list[tuple[str, str]]:
        """What was told of cues."""
        return [
            (event.cue, event.reason if isinstance(event, events.CueEnded) else "started")
            for event in self.told
            if isinstance(event, events.CueStarted | events.CueEnded)
        ]


def at_desk(scenario: Callable[[Desk], Awaitable[None]], *, live: bool = True) -> Desk:
    """Play a scenario in virtual time; `live`: a microphone is listened to, and silent."""

    async def play() -> Desk:
        desk = Desk()
        async with desk.player.turns.live(desk.microphone) if live else nullcontext():
            running = asyncio.create_task(desk.player.run(desk.controls))
            await scenario(desk)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        return desk

    return run_virtual(play())


def test_all_of_it_is_sent_a_moment_ahead_and_the_microphone_is_held() -> None:
    async def scenario(desk: Desk) -> None:
        desk.controls.cue("applause", by="page")
        await asyncio.sleep(0.01)
        assert 0.1 <= desk.seconds <= AHEAD_S + 0.05, "what is heard at once, and no more"
        assert desk.microphone.held == 1
        await asyncio.sleep(1.0)
        assert desk.seconds <= 1.0 + AHEAD_S + 0.1
        await asyncio.sleep(2.5)
        assert desk.microphone.held == 0

    desk = at_desk(scenario)
    assert desk.seconds == 3.0
    assert desk.output.kinds.startswith("(-")
    assert desk.output.ends == ["source_ended"]
    assert desk.cues == [("applause", "started"), ("applause", "end")]


def test_pressed_again_it_fades_and_ends() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.controls.do("cue", 1)
        await asyncio.sleep(1.0)
        await desk.controls.do("cue", "applause", by="osc")
        await asyncio.sleep(1.0)

    desk = at_desk(scenario)
    assert desk.cues[-1] == ("applause", "stop")
    assert abs(desk.seconds - (1.0 + AHEAD_S + 0.3)) < 0.1
    last = next(e for e in reversed(desk.output.got) if isinstance(e, Speech))
    assert abs(np.frombuffer(last.pcm, "<i2")[-1]) < 100


@pytest.mark.parametrize("again", ["stop", "applause"])
def test_pressed_while_it_fades_it_begins_anew_and_stopped_it_does_not(again: str) -> None:
    async def scenario(desk: Desk) -> None:
        desk.controls.cue("applause")
        await asyncio.sleep(1.0)
        desk.controls.cue("stop")
        desk.controls.cue(again)
        await asyncio.sleep(0.5)

    desk = at_desk(scenario)
    started = [cue for cue in desk.cues if cue == ("applause", "started")]
    assert len(started) == (1 if again == "stop" else 2)


def test_another_takes_its_place() -> None:
    async def scenario(desk: Desk) -> None:
        desk.controls.cue("applause")
        await asyncio.sleep(1.0)
        desk.controls.cue("rain")
        await asyncio.sleep(1.0)
        desk.controls.cue("stop")
        await asyncio.sleep(1.0)

    desk = at_desk(scenario)
    assert desk.cues == [
        ("applause", "started"),
        ("applause", "replaced"),
        ("rain", "started"),
        ("rain", "stop"),
    ]
    assert desk.output.kinds.count("(") == desk.output.kinds.count(")") == 2


@pytest.mark.parametrize("verb", ["interrupt", "panic"])
def test_it_is_cut_off_at_once(verb: str) -> None:
    async def scenario(desk: Desk) -> None:
        desk.controls.cue("applause")
        await asyncio.sleep(1.0)
        before = desk.seconds
        await desk.controls.do(verb)
        await asyncio.sleep(1.0)
        assert desk.seconds == before

    desk = at_desk(scenario)
    assert desk.cues[-1] == ("applause", verb)
    assert desk.output.ends == ["interrupt"]
    assert desk.output.interrupts == 1
    assert desk.controls.muted == (verb == "panic")


def test_its_end_does_what_it_says_and_a_stop_does_not() -> None:
    async def ended(desk: Desk) -> None:
        desk.controls.cue("outro")
        await asyncio.sleep(2.0)
        assert desk.controls.muted

    async def stopped(desk: Desk) -> None:
        desk.controls.cue("outro")
        await asyncio.sleep(0.3)
        desk.controls.cue("stop")
        await asyncio.sleep(2.0)
        assert not desk.controls.muted

    at_desk(ended)
    at_desk(stopped)


def test_messages_are_sent_and_one_that_fails_is_told() -> None:
    async def scenario(desk: Desk) -> None:
        desk.controls.cue("bow")
        await asyncio.sleep(0.1)
        assert desk.sent == [Message("rpc", "gesture", "bow")]
        desk.refuses = True
        desk.controls.cue("bow")
        await asyncio.sleep(0.1)

    desk = at_desk(scenario)
    assert desk.output.got == [], "a cue without sound is no utterance"
    (warned,) = [event for event in desk.told if isinstance(event, events.Warned)]
    assert warned.code == "cue_message_failed"
    assert "it knows no such call" in warned.message


def test_a_broken_one_is_told_and_stops_nothing() -> None:
    async def scenario(desk: Desk) -> None:
        desk.controls.cue("applause")
        await asyncio.sleep(0.5)
        desk.controls.cue("broken")
        await asyncio.sleep(4.0)

    desk = at_desk(scenario)
    assert desk.cues[-1] == ("applause", "end")
    assert [event.code for event in desk.told if isinstance(event, events.Warned)] == [
        "cue_unusable"
    ]


def test_who_speaks_takes_over() -> None:
    async def scenario(desk: Desk) -> None:
        desk.controls.cue("idle")
        await asyncio.sleep(1.0)
        assert desk.microphone.held == 0
        desk.fan_out.put(Onset(0, 0, 0), 1.0)
        desk.fan_out.put(Speech(0, tone(0.1)), 0.0)
        await asyncio.sleep(1.0)
        end = End(end=1_600, speech_end=1_600, decided=1_600, voiced=1_600, enough=True,
                  reason=EndReason.SILENCE)  # fmt: skip
        desk.fan_out.put(end, 0.0)

    desk = at_desk(scenario)
    assert desk.cues[-1] == ("idle", "performer")
    assert desk.output.ends == ["mute", "silence"]
    kinds = desk.output.kinds
    assert kinds.index(")") < kinds.rindex("("), "never two at once"


class Speaking(Held):
    """A microphone into which somebody speaks without end, its gate open or by the detector."""

    def __init__(self, fan_out: FanOut, *, is_open: bool) -> None:
        self.fan_out = fan_out
        self.is_open = is_open

    def begin(self) -> None:
        """An onset is decided."""
        self.fan_out.put(Onset(0, 0, 0), 1.0)
        self.fan_out.put(Speech(0, tone(0.1)), 0.0)

    def hold(self) -> None:
        super().hold()
        end = End(1_600, 1_600, 1_600, 1_600, True, EndReason.MUTE)
        self.fan_out.put(end, 0.0)

    def release(self) -> None:
        super().release()
        if self.is_open:
            self.begin()


@pytest.mark.parametrize("is_open", [False, True])
def test_a_cue_that_gives_way_is_not_sent_into_what_somebody_is_saying(is_open: bool) -> None:
    async def scenario(desk: Desk) -> None:
        desk.microphone = Speaking(desk.fan_out, is_open=is_open)
        async with desk.player.turns.live(desk.microphone):
            desk.microphone.begin()
            desk.controls.cue("idle")
            await asyncio.sleep(0.3)
            if not is_open:
                assert desk.cues == [("idle", "started")]
                desk.microphone.begin()
            await asyncio.sleep(0.1)
            assert desk.microphone.held == 0

    desk = at_desk(scenario, live=False)
    assert desk.cues == [("idle", "started"), ("idle", "performer")]
    borders = desk.output.kinds.replace("-", "")
    assert borders.startswith("()()("), borders
    assert "((" not in borders
    assert "))" not in borders


@pytest.mark.parametrize("gate", [Gate.DETECTOR, Gate.CLOSED])
def test_the_microphone_is_mixed_in_quieter_unless_its_gate_is_closed(gate: Gate) -> None:
    async def scenario(desk: Desk) -> None:
        if gate is Gate.CLOSED:
            desk.controls.mute("on")
        desk.controls.cue("bed")
        await asyncio.sleep(0.5)
        for _ in range(10):
            desk.taps.captured(Captured("mic", 0, 0, 0.0, tone(0.05, level=4_000), speaking=True))
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)

    desk = at_desk(scenario)
    heard = {
        int(each)
        for e in desk.output.got
        if isinstance(e, Speech)
        for each in np.frombuffer(e.pcm, "<i2")
    }
    assert heard == ({8_000, 8_000 + 1_005} if gate is Gate.DETECTOR else {8_000})


def test_an_end_in_the_middle_is_told() -> None:
    async def scenario(desk: Desk) -> None:
        desk.controls.cue("applause")
        await asyncio.sleep(0.5)

    desk = at_desk(scenario)
    assert desk.cues[-1] == ("applause", "shutdown")
    assert desk.output.ends == ["shutdown"]


@pytest.mark.parametrize("wrong", ["applaus", "8", 0, -1, 99, "x" * 1_000])
def test_one_that_is_not_there_is_refused(wrong: Any) -> None:
    async def scenario(desk: Desk) -> None:
        with pytest.raises(UsageError) as refused:
            await desk.controls.do("cue", wrong)
        assert refused.value.code == "no_such_cue"
        assert "applause" in refused.value.hint

    assert at_desk(scenario).cues == []
