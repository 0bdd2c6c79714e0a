"""The microphone: unplugged, its server dead or frozen, another index, exact zeros."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from chaos.row import Row, Times
from chaos.stage import Stage
from testbed.sound import SINK
from testbed.waiting import stays

_BACK_S = 5.0
_ZEROS_S = 12.0
_STUCK_S = 12.0
"""A call may take six seconds; a program has to be started before."""
_ELSEWHERE_S = 9.0
"""Six seconds until it is given up here, and a process that is started."""
_LONG_S = 12.0
_LOOKING = (("live",), ("devices",), ("calibrate",), ("doctor",))
Step = Callable[[Stage], Awaitable[None]]


async def _lost(stage: Stage, take: Step, give: Step) -> Times:
    """The microphone is taken in mid-utterance and given back; `stage` is open."""
    begun = await stage.mid_utterance()
    fault = time.time()
    await take(stage)
    lost = await stage.sender.until(
        "microphone", since=fault, where=lambda told: told["state"] == "lost"
    )
    ended = await stage.until_of(begun, "utterance_ended")
    assert ended["reason"] == "device", ended

    def still_gone() -> bool:
        told = stage.sender.named("microphone", since=fault)
        return stage.sender.alive and [each["state"] for each in told] == ["lost"]

    await stays(still_gone, 3, "it took another device, or told more than once")
    await give(stage)
    whole = time.time()
    back = await stage.sender.until(
        "microphone", since=fault, where=lambda told: told["state"] == "back"
    )
    assert back["device"] == lost["device"], back
    await stage.heard(back.at)
    return Times(lost.at - fault, max(0.0, back.at - whole))


async def _unplug(stage: Stage) -> None:
    # Another one stays: it must not be taken.
    await asyncio.to_thread(
        stage.microphone.control, "load-module", "module-null-sink", "sink_name=other"
    )
    await asyncio.to_thread(_unload, stage)


def _unload(stage: Stage) -> None:
    stage.microphone.unplug()


async def _plug(stage: Stage) -> None:
    await asyncio.to_thread(stage.microphone.plug)


async def _kill(stage: Stage) -> None:
    stage.microphone.signal(signal.SIGKILL)


async def _restart(stage: Stage) -> None:
    await stage.microphone.start()


async def _freeze(stage: Stage) -> None:
    stage.microphone.signal(signal.SIGSTOP)


async def _thaw(stage: Stage) -> None:
    stage.microphone.signal(signal.SIGCONT)


async def _on_open_stage(stage: Stage, take: Step, give: Step) -> Times:
    await stage.open()
    return await _lost(stage, take, give)


_PCM = "pcm.{name} {{ type pulse device {device} }}\n"


async def _other_index(stage: Stage) -> Times:
    """ALSA's own settings name our device; while it is gone another comes before it."""
    settings = stage.folder / ".asoundrc"
    named = _PCM.format(name="stagemic", device=f"{SINK}.monitor")
    await stage.server.start()
    await asyncio.gather(stage.plug_in(), stage.watch(), stage.call_avatar())
    await asyncio.to_thread(settings.write_text, named)
    await stage.start("--device", "stagemic", HOME=str(stage.folder))
    await stage.under_way()

    async def give(stage: Stage) -> None:
        others = "".join(_PCM.format(name=name, device="other.monitor") for name in ("aa", "ab"))
        await asyncio.to_thread(_rewrite, settings, others + named)
        await stage.microphone.start()

    return await _lost(stage, _kill, give)


def _rewrite(path: Path, text: str) -> None:
    path.write_text(text)


async def _replaced(stage: Stage) -> Times:
    """The one that stands still never answers again; paplay hangs there too, so another speaks."""

    async def give(stage: Stage) -> None:
        await stage.microphone.replace()
        stage.speak()

    return await _on_open_stage(stage, _freeze, give)


async def _frozen_long(stage: Stage) -> Times:
    async def give(stage: Stage) -> None:
        await asyncio.sleep(_LONG_S)
        await _thaw(stage)

    return await _on_open_stage(stage, _freeze, give)


async def _frozen_at_start(stage: Stage) -> Times:
    """Every command that looks at a microphone, while the sound server stands still."""
    await stage.server.start()
    await stage.plug_in()
    took = 0.0
    for words in _LOOKING:
        with _standing_still(stage):
            fault = time.time()
            stage.sender = await stage.another(*words)
            code = await stage.sender.ended(_STUCK_S * stage.stretch)
            took = max(took, time.time() - fault)
        assert code == 4, f"{words[0]} ended with {code}"
        said = " ".join([*stage.sender.said, *map(str, stage.sender.told)])
        assert "does not answer" in said, f"{words[0]} says nothing of it: {said}"
    with _standing_still(stage):
        await stage.start()
        await asyncio.sleep(2.0 * stage.stretch)  # it looks for the microphone before it joins
        assert not stage.sender.told, f"it has begun: {stage.sender.told}"
        fault = time.time()
        stage.sender.send(signal.SIGINT)
        assert await stage.sender.ended(2 * stage.stretch) == 0, "Ctrl-C did not end it"
    return Times(took, time.time() - fault)


@contextmanager
def _standing_still(stage: Stage) -> Iterator[None]:
    # It goes on between them: so many only may wait to be taken.
    stage.microphone.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        stage.microphone.signal(signal.SIGCONT)
        time.sleep(0.2)


async def _zeros(stage: Stage) -> Times:
    await stage.open()
    await stage.mid_utterance()
    source = f"{SINK}.monitor"
    fault = time.time()
    await asyncio.to_thread(stage.microphone.control, "set-source-mute", source, "1")
    told = await stage.sender.until("microphone", since=fault, timeout=2 * _ZEROS_S)
    assert told["state"] == "zeros", told
    await asyncio.to_thread(stage.microphone.control, "set-source-mute", source, "0")
    whole = time.time()
    recovered = await stage.sounds_again(whole)
    states = [each["state"] for each in stage.sender.named("microphone", since=fault)]
    assert states in (["zeros"], ["zeros", "back"]), f"it was reopened, or told again: {states}"
    return Times(told.at - fault, recovered)


ROWS = (
    Row(
        name="mic-unplugged",
        provokes="the device goes in mid-utterance, another one stays; it comes back",
        must="segment ended (device), the other one not taken, reopened by name, heard again",
        provoke=lambda stage: _on_open_stage(stage, _unplug, _plug),
        recover_s=_BACK_S,
        quick=True,
    ),
    Row(
        name="sound-server-killed",
        provokes="SIGKILL of the sound server in mid-utterance; it comes back",
        must="segment ended (device), reopened by name, heard again",
        provoke=lambda stage: _on_open_stage(stage, _kill, _restart),
        recover_s=_BACK_S,
    ),
    Row(
        name="sound-server-frozen",
        provokes="the sound server stands still: callbacks stop, and no error is told",
        must="segment ended (device), reopened by name, heard again",
        provoke=lambda stage: _on_open_stage(stage, _freeze, _thaw),
        recover_s=_BACK_S,
    ),
    Row(
        name="sound-server-replaced",
        provokes="the sound server stands still for good, closing never returns; another one comes",
        must="segment ended (device), reopened by name in a process of its own, heard again",
        provoke=_replaced,
        recover_s=_ELSEWHERE_S,
    ),
    Row(
        name="sound-server-frozen-long",
        provokes="it stands still for 15 s: closing, looking for devices and opening do not return",
        must="segment ended (device), looked for again all the time, heard again",
        provoke=_frozen_long,
        recover_s=_ELSEWHERE_S,
    ),
    Row(
        name="sound-server-frozen-at-start",
        provokes="it stands still before live, devices, calibrate and doctor look at the devices",
        must="each ends with 4 and says so; Ctrl-C ends live in time",
        provoke=_frozen_at_start,
        notice_s=_STUCK_S,
        recover_s=2.0,
    ),
    Row(
        name="mic-other-index",
        provokes="the device comes back with others before it in the list",
        must="the same one is opened, by its name, and heard again",
        provoke=_other_index,
        recover_s=_BACK_S,
    ),
    Row(
        name="mic-zeros",
        provokes="the device delivers exact zeros for a while",
        must="warned of once, not reopened, heard again",
        provoke=_zeros,
        notice_s=_ZEROS_S,
    ),
)
