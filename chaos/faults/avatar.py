"""The avatar: killed, gone, replaced, stalled, or there and silent."""

from __future__ import annotations

import asyncio
import os
import signal
import time

from livekit import rtc

from chaos.row import Row, Times
from chaos.stage import AVATAR, Stage
from testbed.rooms import CLEAR_BUFFER, WireAvatar, wire_avatar
from testbed.waiting import stays, wait_until

_BACK_S = 6.0
_GONE = ("avatar_left", "avatar_silent", "connection", "warning")
_ARRIVED = "micstream.arrived"
"""What micstream calls to learn whether sound arrives: no method, so the SDK itself answers."""
_EVIDENCE_S = 40.0
"""Two finished segments, and a call that was not answered."""


async def _killed(stage: Stage) -> Times:
    await stage.open()
    begun = await stage.mid_utterance()
    fault = time.time()
    os.kill(stage.avatar.pid, signal.SIGKILL)
    noticed = await stage.noticed(fault, *_GONE, timeout=40)
    await stage.call_avatar()
    recovered = await stage.recovers(fault, _BACK_S)
    assert stage.sender.named("utterance_ended", since=fault)[0]["id"] == begun["id"]
    return Times(noticed, recovered)


async def _leaves(stage: Stage, back_as: str) -> Times:
    await stage.open()
    begun = await stage.mid_utterance()
    fault = time.time()
    os.kill(stage.avatar.pid, signal.SIGTERM)
    noticed = await stage.noticed(fault, "avatar_left")
    ended = await stage.until_of(begun, "utterance_ended")
    assert ended["reason"] == "avatar", ended
    if back_as != AVATAR:
        await stage.watch(back_as)
    await stage.call_avatar(back_as)
    recovered = await stage.recovers(fault, _BACK_S)
    ready = stage.sender.named("avatar_ready", since=fault)[-1]
    assert ready["identity"] == back_as, ready
    return Times(noticed, recovered)


async def _replaced(stage: Stage) -> Times:
    await stage.open()
    await stage.mid_utterance()
    fault = time.time()
    first = stage.avatar
    await stage.call_avatar()
    await wait_until(lambda: not first.alive, 15, "the first avatar was not put out")
    return Times(recovered=await stage.recovers(fault, _BACK_S))


async def _stalls(stage: Stage) -> Times:
    await stage.open()
    await stage.mid_utterance()
    os.kill(stage.avatar.pid, signal.SIGSTOP)
    await asyncio.sleep(12)
    os.kill(stage.avatar.pid, signal.SIGCONT)
    whole = time.time()
    await asyncio.sleep(3)  # what is left of the stall may take so long to be over
    assert stage.avatar.alive, stage.avatar.reason
    return Times(recovered=await stage.sounds_again(whole))


async def _frozen(stage: Stage) -> Times:
    await stage.open()
    await stage.mid_utterance()
    fault = time.time()
    os.kill(stage.avatar.pid, signal.SIGSTOP)
    noticed = await stage.noticed(fault, "avatar_left", "avatar_silent", timeout=_EVIDENCE_S)
    os.kill(stage.avatar.pid, signal.SIGKILL)
    await stage.call_avatar()
    return Times(noticed, await stage.recovers(fault, _BACK_S))


async def open_with_wire_avatar(
    stage: Stage, *, plays: bool, publishes: bool = False
) -> WireAvatar:
    """In place of the stock avatar one that can be made to fall silent."""
    await stage.server.start()
    await asyncio.gather(stage.plug_in(), stage.watch("avatar-wire"))
    avatar = await stage.enter(
        wire_avatar(stage.server, stage.room, plays=plays, publish_tracks=publishes)
    )
    await stage.start()
    await stage.under_way()
    return avatar


async def _silent(stage: Stage) -> Times:
    avatar = await open_with_wire_avatar(stage, plays=True)
    await stage.sender.until("playback_finished")
    assert avatar.room is not None
    me = avatar.room.local_participant

    async def never(_: rtc.RpcInvocationData) -> str:
        await asyncio.sleep(3600)
        return "ok"

    fault = time.time()
    avatar.plays = False
    for method in (CLEAR_BUFFER, _ARRIVED):
        me.register_rpc_method(method, never)
    try:
        noticed = await stage.noticed(fault, "avatar_silent", timeout=_EVIDENCE_S)
        told = await stage.sender.until(
            "warning", since=fault, where=lambda each: each["code"] == "avatar_silent"
        )
        assert told["hint"], told
    finally:
        me.unregister_rpc_method(_ARRIVED)
        avatar.answer_clear("ok")
        avatar.plays = True
    whole = time.time()
    played = await stage.sender.until("playback_finished", since=whole, timeout=_BACK_S + 5)
    return Times(noticed, played.at - whole)


async def _dead(stage: Stage, *, publishes: bool) -> Times:
    avatar = await open_with_wire_avatar(stage, plays=True, publishes=publishes)
    await stage.sender.until("playback_finished")
    fault = time.time()
    avatar.plays = False
    noticed = await stage.noticed(fault, "avatar_silent", timeout=_EVIDENCE_S)
    told = await stage.sender.until(
        "warning", since=fault, where=lambda each: each["code"] == "avatar_dead"
    )
    assert "--keep-avatar" in told["hint"], told
    avatar.plays = True
    whole = time.time()
    ready = await stage.sender.until("avatar_ready", since=whole, timeout=_BACK_S + 5)
    assert ready["how"] == "heard", ready
    return Times(noticed, ready.at - whole)


async def _never_reports(stage: Stage) -> Times:
    avatar = await open_with_wire_avatar(stage, plays=False)
    since = time.time()

    def four() -> bool:
        assert not stage.sender.named("avatar_silent", "warning", "error", since=since)
        return sum(stream.closed for stream in avatar.streams) >= 4

    await wait_until(four, 60, "four segments")
    await stays(lambda: four() and stage.sender.alive, 2, "it ended")
    return Times()


ROWS = (
    Row(
        name="avatar-killed",
        provokes="SIGKILL of the avatar's worker in mid-utterance; a new one of the same name",
        must="told once the server or the evidence says so; the next onset heard",
        provoke=_killed,
        notice_s=_EVIDENCE_S,
        recover_s=_BACK_S,
    ),
    Row(
        name="avatar-leaves",
        provokes="the avatar leaves in mid-utterance and comes back",
        must="segment ended (avatar), readiness tested anew, the next onset heard",
        provoke=lambda stage: _leaves(stage, AVATAR),
        recover_s=_BACK_S,
        quick=True,
    ),
    Row(
        name="avatar-renamed",
        provokes="the avatar leaves in mid-utterance and comes back under another identity",
        must="taken, as it fits --avatar, and heard",
        provoke=lambda stage: _leaves(stage, "avatar-other"),
        recover_s=_BACK_S,
    ),
    Row(
        name="avatar-replaced",
        provokes="another worker joins as the avatar and puts the first one out",
        must="readiness tested anew, the next onset heard",
        provoke=_replaced,
        recover_s=_BACK_S,
    ),
    Row(
        name="avatar-stalls",
        provokes="the avatar's worker stands still for 12 s in mid-utterance",
        must="goes on, the next onset heard",
        provoke=_stalls,
    ),
    Row(
        name="avatar-frozen",
        provokes="the avatar's worker stands still for good",
        must="told, and once another has come the next onset heard",
        provoke=_frozen,
        notice_s=_EVIDENCE_S,
        recover_s=_BACK_S,
    ),
    Row(
        name="avatar-silent",
        provokes="an avatar that has reported reports and answers nothing any more, and then does",
        must="avatar_silent and what to do; played again afterwards",
        provoke=_silent,
        notice_s=_EVIDENCE_S,
    ),
    Row(
        name="avatar-dead",
        provokes="an avatar that has reported plays nothing any more, answers every call, then "
        "plays again",
        must="avatar_silent and what to do; avatar_ready (heard) afterwards",
        provoke=lambda stage: _dead(stage, publishes=True),
        notice_s=_EVIDENCE_S,
    ),
    Row(
        name="avatar-dead-trackless",
        provokes="the same of one that publishes no sound",
        must="avatar_silent and what to do; avatar_ready (heard) afterwards",
        provoke=lambda stage: _dead(stage, publishes=False),
        notice_s=_EVIDENCE_S,
    ),
    Row(
        name="avatar-never-reports",
        provokes="an avatar that never reports anything",
        must="is no fault: four segments closed in order, nothing told",
        provoke=_never_reports,
    ),
)
