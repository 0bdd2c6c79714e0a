"""The end: signals, a closed terminal, errors inside, SIGKILL. The avatar must outlive each."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable

from chaos.faults.avatar import open_with_wire_avatar
from chaos.faults.network import open_on_a_line
from chaos.inside import CAPTURE, SENDING, Place
from chaos.row import Row, Times
from chaos.stage import Stage
from testbed.speech import HELLO, SENTENCES
from testbed.waiting import stays, wait_until

_END_S = 2.0
_AFTERMATH_S = 26.0
"""A stock avatar that could not report to a sender ends of it 15 to 24 s later."""
_AGAIN_S = 30.0
How = Callable[[Stage], Awaitable[None]]


async def _ends(
    stage: Stage, how: How, *, code: int = 0, patch: str = "", in_terminal: bool = False
) -> Times:
    await stage.server.start()
    await asyncio.gather(stage.plug_in(), stage.watch(), stage.call_avatar())
    await stage.start(patch=patch, in_terminal=in_terminal)
    await stage.under_way()
    begun = await stage.mid_utterance()
    fault = time.time()
    await how(stage)
    ended_with = await stage.sender.ended(15, traceback=code == 1)  # an error of ours is shown
    took = time.time() - fault
    assert ended_with == code, f"it ended with {ended_with}, not {code}"
    if not in_terminal:  # nobody could read it there
        closed = stage.sender.named("utterance_ended", since=fault)
        assert [told["id"] for told in closed] == [begun["id"]], closed
        assert stage.sender.told[-1].name == "bye", "it did not say good-bye"
    if not stage.quick:
        await stays(
            lambda: stage.avatar.alive, _AFTERMATH_S, "the avatar ended some time after the sender"
        )
    await next_is_heard(stage)
    return Times(recovered=took)


async def next_is_heard(stage: Stage) -> None:
    """The same avatar speaks for a next sender."""
    assert stage.avatar.alive, f"the avatar ended with the sender: {stage.avatar.reason}"
    before = time.time()
    following = await stage.another("play", str(HELLO))
    assert await following.ended(30) == 0, following.story()
    played = following.named("playback_finished")
    assert played and not any(told["interrupted"] for told in played), following.story()
    await stage.viewer_heard(before, 0.5 * played[0]["position_s"])


def _sent(*numbers: signal.Signals) -> How:
    """These signals, a third of a second apart."""

    async def send(stage: Stage) -> None:
        for index, number in enumerate(numbers):
            if index:
                await asyncio.sleep(0.3)
            if stage.sender.alive:
                stage.sender.send(number)

    return send


async def _hang_up(stage: Stage) -> None:
    stage.terminal.close()


async def _raise(stage: Stage) -> None:
    (stage.folder / "now").touch()


async def _error_in(stage: Stage, place: Place) -> Times:
    return await _ends(stage, _raise, code=1, patch=place.raising(str(stage.folder / "now")))


async def _ends_amid(stage: Stage, what: How, *, after_s: float = 1.0) -> Times:
    """SIGTERM so long after something else has broken; `stage` is open."""
    begun = await stage.mid_utterance()
    await what(stage)
    await asyncio.sleep(after_s)
    fault = time.time()
    stage.sender.send(signal.SIGTERM)
    assert await stage.sender.ended(15) == 0, stage.sender.story()
    took = time.time() - fault
    closed = stage.sender.named("utterance_ended", since=begun.at)
    assert closed and closed[0]["id"] == begun["id"], closed
    assert stage.sender.told[-1].name == "bye", "it did not say good-bye"
    return Times(recovered=took)


async def _avatar_silent(stage: Stage) -> Times:
    avatar = await open_with_wire_avatar(stage, plays=True)
    await stage.sender.until("playback_finished")

    async def freeze(_: Stage) -> None:
        avatar.freeze()

    return await _ends_amid(stage, freeze)


async def _network_cut(stage: Stage) -> Times:
    inside = await open_on_a_line(stage)

    async def cut(_: Stage) -> None:
        await inside.lose(100)

    return await _ends_amid(stage, cut)


async def _server_dead(stage: Stage) -> Times:
    await stage.open()
    return await _ends_amid(stage, lambda stage: stage.server.kill())


async def _playing_out(stage: Stage) -> Times:
    """All is sent, and the avatar has seconds of it to play."""
    await stage.server.start()
    await asyncio.gather(stage.plug_in(), stage.watch(), stage.call_avatar())
    ours = stage.sender = await stage.another("play", str(SENTENCES), "--pace", "fast")
    await ours.until("utterance_ended", timeout=60)
    fault = time.time()
    ours.send(signal.SIGINT)
    assert await ours.ended(15) == 0, ours.story()
    took = time.time() - fault
    assert ours.told[-1].name == "bye", "it did not say good-bye"
    await next_is_heard(stage)
    return Times(recovered=took)


async def _microphone_hangs(stage: Stage) -> Times:
    await stage.open()

    async def freeze(stage: Stage) -> None:
        stage.microphone.signal(signal.SIGSTOP)

    try:
        return await _ends_amid(stage, freeze, after_s=0.2)  # before it is noticed
    finally:
        stage.microphone.signal(signal.SIGCONT)


async def _killed(stage: Stage) -> Times:
    await stage.open()
    await stage.mid_utterance()
    stage.sender.send(signal.SIGKILL)
    await wait_until(lambda: not stage.sender.alive, 2, "it outlived SIGKILL")
    begun = time.time()
    await stage.start()
    if await stage.avatar_ended(begun):
        told = await stage.sender.until(
            "warning", timeout=20, where=lambda each: "avatar" in each["message"]
        )
        assert told["hint"], told
        await stage.call_avatar()
        begun = time.time()
    return Times(recovered=await stage.recovers(begun, _AGAIN_S))


def _end(
    name: str, provokes: str, provoke: Callable[[Stage], Awaitable[Times]], *, quick: bool = False
) -> Row:
    return Row(
        name=name,
        provokes=provokes,
        must="segment closed, nothing left running; the avatar speaks for the next sender",
        provoke=provoke,
        recover_s=_END_S,
        quick=quick,
    )


def _end_amid(name: str, provokes: str, provoke: Callable[[Stage], Awaitable[Times]]) -> Row:
    return Row(
        name=f"sigterm-{name}",
        provokes=provokes,
        must="ended in order and in time, whoever does not answer",
        provoke=provoke,
        recover_s=_END_S,
    )


ROWS = (
    _end("sigint", "Ctrl-C in mid-utterance", lambda s: _ends(s, _sent(signal.SIGINT)), quick=True),
    _end("sigterm", "SIGTERM in mid-utterance", lambda s: _ends(s, _sent(signal.SIGTERM))),
    _end("sighup", "SIGHUP in mid-utterance", lambda s: _ends(s, _sent(signal.SIGHUP))),
    _end(
        "terminal-closed",
        "its terminal is closed in mid-utterance",
        lambda s: _ends(s, _hang_up, in_terminal=True),
        quick=True,
    ),
    _end(
        "second-ctrl-c",
        "Ctrl-C twice in mid-utterance",
        lambda s: _ends(s, _sent(signal.SIGINT, signal.SIGINT)),
    ),
    _end(
        "error-capture",
        "an exception where the sound comes in",
        lambda s: _error_in(s, CAPTURE),
    ),
    _end(
        "error-speaker",
        "an exception where the sound goes out",
        lambda s: _error_in(s, SENDING),
    ),
    _end_amid("silent", "SIGTERM, and the avatar answers nothing", _avatar_silent),
    _end_amid("cut", "SIGTERM, and nothing gets through to the server", _network_cut),
    _end_amid("dead", "SIGTERM, and the server is dead", _server_dead),
    _end_amid("hanging", "SIGTERM, and the microphone cannot be closed", _microphone_hangs),
    _end("playing-out", "Ctrl-C when all of a file is sent, 10 s of it unplayed", _playing_out),
    Row(
        name="sigkill",
        provokes="SIGKILL of micstream in mid-utterance, and a new start",
        must="joined as before; told where the avatar died of it, and what to do; heard",
        provoke=_killed,
        recover_s=_AGAIN_S,
    ),
)
