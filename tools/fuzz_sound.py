"""Fuzz what is read as sound, guided by coverage: headers, standard input, files.

    python -m tools.fuzz_sound headers|stdin|files [-max_total_time=600] [CORPUS]

Needs atheris (`pip install atheris`; Linux, Python up to 3.13), which is nobody's dependency. What
is no InputError, what is more than was given, and what depends on how the input was divided ends it
with the input in a file `crash-...`.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Any, cast

import atheris

with atheris.instrument_imports(include=["micstream"]):
    from micstream.audio.containers import needs_more, recognise
    from micstream.audio.wav import parse_header, wav_within
    from micstream.errors import InputError
    from micstream.sources import stdin
    from micstream.sources.files import FileSource
    from micstream.sources.stdin import StdinSource

_LOOP = asyncio.new_event_loop()
_FILE = Path(tempfile.mkdtemp(prefix="fuzz-")) / "a.wav"


class _Given(stdin._Reader):
    """Reader of bytes that are there, in pieces of the sizes given."""

    def __init__(self, data: bytes, sizes: list[int]) -> None:
        self._unread = b""
        self._data, self._sizes, self._at = data, sizes, 0
        self.heard = False

    async def read(self) -> bytes:
        """The next piece."""
        if self._unread:
            data, self._unread = self._unread, b""
            return data
        size = self._sizes.pop(0) if self._sizes else len(self._data)
        data = self._data[self._at : self._at + size]
        self._at += len(data)
        return data

    def close(self) -> None:
        """Nothing is held."""


def headers(data: bytes) -> None:
    """A header, and where another begins."""
    recognise(data)
    needs_more(data)
    size, begins = wav_within(data)
    assert 0 <= size <= len(data)
    assert begins == (data[size : size + 4] == b"RIFF" and data[size + 8 : size + 12] == b"WAVE")
    try:
        parsed = parse_header(data)
    except InputError as error:
        assert error.hint
        return
    if parsed is not None:
        header, at = parsed
        assert 0 < at <= len(data)
        frames = (len(data) - at) // header.frame_bytes
        header.to_pcm(data[at : at + frames * header.frame_bytes])


async def _heard(data: bytes, sizes: list[int]) -> tuple[list[bytes], str]:
    heard: list[bytes] = []
    try:
        source: StdinSource | None = await StdinSource._open(
            _Given(data, sizes), rate=None, channels=None, channel=0
        )
        while source is not None:
            pcm = b"".join([block.pcm async for block in source.blocks()])
            assert len(pcm) % source.format.frame_bytes == 0
            heard.append(pcm)
            source = await source.following()
    except InputError as error:
        assert error.message
        return heard, error.code
    return heard, ""


def standard_input(data: bytes) -> None:
    """Whole and in pieces: the same sound, or the same refusal."""
    given = atheris.FuzzedDataProvider(data)
    sizes = [given.ConsumeIntInRange(1, 40) for _ in range(given.ConsumeIntInRange(0, 12))]
    rest = given.ConsumeBytes(sys.maxsize)
    whole = _LOOP.run_until_complete(_heard(rest, []))
    pieces = _LOOP.run_until_complete(_heard(rest, sizes))
    assert whole == pieces, (whole, pieces)
    assert sum(map(len, whole[0])) <= len(rest)


def files(data: bytes) -> None:
    """A file of these bytes."""
    _FILE.write_bytes(data)
    try:
        source = FileSource(_FILE)
        size = sum(len(block) for _, block in zip(range(2_000), source.read(), strict=False))
    except InputError as error:
        assert error.hint
        return
    if data[:4] == b"RIFF":
        assert size > 0


def main() -> None:
    """Fuzz the one that is named; the rest is libFuzzer's."""
    targets = {"headers": headers, "stdin": standard_input, "files": files}
    name = sys.argv.pop(1) if len(sys.argv) > 1 else ""
    if name not in targets:
        sys.exit(f"expected one of {', '.join(targets)}; then what libFuzzer takes")
    atheris.Setup(sys.argv, cast("Any", targets[name]))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
