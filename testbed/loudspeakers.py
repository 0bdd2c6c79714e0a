"""Loudspeakers in the hall: what the avatar publishes comes back into the virtual microphone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import numpy as np
import numpy.typing as npt

from testbed.rooms import Server, viewing
from testbed.sound import SINK, VirtualMicrophone
from testbed.speech import RATE

LATER_S = 0.1
_LATENCY_S = 0.04
"""The player begins with so much."""
Sound = npt.NDArray[np.float32]


def louder(gain_db: float) -> Callable[[npt.NDArray[np.int16]], Sound]:
    """A hall that does nothing but that."""
    gain = np.float32(10 ** (gain_db / 20))
    return lambda pcm: pcm.astype(np.float32) * gain


@asynccontextmanager
async def loudspeakers(
    server: Server,
    room: str,
    microphone: VirtualMicrophone,
    avatar: str,
    *,
    later_s: float = LATER_S,
    through: Callable[[npt.NDArray[np.int16]], Sound] = louder(0.0),  # noqa: B008 - holds nothing
) -> AsyncIterator[None]:
    """What this avatar publishes is said into the microphone, later, and through this hall.

    `later_s`: the loudspeakers' own; the viewer's buffer, from which they are fed, adds its part.
    """
    latency_ms = round(1000 * min(LATER_S, max(_LATENCY_S, later_s)))
    form = ("--raw", f"--rate={RATE}", "--channels=1", "--format=s16le")
    async with viewing(server, room, "loudspeakers") as viewer:
        tap = viewer.listen(avatar)
        player = await asyncio.create_subprocess_exec(
            *("paplay", f"--device={SINK}", f"--latency-msec={latency_ms}", *form),
            stdin=asyncio.subprocess.PIPE,
            env=microphone.env,
        )
        pipe = player.stdin
        assert pipe is not None

        async def play() -> None:
            before = bytes(2 * round(later_s * RATE))
            async for block in tap:
                pipe.write(before)  # not sooner: it would be over before anything is to be heard
                before = b""
                played = through(np.frombuffer(block.pcm, np.int16))
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
