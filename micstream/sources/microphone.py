"""The microphone, through PortAudio.

The callback runs in PortAudio's own thread: it copies, counts and returns. What the program does
not take within ten seconds is dropped and counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncGenerator
from functools import partial
from typing import Any, Final

import numpy as np

from micstream.audio.format import SPEECH, AudioFormat
from micstream.audio.levels import to_int16
from micstream.errors import AudioDeviceError
from micstream.sources import portaudio
from micstream.sources.source import Block

_BLOCK_MS: Final = 32
"""In step with the default detector's frames: shorter ones only wake the program more often."""
_MOST_CHANNELS: Final = 64
"""ALSA's plugins claim hundreds."""
_QUEUED_BLOCKS: Final = 10_000 // _BLOCK_MS
"""Ten seconds: more than any stall the loop survives."""
_FIRST_BLOCK_S: Final = 6.0
"""A sound server may take two seconds to deliver its first block."""
_SILENT_S: Final = 0.6
"""A running stream without a callback for this long has died without telling."""
_CLOSE_S: Final = 0.1
"""Longest wait for it to be closed: with the sound server at a standstill it takes for ever."""
_STALLED_S: Final = 0.1
"""Unless it was we who stood still: then its next callback comes at once."""


class Microphone:
    """An input device, opened at 16 kHz mono where it can be, else at what it has.

    Raises:
        AudioDeviceError: no PortAudio, no such device, or it cannot be opened.
    """

    def __init__(self, wanted: str | None = None, *, channel: int = 0) -> None:
        self._device = portaudio.find_input(wanted)
        self.name = self._device.name
        self.format, self._dtype = _choose_format(self._device, channel)
        self.pick = min(channel, self.format.channels)
        self.overflows = 0
        """Times that PortAudio itself lost sound because the machine was too slow."""
        self.dropped_s = 0.0
        """Seconds of sound that the program did not take in time."""
        self._queue: deque[Block] = deque()
        self._arrived = asyncio.Event()
        self._ended = False

    async def blocks(self) -> AsyncGenerator[Block, None]:
        """Block after block until the device is lost.

        Raises:
            AudioDeviceError: it cannot be opened, delivers nothing, or is gone.
        """
        loop = asyncio.get_running_loop()
        sounddevice = portaudio.load()

        def arrived() -> None:
            self._arrived.set()

        def notify() -> None:
            try:
                loop.call_soon_threadsafe(arrived)
            except RuntimeError:  # the loop has closed meanwhile
                raise sounddevice.CallbackAbort from None

        def callback(data: Any, frames: int, when: object, status: Any) -> None:
            if status.input_overflow:
                self.overflows += 1
            if len(self._queue) >= _QUEUED_BLOCKS:
                self.dropped_s += frames / self.format.rate
            else:
                self._queue.append(Block(self._to_pcm(bytes(data)), time.monotonic()))
            notify()

        def finished() -> None:
            self._ended = True
            notify()

        def create() -> Any:
            return sounddevice.RawInputStream(
                device=self._device.index,
                samplerate=self.format.rate,
                channels=self.format.channels,
                dtype=self._dtype,
                blocksize=self.format.samples(_BLOCK_MS),
                latency="low",
                callback=callback,
                finished_callback=finished,
            )

        try:
            stream = await portaudio.aside(create, undo=lambda late: late.close())
        except sounddevice.PortAudioError as error:
            raise AudioDeviceError(
                f"{self.name!r} cannot be opened: {portaudio.reason(error)}",
                hint="another program may hold it; see micstream devices",
                code="device_busy",
            ) from None
        try:
            await portaudio.aside(stream.start)
            patience = _FIRST_BLOCK_S
            while True:
                if not (await self._arrives(patience) or await self._arrives(_STALLED_S)):
                    raise self._lost(f"delivers nothing for {patience:g} s")
                self._arrived.clear()
                while self._queue:
                    yield self._queue.popleft()
                    patience = _SILENT_S
                if self._ended:
                    raise self._lost("is gone")
        except sounddevice.PortAudioError as error:
            raise self._lost(f"fails: {portaudio.reason(error)}") from None
        finally:
            closing = asyncio.create_task(
                portaudio.aside(partial(stream.close, ignore_errors=True))
            )
            await asyncio.wait({closing}, timeout=_CLOSE_S)

    async def _arrives(self, patience: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._arrived.wait()
        return self._arrived.is_set()

    def _lost(self, what: str) -> AudioDeviceError:
        return AudioDeviceError(
            f"the microphone {self.name!r} {what}",
            hint="check the cable, the permission to use it and the sound server",
            code="device_lost",
        )

    def _to_pcm(self, data: bytes) -> bytes:
        if self._dtype == "int16":
            return data
        return to_int16(np.frombuffer(data, dtype=np.float32)).tobytes()


def _choose_format(device: portaudio.InputDevice, channel: int) -> tuple[AudioFormat, str]:
    """16 kHz mono where the device does it, else its own rate, all channels needed, int16 first."""
    if channel > device.channels:
        raise AudioDeviceError(
            f"{device.name!r} has {device.channels} channels, --channel says {channel}",
            hint="0 mixes them all",
            code="no_channel",
        )
    needed = (max(1, channel), max(channel, min(2, device.channels)), device.channels)
    counts = [count for count in needed if count <= _MOST_CHANNELS]
    for rate in (SPEECH.rate, device.default_rate, 48_000, 44_100):
        for dtype in ("int16", "float32"):
            for channels in counts:
                if portaudio.accepts(device, rate, channels, dtype):
                    return AudioFormat(rate, channels), dtype
    raise AudioDeviceError(
        f"{device.name!r} opens at no rate from 16 to 48 kHz",
        hint="another program may hold it; see micstream devices",
        code="device_format",
    )
