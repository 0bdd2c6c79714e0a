"""Messages to an avatar: whatever the SDK fails with is told in words."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from livekit import rtc
from livekit.rtc.participant import PublishDataError

from micstream.errors import MicstreamError
from micstream.messages import Message
from micstream.room.messages import send


def room_that_fails(error: Exception) -> rtc.Room:
    async def fail(*_: Any, **__: Any) -> None:
        raise error

    us = SimpleNamespace(perform_rpc=fail, publish_data=fail, send_text=fail)
    return cast(rtc.Room, SimpleNamespace(local_participant=us))


@pytest.mark.parametrize(
    ("message", "error", "why"),
    [
        (Message("data", "light", "on"), PublishDataError("engine closed"), "engine closed"),
        (Message("data", "light", "on"), AssertionError(), "not connected"),
        (Message("text", "light", "on"), rtc.StreamError("gone"), "not connected"),
        (Message("rpc", "light", "on"), rtc.RpcError(1500, "no"), "error (no)"),
        (
            Message("rpc", "light", "on"),
            rtc.RpcError(rtc.RpcError.ErrorCode.UNSUPPORTED_METHOD, ""),
            "no such call",
        ),
        (Message("rpc", "light", "on"), TimeoutError(), "no answer"),
    ],
)
async def test_what_fails_is_told(message: Message, error: Exception, why: str) -> None:
    with pytest.raises(MicstreamError) as told:
        await send(room_that_fails(error), "avatar-a", message)
    assert told.value.code == "message_failed"
    assert why in str(told.value)
    assert f"{message.kind} 'light' to 'avatar-a'" in str(told.value)


async def test_without_a_room_it_is_told_too() -> None:
    with pytest.raises(MicstreamError, match="not connected"):
        await send(None, "avatar-a", Message("data", "light", "on"))
