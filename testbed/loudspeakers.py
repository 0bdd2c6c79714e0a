"""Loudspeakers in the hall: what the avatar publishes comes back into the virtual microphone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

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
_UNEVEN_S = 1.0
"""Sound from the room begins by fits and starts: of that nothing is played, or they would run dry
and be later for good."""
Sound = npt.NDArray[np.float32]


def louder(gain_db: float) -> Callable[[npt.NDArray[np.int16]], Sound]:
    """A hall that does nothing but that."""
    gain = np.float32(10 ** (gain_db / 20))
    return lambda pcm: pcm.astype(np.float32) * gain


class Loudspeakers:
    """Loudspeakers that play."""

    def __init__(self, told: Path) -> None:
        self._told = told

    @property
    def ran_dry(self) -> int:
        """How often they had nothing to play, so far: from then on they are later by as much."""
        return self._told.read_text(errors="replace").count("Stream underrun")


@asynccontextmanager
async def loudspeakers(
    server: Server,
    room: str,
    microphone: VirtualMicrophone,
    avatar: str,
    *,
    later_s: float = LATER_S,
    through: Callable[[npt.NDArray[np.int16]], Sound] = louder(0.0),  # noqa: B008 - holds nothing
) -> AsyncIterator[Loudspeakers]:
    """What this avatar publishes is said into the microphone, later, and through this hall.

    `later_s`: the loudspeakers' own; the viewer's buffer, from which they are fed, adds its part.
    """
    least_s, most_s = _LATENCY_S
    latency_ms = round(1000 * min(most_s, max(least_s, later_s - least_s)))
    # As what is said into it (`testbed.sound`) they wait for nobody, and the sink asks for 10 ms:
    # where it asks for less its clock is too fast by what each time is lost below a microsecond.
    held = (f"--latency-msec={latency_ms}", f"--process-time-msec={(latency_ms - 20) // 2}")
    form = ("--raw", f"--rate={RATE}", "--channels=1", "--format=s16le")
    told = microphone.folder / "loudspeakers.log"
    async with viewing(server, room, "loudspeakers") as viewer:
        playing_already = microphone.count("sink-inputs")
        with told.open("wb") as log:
            player = await asyncio.create_subprocess_exec(
                *(*AT_ONCE, "paplay", "--verbose", f"--device={SINK}", *held, *form),
                stdin=asyncio.subprocess.PIPE,
                stderr=log,
                env=microphone.env,
            )
        pipe = player.stdin
        assert pipe is not None

        async def play() -> None:
            before, begun = bytes(2 * round(later_s * RATE)), 0.0
            async for block in viewer.listen(avatar):
                begun = begun or block.arrived
                if block.arrived < begun + _UNEVEN_S:
                    continue
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
            yield Loudspeakers(told)
        finally:
            if playing is not None:
                playing.cancel()
                await asyncio.wait([playing])
            player.kill()
            await player.wait()
            pipe.close()
