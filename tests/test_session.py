"""A session from joining to leaving: whatever comes first, the avatars are left in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any, cast

import numpy as np
import pytest

from micstream import events
from micstream import listening as listening_
from micstream.bus import Bus
from micstream.controls import Controls
from micstream.errors import AudioDeviceError, ConnectionFailed, UsageError
from micstream.events import Failed, Warned
from micstream.fan_out import FanOut
from micstream.listening import SoundSettings
from micstream.room.room import Room
from micstream.session import HURRY_S, Session, untold
from micstream.settings import Settings
from micstream.settings.pieces import ControlSettings
from micstream.sources import audio_thread, microphone, opening, portaudio
from micstream.sources.sound_server import SourceWatch
from micstream.sources.source import Away, Block, LiveSource, Lost, Opened, Source
from micstream.speech.events import Speech
from micstream.taps import Taps
from testbed.outputs import NotedOutput
from testbed.sources import Pushed, Scripted, ScriptedOpener, Silent
from testbed.speech import HELLO, samples
from testbed.waiting import wait_until
from tests.support.fake_room import FakeRoom
from tests.support.portaudio import FakeDevice, FakePortAudio
from tests.support.standstill import Standstill
from tests.support.tones import tone

SAID = b"\x00\x20" * 1_600


class Stage:
    """A session in a room without a server."""

    def __init__(self, *outputs: NotedOutput) -> None:
        self.room = FakeRoom(*outputs)
        self.bus = Bus()
        self.told = self.bus.subscribe("test", 10_000).events
        fan_out = FanOut(self.room.avatars)
        settings = Settings(vad="webrtc")
        sound = SoundSettings(
            settings.capture(), settings.detection(), {}, path=settings.sound_path()
        )
        self.controls = Controls(fan_out, self.bus, ControlSettings(manual=False, route=0))
        room = cast("Room", self.room)
        self.session = Session(room, fan_out, self.controls, self.bus, sound, Taps())
        self.stop = asyncio.Event()

    def run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return asyncio.create_task(self.session.run(work, stop=self.stop))

    @property
    def names(self) -> list[str]:
        return [event.EVENT for event in self.told]

    @property
    def hurried(self) -> bool:
        """Whether the last word to the room was a deadline."""
        return bool(self.room.deadlines) and self.room.deadlines[-1] is not None


class Working:
    """Some work, and how it went."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.ended = ""
        self._end: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def __call__(self) -> None:
        self.begun.set()
        try:
            await self._end
        except asyncio.CancelledError:
            self.ended = "cancelled"
            raise
        else:
            self.ended = "done"

    def finish(self, error: Exception | None = None) -> None:
        if error is None:
            self._end.set_result(None)
        else:
            self._end.set_exception(error)


async def settle(rounds: int = 20) -> None:
    """Let everything happen that can."""
    for _ in range(rounds):
        await asyncio.sleep(0)


class Lonely(Exception):
    """Something of the caller's own."""


# ---- some work, from joining to leaving --------------------------------------------------------


async def test_work_begins_before_the_room_is_joined_and_is_played_to_its_end() -> None:
    stage, work = Stage(), Working()
    stage.room.joins.clear()
    running = stage.run(work())
    await settle()
    assert work.begun.is_set()
    assert stage.room.log == ["joining"]
    stage.room.joins.set()
    await settle()
    work.finish()
    await running
    assert stage.room.log == ["joining", "joined", "leave", "closed"]
    assert stage.room.deadlines == [None]


async def test_work_that_is_done_before_still_joins_and_leaves() -> None:
    stage, work = Stage(), Working()
    stage.room.joins.clear()
    running = stage.run(work())
    await settle()
    work.finish()
    await settle()
    assert not running.done()
    stage.room.joins.set()
    await running
    assert stage.room.log[-1] == "closed"


async def test_a_stop_while_the_server_does_not_answer_ends_at_once() -> None:
    stage, work = Stage(), Working()
    stage.room.joins.clear()
    running = stage.run(work())
    await settle()
    stage.stop.set()
    await asyncio.wait_for(running, 1)
    assert work.ended == "cancelled"
    assert stage.room.log == ["joining"]


async def test_work_that_fails_waits_for_no_server() -> None:
    stage, work = Stage(), Working()
    stage.room.joins.clear()
    running = stage.run(work())
    await settle()
    work.finish(Lonely())
    with pytest.raises(Lonely):
        await asyncio.wait_for(running, 1)
    assert stage.room.log == ["joining"]


async def test_a_room_that_cannot_be_joined_ends_the_work() -> None:
    stage, work = Stage(), Working()
    stage.room.refuses = ConnectionFailed("no")
    with pytest.raises(ConnectionFailed, match="no"):
        await stage.run(work())
    assert work.ended in ("", "cancelled")
    assert stage.room.log == ["joining"]


async def test_a_stop_ends_the_work_first_and_then_leaves_within_its_deadline() -> None:
    stage, work = Stage(), Working()
    ended: list[str] = []
    running = stage.run(work())
    await settle()
    now = asyncio.get_running_loop().time()
    stage.stop.set()
    await running
    ended.append(work.ended)
    assert ended == ["cancelled"]
    assert stage.room.log == ["joining", "joined", "leave", "closed"]
    assert stage.room.deadlines == [pytest.approx(now + HURRY_S, abs=0.2)]


async def test_work_that_is_slow_to_end_takes_nothing_of_the_time_for_leaving() -> None:
    stage, over = Stage(), asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await over.wait()

    running = stage.run(work())
    await settle()
    stage.stop.set()
    await wait_until(lambda: "closed" in stage.room.log, 5)
    assert not running.done()
    over.set()
    await running
    assert stage.room.log == ["joining", "joined", "leave", "closed"]


async def test_a_stop_while_the_rest_plays_brings_the_deadline_nearer() -> None:
    stage, work = Stage(), Working()
    stage.room.plays.clear()
    running = stage.run(work())
    await settle()
    work.finish()
    await settle()
    assert stage.room.deadlines == [None]
    stage.stop.set()
    await settle()
    stage.room.plays.set()
    await running
    assert stage.hurried
    assert work.ended == "done"


async def test_a_room_that_is_closed_to_us_ends_the_work_and_says_why() -> None:
    stage, work = Stage(), Working()
    running = stage.run(work())
    await settle()
    stage.room.fail(ConnectionFailed("someone else took our identity"))
    with pytest.raises(ConnectionFailed, match="someone else"):
        await running
    assert work.ended == "cancelled"
    assert stage.room.log[-1] == "closed"
    assert stage.hurried


async def test_a_failure_of_its_own_task_reaches_the_program() -> None:
    stage, work = Stage(), Working()
    running = stage.run(work())
    await settle()
    stage.room.fail(Lonely("a mistake"))
    with pytest.raises(Lonely, match="a mistake"):
        await running
    assert stage.room.log[-2:] == ["leave", "closed"], "the avatars survive that too"


@pytest.mark.parametrize(
    ("error", "code"),
    [(Lonely("a mistake"), "unexpected"), (ConnectionFailed("no", code="x"), "x")],
)
async def test_whoever_reads_the_events_hears_of_it_once(error: Exception, code: str) -> None:
    stage, work = Stage(), Working()
    running = stage.run(work())
    await settle()
    stage.room.fail(error)
    with pytest.raises(type(error)):
        await running
    (told,) = [event for event in stage.told if isinstance(event, Failed)]
    assert told.code == code
    assert str(error) in told.message
    assert untold(error) is None, "the command line has nothing to add"


async def test_what_the_sdk_has_put_into_an_error_is_not_told() -> None:
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJtZSJ9.abcdef"
    told = untold(Lonely(f"wss://x/rtc?access_token={token}"))
    assert told is not None
    assert token not in told.message


async def test_work_that_fails_leaves_in_a_hurry_and_its_error_is_the_one_told() -> None:
    stage, work = Stage(), Working()
    running = stage.run(work())
    await settle()
    work.finish(AudioDeviceError("no microphone"))
    with pytest.raises(AudioDeviceError, match="no microphone"):
        await running
    assert stage.room.log[-2:] == ["leave", "closed"]
    assert stage.hurried


@pytest.mark.parametrize("times", [1, 2, 5])
async def test_however_often_it_is_cancelled_it_leaves_in_order(times: int) -> None:
    stage, work = Stage(), Working()
    stage.room.hangs_in_leaving = True
    running = stage.run(work())
    await settle()
    for _ in range(times):
        running.cancel()
        await settle(5)
    with pytest.raises(asyncio.CancelledError):
        await running
    assert work.ended == "cancelled"
    assert stage.room.log == ["joining", "joined", "leave", "closed"]
    assert stage.hurried


async def test_cancelled_while_the_rest_plays_it_is_in_a_hurry() -> None:
    stage, work = Stage(), Working()
    stage.room.plays.clear()
    running = stage.run(work())
    await settle()
    work.finish()
    await settle()
    running.cancel()
    await settle()
    running.cancel()
    stage.room.plays.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert stage.hurried
    assert stage.room.log[-1] == "closed"


# ---- as a context manager ----------------------------------------------------------------------


async def test_entered_it_has_joined_and_left_it_has_played() -> None:
    stage = Stage()
    async with stage.session:
        assert stage.room.log == ["joining", "joined"]
    assert stage.room.deadlines == [None]
    assert stage.room.log[-1] == "closed"


async def test_it_cannot_be_entered_where_the_room_is_not() -> None:
    stage = Stage()
    stage.room.refuses = ConnectionFailed("no")
    with pytest.raises(ConnectionFailed, match="no"):
        async with stage.session:
            raise AssertionError("never here")


async def test_entering_that_is_cancelled_ends_at_once() -> None:
    stage = Stage()
    stage.room.joins.clear()
    entering = asyncio.create_task(stage.session.__aenter__())
    await settle()
    entering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(entering, 1)
    assert stage.room.log == ["joining"]


async def test_a_callers_own_error_leaves_in_a_hurry() -> None:
    stage = Stage()
    with pytest.raises(Lonely):
        async with stage.session:
            raise Lonely
    assert stage.hurried


async def test_what_has_failed_and_nobody_asked_for_is_told_at_the_end() -> None:
    stage = Stage()
    with pytest.raises(ConnectionFailed, match="put us out"):
        async with stage.session:
            stage.room.fail(ConnectionFailed("put us out"))
            await settle()
            with pytest.raises(ConnectionFailed):
                await stage.session.wait_failed()


async def test_it_begins_once() -> None:
    stage = Stage()
    async with stage.session:
        with pytest.raises(RuntimeError, match="once"):
            await stage.session.__aenter__()


# ---- sources -----------------------------------------------------------------------------------


class Said(Silent):
    """A source of some blocks, which may stand still or fail after them."""

    def __init__(self, blocks: int = 1, error: Exception | None = None, *, hangs: bool = False):
        super().__init__()
        self.count, self.error, self.hangs = blocks, error, hangs
        self.read = 0

    async def blocks(self) -> AsyncIterator[Block]:
        for _ in range(self.count):
            self.read += 1
            yield Block(SAID, 1.0)
        if self.hangs:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error


async def test_a_source_is_spoken_whole_and_waits_as_long_as_it_is_told() -> None:
    stage = Stage()
    async with stage.session as session:
        await session.speak(Said(3), cut=False, wait_avatar=30.0)
    (output,) = stage.room.avatars
    assert output.kinds == "(---)"
    assert output.ends == ["source_ended"]
    assert {wait for wait, _ in output.in_turn} == {30.0}


async def test_a_source_is_read_no_faster_than_it_is_sent() -> None:
    stage = Stage()
    (output,) = stage.room.avatars
    async with stage.session as session:
        output.free.clear()
        source = Said(5)
        speaking = asyncio.create_task(session.speak(source, cut=False))
        await settle()
        assert source.read == 1
        output.free.set()
        await speaking
        assert source.read == 5


@pytest.mark.parametrize("how", ["fails", "is cancelled"])
async def test_what_was_begun_is_ended_however_the_source_ends(how: str) -> None:
    stage = Stage()
    async with stage.session as session:
        source = Said(2, Lonely() if how == "fails" else None, hangs=how != "fails")
        speaking = asyncio.create_task(session.speak(source, cut=False))
        await settle()
        speaking.cancel()
        with pytest.raises((Lonely, asyncio.CancelledError)):
            await speaking
    (output,) = stage.room.avatars
    assert output.ends == ["shutdown"]


async def test_sources_are_spoken_one_after_the_other() -> None:
    stage = Stage()
    async with stage.session as session:
        await asyncio.gather(*(session.speak(Said(2), cut=False) for _ in range(3)))
    (output,) = stage.room.avatars
    assert output.kinds == "(--)" * 3


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Pushed:
    """The live source that the settings lead to."""
    pushed = Pushed()

    def live(wanted: str | None, *, channel: int = 0, channels: int = 0) -> LiveSource:
        return pushed

    monkeypatch.setattr(opening, "live", live)
    return pushed


async def test_nothing_else_is_spoken_while_the_microphone_is_listened_to(
    device: Pushed,
) -> None:
    stage = Stage()
    async with stage.session as session:
        listening = asyncio.create_task(session.listen())
        await settle()
        for other in (session.speak(Said(), cut=False), session.listen()):
            with pytest.raises(UsageError, match="listened to"):
                await other
        listening.cancel()
        await asyncio.wait([listening])
        await session.speak(Said(), cut=False)
    assert device.closed


async def test_ready_is_told_once_all_is_there(device: Pushed) -> None:
    """The avatars first, then the microphone; and again whenever an avatar is back."""
    stage = Stage()
    async with stage.session as session:
        listening = asyncio.create_task(session.listen())
        stage.room.become_ready()
        await settle()
        assert "ready" not in stage.names
        device.push(Opened(cast("Source", Silent())), Block(bytes(640), 1.0))
        await settle()
        assert stage.names == ["gate", "capturing", "ready"]
        stage.room.become_ready()
        await settle()
        assert stage.names.count("ready") == 2
        listening.cancel()
        await asyncio.wait([listening])


async def test_without_a_microphone_ready_is_when_the_avatars_are() -> None:
    stage = Stage()
    async with stage.session:
        stage.room.become_ready()
        await settle()
        assert stage.names == ["ready"]


async def test_several_avatars_are_told_of_their_route() -> None:
    stage = Stage(NotedOutput("avatar-a"), NotedOutput("avatar-b"))
    async with stage.session:
        pass
    assert stage.names == ["route", "voice"]


# ---- listening ---------------------------------------------------------------------------------

LOUD = b"\x00\x40\x00\xc0" * 160
"""20 ms."""


async def test_a_microphone_through_a_loss_and_back(device: Pushed) -> None:
    stage = Stage()
    silent = Silent()
    silent.name = "USB"
    source = cast("Source", silent)
    (output,) = stage.room.avatars
    async with stage.session as session:
        listening = asyncio.create_task(session.listen())
        session.controls.manual("on")
        device.push(Opened(source), Block(LOUD, 1.0), Block(LOUD, 1.02))
        await settle()
        assert output.kinds.startswith("(-")
        device.push(Lost(source, AudioDeviceError("it is gone", code="device_lost")))
        await settle()
        assert output.ends == ["device"]
        device.push(Away(source, AudioDeviceError("no input device 'USB'", code="no_device")))
        await settle()
        device.push(Opened(source, again=True), Block(LOUD, 9.0, 7.96, "device"))
        await settle()
        device.push(Block(LOUD, 9.02, 0.5, "slow"))
        await settle()
        listening.cancel()
        await asyncio.wait([listening])
    assert output.ends == ["device", "shutdown"]
    told = [(event.EVENT, getattr(event, "state", None)) for event in stage.told]
    assert told == [
        ("gate", "open"),
        ("capturing", None),
        ("microphone", "lost"),
        ("warning", None),
        ("warning", None),
        ("microphone", "back"),
        ("dropped", None),
    ]
    assert [each.code for each in stage.told if isinstance(each, Warned)] == [
        "device_lost",
        "no_device",
    ]
    assert stage.bus.state.dropped_s == 0.5


@pytest.mark.parametrize(("verb", "why"), [("mute", "muted"), ("manual", "the gate is closed")])
async def test_speech_behind_a_closed_gate_is_told_once_each_time_it_is_closed(
    device: Pushed, verb: str, why: str
) -> None:
    stage = Stage()
    speech = samples(HELLO).tobytes()
    at = 0.0

    async def speak() -> None:
        nonlocal at
        for start in range(0, len(speech), len(LOUD)):
            at += 0.02
            device.push(Block(speech[start : start + len(LOUD)], at))
        await settle(300)

    async with stage.session as session:
        listening = asyncio.create_task(session.listen())
        device.push(Opened(cast("Source", Silent())))
        await speak()
        assert "warning" not in stage.names
        for _ in range(2):
            await session.controls.do(verb, "on" if verb == "mute" else "off")
            await speak()
            await speak()
            session.controls.auto()
            await speak()
        listening.cancel()
        await asyncio.wait([listening])
    warnings = [event for event in stage.told if isinstance(event, events.Warned)]
    assert [event.code for event in warnings] == ["unheard", "unheard"]
    assert {event.message for event in warnings} == {f"you speak, but {why}: you are NOT heard"}
    assert all("press" in event.hint for event in warnings)


async def test_one_that_was_looked_for_before_is_the_one_that_is_heard() -> None:
    stage = Stage()
    found, after = Scripted([Block(LOUD, 1.0)], name="found"), ScriptedOpener()
    stage.session.microphone = opening.Found(after, found)
    async with stage.session as session:
        listening = asyncio.create_task(session.listen())
        await settle(50)
        assert stage.names[:2] == ["gate", "capturing"]
        assert stage.bus.state.device == "found"
        # There is a pause before a device is opened again.
        await wait_until(lambda: after.asked, 10, "its opener to be asked")
        assert after.asked == [True], "lost, it is the opener's"
        listening.cancel()
        await asyncio.wait([listening])


@pytest.mark.parametrize(
    ("name", "told"),
    [("USB: - (hw:2,0)", []), ("Yeti", ["'Yeti' in place of 'USB: - (hw:1,0)'"])],
)
async def test_another_microphone_in_its_place_is_told_and_another_number_of_it_is_not(
    device: Pushed, name: str, told: list[str]
) -> None:
    stage = Stage()
    before, now = Silent(), Silent()
    before.name, now.name = "USB: - (hw:1,0)", name
    async with stage.session as session:
        listening = asyncio.create_task(session.listen())
        device.push(Opened(cast("Source", before)), Block(LOUD, 1.0))
        device.push(Opened(cast("Source", now), again=True), Block(LOUD, 9.0))
        await settle()
        listening.cancel()
        await asyncio.wait([listening])
    words = [each.message for each in stage.told if isinstance(each, Warned)]
    assert [each.partition("is used: ")[2] for each in words] == told


async def test_a_watch_of_the_sound_server_that_fails_is_told_and_ends_no_show(
    device: Pushed, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []

    async def fails(_: SourceWatch) -> None:
        begun.append("watch")
        raise ZeroDivisionError

    monkeypatch.setattr(listening_, "is_behind", lambda name: name == "default")
    monkeypatch.setattr(SourceWatch, "run", fails)
    stage, silent = Stage(), Silent()
    silent.name = "default"
    source = cast("Source", silent)
    async with stage.session as session:
        listening = asyncio.create_task(session.listen())
        device.push(Opened(source), Block(LOUD, 1.0))
        await settle()
        device.push(Lost(source, AudioDeviceError("gone")), Opened(source, again=True))
        device.push(Block(LOUD, 9.0))
        await settle()
        assert not listening.done()
        listening.cancel()
        await asyncio.wait([listening])
    assert begun == ["watch", "watch"]
    codes = [each.code for each in stage.told if isinstance(each, Warned)]
    assert codes.count("source_unwatched") == 2


async def test_one_that_cannot_be_opened_is_an_error(device: Pushed) -> None:
    stage = Stage()
    device.push(AudioDeviceError("no such device"))
    with pytest.raises(AudioDeviceError, match="no such device"):
        await stage.run(stage.session.listen())


async def test_a_mute_before_the_microphone_is_there_counts(device: Pushed) -> None:
    stage = Stage()
    (output,) = stage.room.avatars
    async with stage.session as session:
        session.controls.manual("on")
        session.controls.mute("on")
        listening = asyncio.create_task(session.listen())
        device.push(Opened(cast("Source", Silent())), *[Block(LOUD, 1.0)] * 5)
        await settle()
        assert output.kinds == ""
        session.controls.mute("off")
        device.push(Block(LOUD, 1.1))
        await settle()
        assert output.kinds.startswith("(-")
        listening.cancel()
        await asyncio.wait([listening])


@pytest.mark.parametrize("call", ["query_devices", "check_input_settings", "RawInputStream"])
async def test_one_that_never_answers_is_an_error_within_the_deadline(
    monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Also for a program of one's own: it is this that `Sender.listen` does."""
    fake, still = FakePortAudio([FakeDevice("USB")]), Standstill(monkeypatch)
    monkeypatch.setattr(portaudio, "load", lambda: fake)
    monkeypatch.setattr(audio_thread, "DEADLINE_S", 0.05)
    monkeypatch.setattr(microphone, "_BEGIN_S", 0.05)
    still.of(fake, call)
    stage = Stage()
    try:
        with pytest.raises(AudioDeviceError, match="the sound system does not answer"):
            async with stage.session as session:
                await session.listen()
    finally:
        still.let_go()
    assert stage.room.log[-1] == "closed"


# ---- channels that cancel each other -------------------------------------------------------------

VOICE = tone(300, 16_000)
OPPOSITE = np.stack([VOICE, -VOICE], axis=1).tobytes()


async def test_of_a_stream_whose_channels_cancel_each_other_one_is_heard_and_it_is_told() -> None:
    stage = Stage()
    source = Scripted([Block(OPPOSITE, 1.0)] * 2, None, channels=2, name="stdin")
    await stage.run(stage.session.speak(source, cut=False))
    (output,) = stage.room.avatars
    heard = b"".join(event.pcm for event in output.got if isinstance(event, Speech))
    assert heard == bytes(1_024) + VOICE.tobytes()[1_024:] + VOICE.tobytes(), "one window is gone"
    told = [event for event in stage.told if isinstance(event, Warned)]
    assert [event.code for event in told] == ["channels_cancel"]
    assert "channel 1" in told[0].message


async def test_of_such_a_microphone_it_is_told_once(device: Pushed) -> None:
    stage = Stage()
    source = cast("Source", Silent(channels=2, name="line in"))
    async with stage.session as session:
        listening = asyncio.create_task(session.listen())
        device.push(Opened(source), *[Block(OPPOSITE, 1.0)] * 2)
        device.push(Lost(source, AudioDeviceError("gone")), Opened(source, again=True))
        device.push(*[Block(OPPOSITE, 9.0)] * 2)
        await settle()
        listening.cancel()
        await asyncio.wait([listening])
    told = [event for event in stage.told if isinstance(event, Warned)]
    (cancelling,) = [event for event in told if event.code == "channels_cancel"]
    assert "line in" in cancelling.message
