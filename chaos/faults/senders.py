"""Others in our place: a second sender beside us, and one that takes our identity."""

from __future__ import annotations

import time

from chaos.row import Row, Times
from chaos.stage import IDENTITY, Stage
from testbed.rooms import joined
from testbed.waiting import stays


async def _second_sender(stage: Stage) -> Times:
    await stage.open()
    await stage.mid_utterance()
    fault = time.time()
    await stage.enter(joined(stage.server, stage.room, "another-sender", kind="agent"))
    told = await stage.sender.until(
        "warning", since=fault, where=lambda warning: "another-sender" in warning["message"]
    )
    assert told["hint"], told
    await stage.heard(time.time())
    return Times(noticed=told.at - fault)


async def _identity_taken(stage: Stage) -> Times:
    await stage.open()
    await stage.mid_utterance()
    first = stage.sender
    await stage.start("--take-over")
    second = stage.sender
    joined_at = (
        await second.until("connection", where=lambda told: told["state"] == "connected")
    ).at
    failed = await first.until("error", timeout=5)
    assert failed["code"] == "identity_in_use" and IDENTITY in failed["message"], failed
    code = await first.ended(8 * stage.stretch)
    assert code == 5, f"it ended with {code}"
    noticed = max(0.0, failed.at - joined_at)
    if await stage.avatar_ended(joined_at):
        await stage.call_avatar()
    recovered = await stage.recovers(joined_at, 30)

    def undisturbed() -> bool:
        return second.alive and not second.named("error")

    await stays(undisturbed, 5, "they throw each other out")
    return Times(noticed, recovered)


async def _identity_in_use(stage: Stage) -> Times:
    await stage.open()
    await stage.mid_utterance()
    first, fault = stage.sender, time.time()
    second = await stage.another("live")
    refused = await second.until("error")
    assert refused["code"] == "identity_in_use" and "already, since" in refused["message"], refused
    code = await second.ended(8 * stage.stretch)
    assert code == 5, f"it ended with {code}"
    assert first.alive and not first.named("connection", "error", since=fault)
    await stage.heard(time.time())
    return Times(noticed=refused.at - fault)


ROWS = (
    Row(
        name="second-sender",
        provokes="somebody else of kind agent joins the room",
        must="told, by name; ours is heard as before",
        provoke=_second_sender,
    ),
    Row(
        name="identity-in-use",
        provokes="a second micstream is started under the same identity",
        must="it is refused, says since when one is there, ends with 5; the first is undisturbed",
        provoke=_identity_in_use,
        notice_s=5.0,  # the second one's start is part of it
    ),
    Row(
        name="identity-taken",
        provokes="a second micstream joins under the same identity, with --take-over",
        must="the first says so and ends with 5, the second is heard, and neither comes back",
        provoke=_identity_taken,
        recover_s=30.0,
    ),
)
