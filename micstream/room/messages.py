"""Messages to one avatar: a call, a data packet or a text, and whether it arrived."""

from __future__ import annotations

import asyncio
from typing import Final

from livekit import rtc
from livekit.rtc.participant import PublishDataError

from micstream.errors import MicstreamError
from micstream.messages import Message
from micstream.room.streams import SDK_ERRORS

_TIMEOUT_S: Final = 5.0


async def send(room: rtc.Room | None, identity: str, message: Message) -> None:
    """Send it to this participant, reliably; a call is waited for, 5 s at most.

    Raises:
        MicstreamError: it cannot be sent, or the avatar refused the call.
    """
    if room is None:
        raise _failed(identity, message, "the room is not connected")
    us = room.local_participant
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            match message.kind:
                case "rpc":
                    await us.perform_rpc(
                        destination_identity=identity,
                        method=message.name,
                        payload=message.payload,
                        response_timeout=_TIMEOUT_S,
                    )
                case "data":
                    await us.publish_data(
                        message.payload,
                        reliable=True,
                        destination_identities=[identity],
                        topic=message.name,
                    )
                case "text":
                    await us.send_text(
                        message.payload, destination_identities=[identity], topic=message.name
                    )
    except rtc.RpcError as error:
        raise _failed(identity, message, _words(error)) from None
    except TimeoutError:
        raise _failed(identity, message, f"no answer within {_TIMEOUT_S:g} s") from None
    except PublishDataError as error:
        raise _failed(identity, message, f"it was not sent ({error.message})") from None
    except SDK_ERRORS:
        raise _failed(identity, message, "the room is not connected") from None


def _words(error: rtc.RpcError) -> str:
    if error.code == rtc.RpcError.ErrorCode.UNSUPPORTED_METHOD:
        return "it knows no such call"
    return f"it answered with an error ({error.message})"


def _failed(identity: str, message: Message, why: str) -> MicstreamError:
    return MicstreamError(
        f"{message.kind} {message.name!r} to {identity!r}: {why}",
        hint="ask the avatar's maker which messages it takes",
        code="message_failed",
    )
