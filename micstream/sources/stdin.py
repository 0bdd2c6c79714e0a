"""Standard input: raw PCM, or a WAV as another program writes it."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator
from typing import Final

from micstream.audio.format import AudioFormat
from micstream.audio.wav import WavHeader, looks_like_wav, parse_header
from micstream.errors import InputError
from micstream.sources.source import Block

_READ_BYTES: Final = 8192
_QUEUED_READS: Final = 32
_EMPTY_HINT: Final = (
    "pipe PCM or a WAV into it, for example: sox hello.wav -t raw - | micstream pipe"
)


class StdinSource:
    """Source of what comes in on a file descriptor, as it comes; the writer waits for us.

    Open it with `open`: whether it is a WAV is known only from its first bytes.
    """

    name = "stdin"
    pick = 0

    def __init__(self, reader: _Reader, header: WavHeader | None, format: AudioFormat) -> None:
        self.format = format
        self.warnings: list[str] = []
        self._reader = reader
        self._header = header

    @classmethod
    async def open(
        cls, *, rate: int | None, channels: int | None, descriptor: int = 0
    ) -> StdinSource:
        """Wait for the first bytes and read the header, where there is one.

        Raises:
            InputError: nothing comes, the header is truncated, absurd, or contradicts `rate` or
                `channels`.
        """
        reader = _Reader(descriptor)
        start = b""
        while len(start) < 4:
            more = await reader.read()
            if not more:
                break
            start += more
        if not start:
            raise InputError("standard input is empty", hint=_EMPTY_HINT, code="empty_stdin")
        if not looks_like_wav(start):
            reader.unread(start)
            return cls(reader, None, AudioFormat(rate or 16_000, channels or 1))
        while (parsed := parse_header(start)) is None:
            more = await reader.read()
            if not more:
                raise InputError(
                    f"the WAV on standard input ends within its header, after {len(start)} bytes",
                    code="bad_wav",
                )
            start += more
        header, at = parsed
        for given, found, what in (
            (rate, header.format.rate, "--rate"),
            (channels, header.format.channels, "--channels"),
        ):
            if given is not None and given != found:
                raise InputError(
                    f"the WAV on standard input has {found}, {what} says {given}",
                    hint=f"leave {what} out: a WAV knows it by itself",
                    code="wav_contradicts",
                )
        reader.unread(start[at:])
        return cls(reader, header, header.format)

    async def blocks(self) -> AsyncIterator[Block]:
        """Blocks as they come, as 16-bit PCM; ends with the input, or with the WAV's data."""
        frame = self._header.frame_bytes if self._header else self.format.frame_bytes
        left = self._header.data_bytes if self._header else None
        rest, read = b"", 0
        while left is None or read < left:
            data = await self._reader.read()
            if not data:
                break
            if left is not None:
                data = data[: left - read]
            read += len(data)
            data = rest + data
            whole = len(data) - len(data) % frame
            rest = data[whole:]
            if whole:
                pcm = self._header.to_pcm(data[:whole]) if self._header else data[:whole]
                yield Block(pcm, time.monotonic())
        if left is not None and read < left:
            self.warnings.append(
                f"the WAV's header promises {left} bytes and {read} came; played as far as it goes"
            )
        if rest:
            self.warnings.append(f"{len(rest)} bytes at the end are no whole sample: dropped")
        if read == len(rest):
            raise InputError("no sound on standard input", hint=_EMPTY_HINT, code="empty_stdin")


class _Reader:
    """Reads a descriptor in a thread: pipes, files and terminals alike, without blocking.

    The thread is a daemon: a read that nobody answers must not hold up the program's end.
    """

    def __init__(self, descriptor: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._capacity = threading.Semaphore(_QUEUED_READS)
        self._unread = b""
        self._ended = False
        threading.Thread(target=self._run, args=(descriptor,), name="stdin", daemon=True).start()

    def _run(self, descriptor: int) -> None:
        while True:
            self._capacity.acquire()
            try:
                data = os.read(descriptor, _READ_BYTES)
            except OSError:
                data = b""
            try:
                self._loop.call_soon_threadsafe(self._queue.put_nowait, data)
            except RuntimeError:  # the loop has closed meanwhile
                return
            if not data:
                return

    def unread(self, data: bytes) -> None:
        """Hand `data` out again with the next `read`."""
        self._unread = data

    async def read(self) -> bytes:
        """Some bytes; none at the end."""
        if self._unread:
            data, self._unread = self._unread, b""
            return data
        if self._ended:
            return b""
        data = await self._queue.get()
        self._ended = not data
        self._capacity.release()
        return data
