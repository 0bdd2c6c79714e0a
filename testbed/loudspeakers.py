"""Loudspeakers in the hall: what the avatar publishes comes back into the virtual microphone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np

from testbed.rooms import Server, viewing
from testbed.sound import SINK, VirtualMicrophone
from testbed.speech import RATE

LATER_S = 0.1


@asynccontextmanager
async def loudspeakers(
    server: Server, room: str, microphone: VirtualMicrophone, avatar: str, *, gain_db: float = 0.0
) -> AsyncIterator[None]:
    """What this avatar publishes is said into the microphone, later, and louder by so much."""
    form = ("--raw", f"--rate={RATE}", "--channels=1", "--format=s16le", "--latency-msec=100")
    gain = 10 ** (gain_db / 20)
    async with viewing(server, room, "loudspeakers") as viewer:
        tap = viewer.listen(avatar)
        player = await asyncio.create_subprocess_exec(
            *("paplay", f"--device={SINK}", *form),
            stdin=asyncio.subprocess.PIPE,
            env=microphone.env,
        )
        pipe = player.stdin
        assert pipe is not None

        async def play() -> None:
            pipe.write(bytes(2 * round(LATER_S * RATE)))
            async for block in tap:
                played = np.frombuffer(block.pcm, np.int16) * gain
                pipe.write(np.clip(played, -32_768, 32_767).astype(np.int16).tobytes())
                await pipe.drain()

        playing = asyncio.create_task(play())
        try:
            yield
        finally:
            playing.cancel()
            await asyncio.wait([playing])
            player.kill()
            await player.wait()
            pipe.close()
