"""A reference for an echo guard that is known beforehand, and sound through the guard."""

from __future__ import annotations

from micstream.echo.echo_guard import EchoGuard
from micstream.sources.source import Source
from testbed.speech import Samples
from tests.support.chunks import chunked


class Played:
    """A reference that is known beforehand."""

    missed = late = 0

    def __init__(self, sound: Samples) -> None:
        self._sound, self._at = sound.astype("<i2").tobytes(), 0

    def open(self, source: Source) -> None:
        del source

    def hear(self, block: bytes) -> None:
        del block

    def finish(self) -> None: ...

    def take(self, samples: int, at: float) -> bytes:
        del at
        start, self._at = self._at, self._at + 2 * samples
        return self._sound[start : self._at].ljust(2 * samples, b"\0")


def through(guard: EchoGuard, pcm: bytes, where: list[int]) -> tuple[bytes, bytes]:
    """All of a sound and its mask, divided at these bytes."""
    parts = [guard.push(block, 0.0) for block in chunked(pcm, where)] + [guard.finish()]
    return b"".join(sound for sound, _ in parts), b"".join(mask for _, mask in parts)
