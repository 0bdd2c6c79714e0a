"""What both peers need around them: microphone, room, and an avatar that listens.

Settings come by environment: LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET, LIVEKIT_ROOM and
MICSTREAM_AVATAR. Prints `{"event": "ready"}` when the avatar listens; SIGTERM ends it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import sounddevice
from livekit import api, rtc

IDENTITY = "external-audio-sender"
RATE = 16_000
FRAME_MS = 20

Frames = AsyncIterator[bytes]
Speak = Callable[[rtc.Room, str, Frames], Awaitable[None]]


async def _answer(_: rtc.RpcInvocationData) -> str:
    return "ok"


def _subscribe(publication: rtc.RemoteTrackPublication, *_: object) -> None:
    """The avatar's sound alone: a stock avatar plays nothing until somebody has subscribed."""
    if publication.kind == rtc.TrackKind.KIND_AUDIO:
        publication.set_subscribed(True)


async def frames() -> Frames:
    """20 ms of 16 kHz mono 16-bit PCM at a time, opened as micstream opens its microphone."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[bytes] = asyncio.Queue()

    def callback(data: object, *_: object) -> None:
        loop.call_soon_threadsafe(queue.put_nowait, bytes(data))  # type: ignore[call-overload]

    with sounddevice.RawInputStream(
        samplerate=RATE,
        channels=1,
        dtype="int16",
        blocksize=RATE * FRAME_MS // 1000,
        latency="low",
        callback=callback,
    ):
        while True:
            yield await queue.get()


async def _listens(room: rtc.Room, avatar: str) -> None:
    """Until the avatar answers: what is sent before that is lost, whoever sends it."""
    async with asyncio.timeout(30):
        while True:
            try:
                answer = await room.local_participant.perform_rpc(
                    destination_identity=avatar, method="lk.clear_buffer", payload=""
                )
                if answer == "ok":
                    return
            except rtc.RpcError:
                pass
            await asyncio.sleep(0.1)


async def _perform(speak: Speak) -> None:
    env = os.environ
    avatar = env["MICSTREAM_AVATAR"]
    token = (
        api.AccessToken(env["LIVEKIT_API_KEY"], env["LIVEKIT_API_SECRET"])
        .with_kind("agent")
        .with_identity(IDENTITY)
        .with_grants(api.VideoGrants(room_join=True, room=env["LIVEKIT_ROOM"]))
        .to_jwt()
    )
    room = rtc.Room()
    room.on("track_published", _subscribe)
    await room.connect(env["LIVEKIT_URL"], token, rtc.RoomOptions(auto_subscribe=False))
    for participant in room.remote_participants.values():
        for publication in participant.track_publications.values():
            _subscribe(publication)
    for method in ("lk.playback_started", "lk.playback_finished"):
        room.local_participant.register_rpc_method(method, _answer)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    try:
        await _listens(room, avatar)
        speaking = asyncio.ensure_future(speak(room, avatar, frames()))
        stopping = asyncio.ensure_future(stop.wait())
        print(json.dumps({"event": "ready", "t": time.time()}), flush=True)
        await asyncio.wait({speaking, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if speaking.done():
            speaking.result()
        speaking.cancel()
    finally:
        await room.disconnect()


def run(speak: Speak) -> None:
    """Be a sender: `speak` gets the room, the avatar's identity and the microphone's frames."""
    asyncio.run(_perform(speak))
