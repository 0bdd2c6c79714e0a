"""The network between micstream and the server: cut, lossy, uneven, narrow."""

from __future__ import annotations

import asyncio
import time

import psutil

from chaos.namespace import Namespace, namespace
from chaos.output import Told
from chaos.relay import relay
from chaos.row import Row, Times
from chaos.stage import Stage

_CUT_S = 10.0
_LONG_S = 30.0
_MAX_BACKLOG_S = 10.0
"""The default of --max-backlog."""
_STEP_S = 1.5
"""How much later than it grew beyond that a backlog may be seen."""
_GROWTH = 40 * 2**20
_REJOIN_S = 20.0
_CATCH_UP_S = 30.0


async def open_on_a_line(stage: Stage, *, speaking: bool = True) -> Namespace:
    """A stage whose micstream is at the other end of a line."""
    inside = await stage.enter(namespace())
    await inside.line()
    stage.server.address = inside.server_address
    await stage.server.start()
    await asyncio.gather(stage.plug_in(), stage.watch(), stage.call_avatar())
    await stage.start(prefix=inside.prefix)
    if speaking:
        await stage.under_way()
        await stage.sender.until("playback_finished")
    else:
        await stage.sender.until("ready")
    return inside


def _memory(stage: Stage) -> int:
    return int(psutil.Process(stage.sender.running.pid).memory_info().rss)


def _bounded(stage: Stage, before: int) -> None:
    growth = _memory(stage) - before
    assert growth < _GROWTH, f"its memory grew by {growth / 2**20:.0f} MiB"


async def _cut(stage: Stage) -> Times:
    inside = await open_on_a_line(stage)
    await stage.mid_utterance()
    before, fault = _memory(stage), time.time()
    await inside.lose(100)
    noticed = await stage.noticed(
        fault, "connection", "avatar_left", "warning", "dropped", "backlog", timeout=_CUT_S
    )
    await asyncio.sleep(max(0.0, fault + _CUT_S - time.time()))
    await inside.lose(0)
    whole = time.time()
    if not stage.avatar.alive:
        await stage.call_avatar()
    took = await stage.heard_at_last(whole, timeout=_REJOIN_S + 15)
    _bounded(stage, before)
    return Times(noticed, took)


async def _cut_in_silence(stage: Stage) -> Times:
    inside = await open_on_a_line(stage, speaking=False)
    await asyncio.sleep(3)
    fault = time.time()
    await inside.lose(100)
    noticed = await stage.noticed(fault, "warning", "connection", timeout=_CUT_S)
    await asyncio.sleep(max(0.0, fault + _CUT_S - time.time()))
    await inside.lose(0)
    whole = time.time()
    back = await stage.sender.until(
        "connection", since=fault, where=lambda told: told["state"] == "connected"
    )
    stage.speak()
    await stage.heard_at_last(whole, timeout=_REJOIN_S + 15)
    return Times(noticed, back.at - whole)


def _no_alarm(stage: Stage, since: float) -> None:
    alarms = [told["code"] for told in stage.sender.named("warning", since=since)]
    assert "network_gone" not in alarms, "the network was called gone, and was there"


async def _lossy(stage: Stage) -> Times:
    inside = await open_on_a_line(stage)
    before, since = _memory(stage), time.time()
    await inside.lose(5)
    await asyncio.sleep(_LONG_S)
    await inside.lose(0)
    whole = time.time()
    took = await stage.sounds_again(whole)
    _all_played(stage, since, whole)
    _no_alarm(stage, since)
    _bounded(stage, before)
    return Times(recovered=took)


def _all_played(stage: Stage, since: float, until: float) -> list[Told]:
    """What was begun between the two has been played to its end; those."""
    begun = [t for t in stage.sender.named("utterance_started", since=since) if t.at < until]
    played = {t["id"] for t in stage.sender.named("playback_finished") if not t["interrupted"]}
    missing = [t["id"] for t in begun if t["id"] not in played]
    assert len(begun) > 3, f"only {len(begun)} utterances"
    assert not missing, f"of {len(begun)} not played: {missing}"
    return begun


async def _uneven(stage: Stage) -> Times:
    await stage.server.start()
    await asyncio.gather(stage.plug_in(), stage.watch(), stage.call_avatar())
    way = await stage.enter(relay(stage.server.ports))
    await stage.start(prefix=way.prefix)
    await stage.under_way()
    await stage.sender.until("playback_finished")
    usual = stage.sender.named("utterance_started")[0]["lead_ms"]
    before, since = _memory(stage), time.time()
    way.jitter_s = 0.2
    await asyncio.sleep(_LONG_S)
    way.jitter_s = 0.0
    whole = time.time()
    took = await stage.sounds_again(whole)
    begun = _all_played(stage, since, whole)
    _no_alarm(stage, since)
    _bounded(stage, before)
    longest = max(told["lead_ms"] for told in begun)
    assert longest > usual, f"the lead stayed at {usual} ms, however the avatar stuttered"
    await stage.sender.until(
        "utterance_started", since=whole, timeout=90, where=lambda told: told["lead_ms"] < longest
    )
    return Times(recovered=took)


async def _narrow(stage: Stage) -> Times:
    inside = await open_on_a_line(stage)
    before, since = _memory(stage), time.time()
    await inside.narrow("64kbit")
    noticed = await stage.noticed(since, "backlog", "dropped", "warning", timeout=30)
    await asyncio.sleep(2 * _LONG_S)
    told = [event["seconds"] for event in stage.sender.named("backlog", since=since)]
    await inside.narrow(None)
    whole = time.time()
    assert told and max(told) < _MAX_BACKLOG_S + _STEP_S, f"the backlog grew to {max(told)} s"
    dropped = stage.sender.named("dropped", since=since)
    assert sum(event["seconds"] for event in dropped) > 5, f"what was lost is not told: {dropped}"
    _bounded(stage, before)
    assert stage.avatar.alive, f"the avatar did not outlive it: {stage.avatar.reason}"
    soon = await stage.sender.until(
        "playback_started",
        since=whole,
        timeout=_CATCH_UP_S + 15,
        where=lambda event: event["delay_ms"] < 1000,
    )
    await stage.heard(time.time())
    return Times(noticed, soon.at - whole)


ROWS = (
    Row(
        name="network-cut",
        provokes="nothing gets through for 10 s, in mid-utterance",
        must="told; heard again",
        provoke=_cut,
        recover_s=_REJOIN_S,
    ),
    Row(
        name="network-cut-silence",
        provokes="nothing gets through for 10 s, and nobody speaks",
        must="told, as the server is asked for a sign all the time; told when it is back; heard",
        provoke=_cut_in_silence,
        recover_s=_REJOIN_S,
    ),
    Row(
        name="network-lossy",
        provokes="5 % of all packets are lost for 30 s",
        must="every utterance played, memory bounded",
        provoke=_lossy,
    ),
    Row(
        name="network-uneven",
        provokes="every packet is late by 0 to 200 ms for 30 s",
        must="every utterance played; the lead grows, and shrinks again",
        provoke=_uneven,
        limit_s=240,
    ),
    Row(
        name="network-narrow",
        provokes="64 kbit/s upwards for a minute: a quarter of what the sound needs",
        must="noticed; never more than --max-backlog under way, the rest counted; prompt again",
        provoke=_narrow,
        notice_s=15.0,
        recover_s=_CATCH_UP_S,
        limit_s=240,
    ),
)
