"""Standard input: raw PCM, or a WAV as another program writes it."""

from __future__ import annotations

import asyncio
import errno
import os
import select
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Final

from micstream.audio.containers import needs_more, recognise
from micstream.audio.format import AudioFormat
from micstream.audio.wav import (
    TRIFLE_S,
    WavHeader,
    chunk_bytes,
    describes,
    looks_like_wav,
    parse_header,
    wav_within,
)
from micstream.errors import InputError, reason_of
from micstream.sources.source import Block

_READ_BYTES: Final = 8192
_QUEUED_READS: Final = 32
_EMPTY_HINT: Final = (
    "pipe PCM or a WAV into it, for example: sox hello.wav -t wav - | micstream pipe"
)


_FFMPEG: Final = "ffmpeg -i {} -f s16le -ar 16000 -ac 1 - | micstream pipe"
_DECODED: Final = {
    # Its index may stand at its end, which ffmpeg cannot seek for in a pipe.
    "M4A or MP4": f"write it to a file and decode that: {_FFMPEG.format('sound.m4a')}",
    "gzip": "unpack it: ... | gunzip | micstream pipe",
    "ZIP": "unpack it, and name the file in it: micstream play sound.wav",
    "MIDI": "it holds notes and no sound: make it one with a synthesizer (fluidsynth, timidity)",
}
"""How it becomes sound, where `ffmpeg -i -` does not do it."""


class StdinSource:
    """Source of what comes in on a file descriptor, as it comes; the writer waits for us.

    Open it with `open`: whether it is a WAV is known only from its first bytes.
    """

    name = "stdin"

    def __init__(
        self, reader: _Reader, header: WavHeader | None, format: AudioFormat, channel: int = 0
    ) -> None:
        self.format = format
        self.pick = channel
        self.warnings: list[str] = []
        self._reader = reader
        self._header = header
        self._next: StdinSource | None = None

    @classmethod
    async def open(
        cls, *, rate: int | None, channels: int | None, channel: int = 0, descriptor: int = 0
    ) -> StdinSource:
        """Wait for the first bytes and read the header, where there is one.

        `channel`: the one to use, from 1; 0 mixes them.

        Raises:
            InputError: nothing comes, the header is truncated, absurd, or contradicts `rate` or
                `channels`.
        """
        reader = _Reader(descriptor)
        try:
            return await cls._open(reader, rate=rate, channels=channels, channel=channel)
        except BaseException:
            reader.close()
            raise

    @classmethod
    async def _open(
        cls, reader: _Reader, *, rate: int | None, channels: int | None, channel: int
    ) -> StdinSource:
        start = await reader.read_while(_shorter_than(4))
        if not start:
            raise InputError("standard input is empty", hint=_EMPTY_HINT, code="empty_stdin")
        if not looks_like_wav(start):
            start = await reader.read_while(needs_more, start)
            _refuse_other_formats(start)
            reader.unread(start)
            return cls(
                reader, None, _with(channel, AudioFormat(rate or 16_000, channels or 1)), channel
            )
        while (parsed := parse_header(start)) is None:
            more = await reader.read()
            if not more:
                raise InputError(
                    f"the WAV on standard input ends within its header, after {len(start)} bytes",
                    hint="look at the program that writes it: did it end early?",
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
        return cls(reader, header, _with(channel, header.format), channel)

    async def following(self) -> StdinSource | None:
        """The WAV behind this sound, once its `blocks` have ended; None where there is none.

        Programs that speak sentence by sentence write one WAV after the other. Whatever else
        stands behind the sound is not played, and `warnings` says how many seconds it would be.

        Raises:
            InputError: what follows begins as a WAV and is none that can be played.
        """
        if self._next is None:
            self._next = await self._find_following()
        return self._next

    async def _find_following(self) -> StdinSource | None:
        if self._header is not None and (self._header.data_bytes or 0) % 2:
            await self._skip_pad_byte()
        while True:
            start = await self._reader.read_while(_shorter_than(8))
            if looks_like_wav(start):
                self._reader.unread(start)
                return await self._open(self._reader, rate=None, channels=None, channel=self.pick)
            size = chunk_bytes(start)
            if size is None:
                await self._tell_rest(len(start))
                return None
            chunk = await self._reader.read_while(_shorter_than(size), start)
            self._reader.unread(chunk[size:])

    async def _skip_pad_byte(self) -> None:
        start = await self._reader.read_while(_shorter_than(1))
        self._reader.unread(start[start[:1] == b"\0" :])

    async def _tell_rest(self, begun: int) -> None:
        count = begun
        while data := await self._reader.read():
            count += len(data)
        frame_bytes_s = self._frame_bytes * self.format.rate
        if count > TRIFLE_S * frame_bytes_s:
            self.warnings.append(
                f"behind the sound that the WAV's header announces {count} more bytes came, "
                f"{count / frame_bytes_s:.1f} s as sound: not played. A header that is wrong? "
                "Write raw PCM in its place, and give --rate"
            )

    async def blocks(self) -> AsyncIterator[Block]:
        """What has come, as 16-bit PCM; ends with the input, with the WAV's data, or where another
        WAV begins.

        Raises:
            InputError: there was no sound, and no other WAV follows.
        """
        frame, left = self._frame_bytes, await self._announced()
        rest, read = b"", 0
        while data := await self._reader.read_sound(None if left is None else left - read):
            read += len(data)
            data = rest + data
            whole = len(data) - len(data) % frame
            rest = data[whole:]
            if whole:
                self._reader.heard = True
                pcm = self._header.to_pcm(data[:whole]) if self._header else data[:whole]
                yield Block(pcm, time.monotonic())
        if left is not None and read < left:
            self.warnings.append(
                f"the WAV's header promises {left} bytes and {read} came; played as far as it goes"
            )
        if self._reader.failure:
            self.warnings.append(f"{self._reader.failure}; it is played as far as it came")
        if rest:
            self.warnings.append(f"{len(rest)} bytes at the end are no whole sample: dropped")
        if not self._reader.heard and await self.following() is None:
            raise InputError("no sound on standard input", hint=_EMPTY_HINT, code="empty_stdin")

    async def _announced(self) -> int | None:
        """Bytes of sound that are still to come; None: until the end."""
        if self._header is None or not self._header.says_none:
            return self._header.data_bytes if self._header else None
        start = await self._reader.read_while(_shorter_than(4))
        self._reader.unread(start)
        return 0 if describes(start) else None

    @property
    def _frame_bytes(self) -> int:
        return self._header.frame_bytes if self._header else self.format.frame_bytes


def _with(channel: int, format: AudioFormat) -> AudioFormat:
    """The format, once it is known to have that channel."""
    if channel > format.channels:
        raise InputError(
            f"standard input has {format.channels} channel(s), --channel says {channel}",
            hint="0 mixes them all; --channels says how many raw PCM has",
            code="no_channel",
        )
    return format


def _shorter_than(size: int) -> Callable[[bytes], bool]:
    return lambda begun: len(begun) < size


def _refuse_other_formats(start: bytes) -> None:
    """Raises InputError where `start` announces what is no PCM: as PCM it would be noise."""
    found = recognise(start)
    if found == "text":
        raise InputError(
            "standard input is text, not sound",
            hint="look at what the program before the pipe writes: a server's error, or base64",
            code="not_sound",
        )
    if found is not None:
        raise InputError(
            f"standard input is {found}; expected 16-bit PCM or a WAV",
            hint=_DECODED.get(found, f"decode it: ... | {_FFMPEG.format('-')}"),
            code="not_pcm",
        )


class _Reader:
    """Reads a descriptor in a thread: pipes, files and terminals alike, without blocking.

    The thread is a daemon: a read that nobody answers must not hold up the program's end.
    """

    def __init__(self, descriptor: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._capacity = threading.Semaphore(_QUEUED_READS)
        self._unread = b""
        self._ended = self._closed = False
        self.heard = False
        """Some sound was handed on, of whichever WAV."""
        self._begun = False
        self.failure = ""
        """Why no more can be read, where that is not its end."""
        threading.Thread(target=self._run, args=(descriptor,), name="stdin", daemon=True).start()

    def _run(self, descriptor: int) -> None:
        while True:
            self._capacity.acquire()
            if self._closed:
                return
            try:
                data = os.read(descriptor, _READ_BYTES)
            except BlockingIOError:  # another program of the pipe has made it so
                select.select([descriptor], [], [])
                self._capacity.release()
                continue
            except OSError as error:
                why = "it is closed" if error.errno == errno.EBADF else reason_of(error)
                self.failure = f"standard input cannot be read: {why}"
                data = b""
            try:
                self._loop.call_soon_threadsafe(self._queue.put_nowait, data)
            except RuntimeError:  # the loop has closed meanwhile
                return
            if not data:
                return

    def close(self) -> None:
        """Nobody reads any more: end the thread, with the next that comes at the latest."""
        self._closed = True
        self._capacity.release()

    async def read_while(self, wanting: Callable[[bytes], bool], begun: bytes = b"") -> bytes:
        """`begun` and what comes, for as long as `wanting` says of it that more is needed."""
        while wanting(begun):
            more = await self.read()
            if not more:
                break
            begun += more
        return begun

    def unread(self, data: bytes) -> None:
        """Hand `data` out again with the next `read`."""
        self._unread = data

    async def read_sound(self, most: int | None) -> bytes:
        """Some bytes, `most` at most; none at the end, and where another WAV begins."""
        data = b"" if most == 0 else await self.read()
        while data:
            complete = most is not None and len(data) >= most
            size, begins = wav_within(data[:most], complete=complete)
            if size or begins:
                break
            more = await self.read()
            size = len(data)
            data += more
            if not more:
                break
        else:
            return b""
        self.unread(data[size:])
        return data[:size]

    async def read(self) -> bytes:
        """Some bytes; none at the end.

        Raises:
            InputError: it cannot be read at all.
        """
        if self._unread:
            data, self._unread = self._unread, b""
            return data
        if self._ended:
            return b""
        data = await self._queue.get()
        self._ended = not data
        if self._ended and not self._begun and self.failure:
            raise InputError(self.failure, hint=_EMPTY_HINT, code="stdin_unreadable")
        self._begun = True
        self._capacity.release()
        return data
