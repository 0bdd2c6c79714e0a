"""The server: killed and back, the room gone, a token that has expired, nobody there at first."""

from __future__ import annotations

import asyncio
import datetime
import signal
import time
from collections.abc import Awaitable, Callable

from livekit import api

from chaos.inside import late_join, mint, short_life
from chaos.output import Told
from chaos.row import Row, Times
from chaos.stage import IDENTITY, Stage
from testbed.waiting import stays, wait_until

_REJOIN_S = 12.0
_LIFE_S = 15.0
_LEEWAY_S = 60.0
"""The server takes a token for so long after it has expired."""
_RETRIES = 3
_FROZEN_S = 20.0
_THAW_S = 30.0
"""The avatar too has to notice that the server is back."""
How = Callable[[Stage], Awaitable[None]]


async def _out_for(stage: Stage, seconds: float, *, patch: str = "") -> Times:
    await stage.open(patch=patch)
    begun = await stage.mid_utterance()
    fault = time.time()
    await stage.server.kill()
    noticed = await stage.noticed(fault, "connection")
    await asyncio.sleep(max(0.0, fault + seconds - time.time()))
    said = stage.sender.named("utterance_started", since=fault + noticed)
    assert not said, f"it speaks to nobody: {said}"
    await stage.server.start()
    # A write can wait for the server: its segment then ends as soon as there is one again.
    ended = await stage.until_of(begun, "utterance_ended")
    assert ended["reason"] == "avatar", ended
    await asyncio.gather(stage.watch(), stage.call_avatar())
    recovered = await stage.recovers(fault, _REJOIN_S)
    if seconds > 10:  # by then whole sentences were said to nobody
        dropped = sum(told["seconds"] for told in stage.sender.named("dropped", since=fault))
        assert dropped > 1, f"speech of {seconds:g} s went lost, and {dropped:.1f} s were counted"
    return Times(noticed, recovered)


def _server_out(seconds: float, *, quick: bool = False) -> Row:
    return Row(
        name=f"server-{seconds:g}",
        provokes=f"SIGKILL of the server in mid-utterance; back after {seconds:g} s",
        must="segment ended (avatar), joined again, what was said meanwhile counted, heard again",
        provoke=lambda stage: _out_for(stage, seconds),
        recover_s=_REJOIN_S,
        limit_s=seconds + 120,
        quick=quick,
    )


async def _delete_room(stage: Stage) -> None:
    server = stage.server
    url = server.url.replace("ws://", "http://")
    async with api.LiveKitAPI(url, server.api_key, server.api_secret) as client:
        await client.room.delete_room(api.DeleteRoomRequest(room=stage.room))


async def _remove_us(stage: Stage) -> None:
    server = stage.server
    url = server.url.replace("ws://", "http://")
    async with api.LiveKitAPI(url, server.api_key, server.api_secret) as client:
        who = api.RoomParticipantIdentity(room=stage.room, identity=IDENTITY)
        await client.room.remove_participant(who)


async def _room_gone(stage: Stage) -> Times:
    await stage.open("--stay")
    await stage.mid_utterance()
    fault = time.time()
    await _delete_room(stage)
    noticed = await stage.noticed(fault, "connection", "avatar_left", "warning")
    await stage.sender.until("utterance_ended", since=fault)
    await asyncio.gather(stage.watch(), stage.call_avatar())
    return Times(noticed, await stage.recovers(fault, _REJOIN_S))


async def _put_out(stage: Stage, how: How, code: str) -> Times:
    """By a person, and not told to stay."""
    await stage.open()
    begun = await stage.mid_utterance()
    fault = time.time()
    await how(stage)
    failed = await stage.sender.until("error", since=fault, timeout=5 * stage.stretch)
    assert failed["code"] == code and stage.room in failed["message"], failed
    assert "API key" in failed["hint"] and "--stay" in failed["hint"], failed
    ended_with = await stage.sender.ended(8 * stage.stretch)
    took = time.time() - fault
    assert ended_with == 5, f"it ended with {ended_with}"
    closed = stage.sender.named("utterance_ended", since=fault)
    assert [told["id"] for told in closed] == [begun["id"]], closed
    assert stage.sender.told[-1].name == "bye", "it did not say good-bye"
    return Times(failed.at - fault, took)


async def _late_join(stage: Stage) -> Times:
    """The room is deleted; the attempt to join again is given up, and succeeds all the same."""
    flag = stage.folder / "late"
    await stage.open("--stay", patch=late_join(str(flag)))
    await stage.mid_utterance()
    fault = time.time()
    flag.touch()
    await _delete_room(stage)
    noticed = await stage.noticed(fault, "connection", "avatar_left", "warning")
    await stage.sender.until(
        "warning", since=fault, where=lambda told: told["code"] == "server_unreachable"
    )
    assert not flag.exists(), "no attempt was given up"
    await asyncio.gather(stage.watch(), stage.call_avatar())
    recovered = await stage.recovers(fault, _REJOIN_S)

    def undisturbed() -> bool:
        lost = stage.sender.named("connection", since=fault + noticed + 0.1)
        return (
            stage.sender.alive
            and not stage.sender.named("error")
            and "lost" not in [told["state"] for told in lost]
        )

    await stays(undisturbed, 5, "its own late joining put it out")
    return Times(noticed, recovered)


async def _frozen(stage: Stage) -> Times:
    await stage.open()
    await stage.mid_utterance()
    fault = time.time()
    stage.server.signal(signal.SIGSTOP)
    try:
        noticed = await stage.noticed(fault, "connection", "warning", "avatar_left")
        await asyncio.sleep(max(0.0, fault + _FROZEN_S - time.time()))
    finally:
        stage.server.signal(signal.SIGCONT)
    await stage.watch()
    if await stage.avatar_ended(fault):
        await stage.call_avatar()
    recovered = await stage.recovers(fault, _THAW_S)
    assert not stage.sender.named("error"), stage.sender.named("error")
    return Times(noticed, recovered)


async def _given_token_expired(stage: Stage) -> Times:
    await stage.server.start()
    await asyncio.gather(stage.plug_in(), stage.watch(), stage.call_avatar())
    given = mint(
        api_key=stage.server.api_key,
        api_secret=stage.server.api_secret,
        room=stage.room,
        identity=IDENTITY,
        ttl=datetime.timedelta(seconds=_LIFE_S - _LEEWAY_S),
    )
    expires = time.time() + _LIFE_S
    await stage.start("--stay", LIVEKIT_TOKEN=given)
    await stage.under_way()
    await stage.mid_utterance()
    await asyncio.sleep(max(0.0, expires + 1 - time.time()))
    assert not stage.sender.named("warning", since=expires), "who is in the room may stay"
    fault = time.time()
    await _delete_room(stage)  # after a killed server the SDK itself still has one that is good
    noticed = await stage.noticed(fault, "connection")

    def refused() -> list[Told]:
        warnings = stage.sender.named("warning", since=fault)
        return [told for told in warnings if told["code"] == "token_expired"]

    await wait_until(lambda: len(refused()) >= _RETRIES, 60, "told at each retry")
    assert all("LIVEKIT_API_KEY" in told["hint"] for told in refused())
    assert stage.sender.alive, "it gave up"
    return Times(noticed)


async def _nobody_there(stage: Stage) -> Times:
    await stage.plug_in()
    begun = time.time()
    await stage.start()
    code = await stage.sender.ended(20 * stage.stretch)
    took = time.time() - begun
    assert code == 5, f"it ended with {code}"
    failed = stage.sender.named("error")[0]
    assert failed["code"] == "server_unreachable", failed
    assert stage.server.url in failed["message"] and failed["hint"], failed
    assert any(stage.server.url in line for line in stage.sender.said), stage.sender.said
    return Times(recovered=took)


ROWS = (
    _server_out(3, quick=True),
    _server_out(20),
    _server_out(120),
    Row(
        name="room-gone",
        provokes="the room is deleted by the server's API in mid-utterance; --stay",
        must="joined again by itself, heard again",
        provoke=_room_gone,
        recover_s=_REJOIN_S,
    ),
    Row(
        name="room-deleted",
        provokes="the room is deleted by the server's API in mid-utterance",
        must="ends with 5, and says who can undo it",
        provoke=lambda stage: _put_out(stage, _delete_room, "room_deleted"),
    ),
    Row(
        name="removed",
        provokes="it is removed from the room by the server's API in mid-utterance",
        must="ends with 5, and says who can undo it",
        provoke=lambda stage: _put_out(stage, _remove_us, "removed"),
    ),
    Row(
        name="join-late",
        provokes="a joining that was given up succeeds all the same",
        must="it is left again, and the next one is undisturbed: heard again",
        provoke=_late_join,
        recover_s=_REJOIN_S,
    ),
    Row(
        name="server-frozen",
        provokes=f"the server stands still for {_FROZEN_S:g} s in mid-utterance",
        must="told, and goes on by itself, heard again",
        provoke=_frozen,
        recover_s=_THAW_S,
        limit_s=180,
    ),
    Row(
        name="token-expired",
        provokes="the token it joined with has expired when the server is back after 20 s",
        must="joined again with a fresh one, heard again",
        provoke=lambda stage: _out_for(stage, 20, patch=short_life(_LIFE_S - _LEEWAY_S)),
        recover_s=_REJOIN_S,
        limit_s=150,
    ),
    Row(
        name="given-token-expired",
        provokes="the token that was given has expired when the room is deleted; --stay",
        must="told at each retry what has expired and what to set; goes on, and ends in order",
        provoke=_given_token_expired,
        limit_s=180,
    ),
    Row(
        name="no-server",
        provokes="no server answers at the first connection",
        must="exit 5 at once, saying which server and what to do",
        provoke=_nobody_there,
        recover_s=8.0,
        quick=True,
    ),
)
