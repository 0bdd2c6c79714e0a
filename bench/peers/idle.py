"""A participant that only is in the room: what livekit's SDK takes, and grows by, for itself.

Settings come by environment, as in bench.peers.stage. Prints `{"event": "ready"}` once it is in the
room, and its tasks from then on; SIGTERM ends it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time

from livekit import api, rtc

from bench.soak.tasks import tasks_told

IDENTITY = "idle"


async def _perform() -> None:
    env = os.environ
    token = (
        api.AccessToken(env["LIVEKIT_API_KEY"], env["LIVEKIT_API_SECRET"])
        .with_identity(IDENTITY)
        .with_grants(api.VideoGrants(room_join=True, room=env["LIVEKIT_ROOM"]))
        .to_jwt()
    )
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    room = rtc.Room()
    await room.connect(env["LIVEKIT_URL"], token, rtc.RoomOptions(auto_subscribe=False))
    try:
        print(json.dumps({"event": "ready", "t": time.time()}), flush=True)
        async with tasks_told():
            await stop.wait()
    finally:
        await room.disconnect()


if __name__ == "__main__":
    asyncio.run(_perform())
