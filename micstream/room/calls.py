"""Calls (RPC) to a participant, and what an answer means."""

from __future__ import annotations

import asyncio
from typing import Final

from livekit import rtc

from micstream.delivery import wire
from micstream.delivery.actions import Answer

_SDK_S: Final = 7.0
"""Timeout of the SDK for a call; a shorter one is a matter of our own clock."""


async def call(
    room: rtc.Room, identity: str, method: str, payload: str = "", *, timeout_s: float
) -> Answer:
    """Call a participant, and wait `timeout_s` seconds at most for its answer.

    It queues behind the sound, so the answer, whatever it is, also says that what was sent before
    has arrived.
    """
    waits_s = max(timeout_s, _SDK_S)
    try:
        async with asyncio.timeout(timeout_s):
            said = await room.local_participant.perform_rpc(
                destination_identity=identity,
                method=method,
                payload=payload,
                response_timeout=waits_s + 1,
                max_round_trip_latency=waits_s,
            )
    except rtc.RpcError as error:
        return _meaning(error)
    except (TimeoutError, AssertionError):  # the SDK asserts that it still has the room
        return Answer.NONE
    return Answer.OK if said == wire.OK else Answer.OTHER


def _meaning(error: rtc.RpcError) -> Answer:
    """Answer of the other side; other errors are failures to reach it."""
    match error.code:
        case rtc.RpcError.ErrorCode.UNSUPPORTED_METHOD:
            return Answer.UNSUPPORTED
        case rtc.RpcError.ErrorCode.APPLICATION_ERROR:
            return Answer.FAILED
        case _:
            return Answer.NONE
