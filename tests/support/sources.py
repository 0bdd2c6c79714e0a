"""Sources of which the rest wants to know no more than this."""

from __future__ import annotations

from collections.abc import AsyncIterator

from micstream.audio.format import AudioFormat
from micstream.sound_path import SoundPath
from micstream.sources.source import Block


class Silent:
    """A source that yields nothing: a path is handed its blocks by the tests."""

    def __init__(self, rate: int = 16_000, channels: int = 1, pick: int = 0) -> None:
        self.name = "test"
        self.format = AudioFormat(rate, channels)
        self.pick = pick

    async def blocks(self) -> AsyncIterator[Block]:
        """Nothing."""
        raise NotImplementedError
        yield


def opened(path: SoundPath, source: Silent | None = None) -> SoundPath:
    """The path with a source opened in it."""
    assert path.open(source or Silent()) == []
    return path
