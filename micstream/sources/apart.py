"""A microphone apart: captured by a process of its own, which can be killed.

For a process whose own PortAudio stands still: see `sources/audio_thread.py`. The other process
writes what its microphone yields to its standard output, and ends with its standard input, that is
with us, however we end. Both processes' monotonic clocks are the system's.

On the wire: kind (a byte), length (four), and so many bytes:

    D  JSON: every device                         which one? answered by its index and a line break
    O  JSON: name, rate, channels, pick           the device was opened; its first block is the next
    B  ends_at, lost_s, index of the code, PCM    a block
    E  JSON: message, hint, code                  the last: why it ends
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import struct
import sys
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Final, get_args

from micstream.audio.format import AudioFormat
from micstream.errors import AudioDeviceError
from micstream.sources.audio_thread import DEADLINE_S, run_in_audio_thread, standing_still
from micstream.sources.names import InputDevice
from micstream.sources.source import Block, LossCode, Source

_HEAD: Final = struct.Struct("<cI")
_BLOCK: Final = struct.Struct("<ddB")
_CODES: Final[tuple[LossCode, ...]] = get_args(LossCode)
_MOST_BYTES: Final = 1 << 24
_START_S: Final = DEADLINE_S + 2.0
"""Longest wait for the devices to be listed; the other process gives up before."""
_OPEN_S: Final = 24.0
"""Longest wait for its first block; the other process gives up before: six seconds for its format,
ten for opening it, six for the block."""
_SILENT_S: Final = 2.0
"""More than the other process waits for its microphone: then it stands still itself."""
_KILL_S: Final = 0.1
_OURS: Final = ("LIVEKIT_", "AVALUMA_", "AVATAR_", "MICSTREAM_")
"""Variables that the other process has no use for; there are secrets among them."""
_PROGRAM: Final = "from micstream.sources.apart import main; main()"


async def open_microphone(
    choose: Callable[[Sequence[InputDevice]], InputDevice],
    channel: int,
    channels: int,
    *,
    command: Sequence[str] = (),
) -> Source:
    """Have another process list the devices, and capture the one that `choose` takes of them.

    Raises:
        AudioDeviceError: it cannot be found or opened, or the process cannot be started.
    """
    words = [*(command or _command()), str(channel), str(channels)]
    try:
        process = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=_environment(),
        )
    except (OSError, NotImplementedError):  # Windows' older loop starts no processes
        raise standing_still(DEADLINE_S) from None
    try:
        listed = await _read(process, b"D", _START_S)
        device = choose([InputDevice(**each) for each in json.loads(listed)])
        assert process.stdin is not None
        process.stdin.write(f"{device.index}\n".encode())
        found = json.loads(await _read(process, b"O", _OPEN_S))
    except BaseException:
        await _kill(process)
        raise
    format = AudioFormat(found["rate"], found["channels"])
    return _Apart(found["name"], format, found["pick"], process)


@dataclass(frozen=True, slots=True)
class _Apart:
    """What the other process captures."""

    name: str
    format: AudioFormat
    pick: int
    process: asyncio.subprocess.Process

    async def blocks(self) -> AsyncGenerator[Block, None]:
        """Block after block until the device is lost; then, or when nobody listens, it is killed.

        Raises:
            AudioDeviceError: as the other process says, or it stands still.
        """
        try:
            while True:
                yield _block(await _read(self.process, b"B", _SILENT_S))
        finally:
            await _kill(self.process)


async def _read(process: asyncio.subprocess.Process, expected: bytes, timeout: float) -> bytes:
    out = process.stdout
    assert out is not None
    try:
        async with asyncio.timeout(timeout):
            kind, length = _HEAD.unpack(await out.readexactly(_HEAD.size))
            body = await out.readexactly(min(length, _MOST_BYTES))
    except TimeoutError:
        raise standing_still(timeout) from None
    except asyncio.IncompleteReadError:
        raise AudioDeviceError(
            "the process that captures the microphone has ended",
            hint="it is started again; see micstream devices",
            code="device_lost",
        ) from None
    if kind != expected:
        raise _error(body)
    return body


async def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    waiting = asyncio.ensure_future(process.wait())
    await asyncio.wait({waiting}, timeout=_KILL_S)


def _block(body: bytes) -> Block:
    ends_at, lost_s, code = _BLOCK.unpack_from(body)
    return Block(body[_BLOCK.size :], ends_at, lost_s, _CODES[code])


def _error(body: bytes) -> AudioDeviceError:
    told = json.loads(body)
    return AudioDeviceError(told["message"], hint=told["hint"], code=told["code"])


def _command() -> list[str]:
    """The Python that runs us, and the other process's program.

    Raises:
        AudioDeviceError: it is none that could be started so, but a program with Python in it.
    """
    if getattr(sys, "frozen", False) or "python" not in Path(sys.executable or "").name.lower():
        raise standing_still(DEADLINE_S)
    return [sys.executable, "-P", "-c", _PROGRAM]


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


# ---- in the other process ----------------------------------------------------------------------


def main() -> None:
    """Be the other process."""
    for name in ("SIGINT", "SIGHUP"):  # they are for whoever started us, and ends us
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    answers: SimpleQueue[int] = SimpleQueue()
    threading.Thread(target=_end_with_input, args=[answers], daemon=True).start()
    channel, channels = map(int, sys.argv[-2:])
    out = os.fdopen(os.dup(1), "wb", buffering=0)

    def send(kind: bytes, body: bytes) -> None:
        whole = memoryview(_HEAD.pack(kind, len(body)) + body)
        while whole:
            whole = whole[out.write(whole) :]

    async def find() -> Source:
        from micstream.sources import portaudio
        from micstream.sources.microphone import Microphone

        devices = await run_in_audio_thread(portaudio.some_inputs)
        send(b"D", json.dumps([device.as_dict() for device in devices]).encode())
        wanted = answers.get()
        device = next(each for each in devices if each.index == wanted)
        make = partial(Microphone, device, channel=channel, channels=channels)
        return await run_in_audio_thread(make)

    with contextlib.suppress(OSError):  # nobody listens any more
        asyncio.run(serve(find, send))
    os._exit(0)  # PortAudio may never end


async def serve(
    find: Callable[[], Awaitable[Source]], send: Callable[[bytes, bytes], object]
) -> None:
    """Send what the microphone yields, until it is lost; why, is the last."""
    try:
        source = await find()
        opened = False
        async for pcm, ends_at, lost_s, code in source.blocks():
            if not opened:  # its format is settled with the first block
                opened = True
                send(b"O", json.dumps(_described(source)).encode())
            send(b"B", _BLOCK.pack(ends_at, lost_s, _CODES.index(code)) + pcm)
    except AudioDeviceError as error:
        told = {"message": error.message, "hint": error.hint, "code": error.code}
        send(b"E", json.dumps(told).encode())


def _described(source: Source) -> dict[str, str | int]:
    rate, channels = source.format.rate, source.format.channels
    return {"name": source.name, "rate": rate, "channels": channels, "pick": source.pick}


def _end_with_input(answers: SimpleQueue[int]) -> None:
    with os.fdopen(os.dup(0), "rb", buffering=0) as ours:
        for line in ours:
            answers.put(int(line))
    os._exit(0)
