"""An avatar that is a test pattern (see testbed.pictured), in a process of its own.

Settings come by environment: LIVEKIT_URL, LIVEKIT_TOKEN, and PATTERN_SWAYS for a picture that
moves as a whole. SIGTERM ends it.
"""

from __future__ import annotations

import asyncio
import os
import signal

from livekit import rtc

from testbed.pictured import send_pattern

SIZE = (1280, 720)
TINT = (46, 58, 110)


async def _send() -> None:
    room = rtc.Room()
    options = rtc.RoomOptions(auto_subscribe=False)
    await room.connect(os.environ["LIVEKIT_URL"], os.environ["LIVEKIT_TOKEN"], options)
    swaying = bool(os.environ.get("PATTERN_SWAYS"))
    sending = asyncio.create_task(send_pattern(room, SIZE, TINT, swaying=swaying))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, sending.cancel)
    await asyncio.wait([sending])
    await room.disconnect()


if __name__ == "__main__":
    asyncio.run(_send())
