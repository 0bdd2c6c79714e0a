"""Loudspeakers in the hall: what the avatar publishes comes back into the virtual microphone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import numpy as np
import numpy.typing as npt

from testbed.program import AT_ONCE
from testbed.rooms import Server, viewing
from testbed.sound import SINK, VirtualMicrophone
from testbed.speech import RATE

LATER_S = 0.3
"""A machine that is busy feeds them late by less."""
_LATENCY_S = (0.04, 0.25)
"""The player begins with as much as that, of what they are late by."""
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
    least_s, most_s = _LATENCY_S
    latency_ms = round(1000 * min(most_s, max(least_s, later_s - least_s)))
    # As what is said into it (`testbed.sound`): they wait for nobody, and the sink asks for little.
    held = (f"--latency-msec={latency_ms}", f"--process-time-msec={latency_ms - 20}")
    form = ("--raw", f"--rate={RATE}", "--channels=1", "--format=s16le")
    async with viewing(server, room, "loudspeakers") as viewer:
        playing_already = microphone.count("sink-inputs")
        player = await asyncio.create_subprocess_exec(
            *(*AT_ONCE, "paplay", f"--device={SINK}", *held, *form),
            stdin=asyncio.subprocess.PIPE,
            env=microphone.env,
        )
        pipe = player.stdin
        assert pipe is not None

        async def play() -> None:
            before = bytes(2 * round(later_s * RATE))
            async for block in viewer.listen(avatar):
                pipe.write(before)  # not sooner: it would be over before anything is to be heard
                before = b""
                played = through(np.frombuffer(block.pcm, np.int16))
                pipe.write(np.clip(played, -32_768, 32_767).astype(np.int16).tobytes())
                await pipe.drain()

        playing: asyncio.Task[None] | None = None
        try:
            # What is fed before it plays would wait for it, and with it all that comes later.
            await microphone.until_listed(
                "sink-inputs", 10, "loudspeakers", more_than=playing_already
            )
            playing = asyncio.create_task(play())
            yield
        finally:
            if playing is not None:
                playing.cancel()
                await asyncio.wait([playing])
            player.kill()
            await player.wait()
            pipe.close()
