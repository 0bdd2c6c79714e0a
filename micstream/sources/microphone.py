"""The microphone, through PortAudio.

The callback runs in PortAudio's own thread: it copies, counts, hands over and returns. What the
program does not take within ten seconds is dropped, and told with the next block.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncGenerator
from functools import partial
from typing import Any, Final, NamedTuple

import numpy as np

from micstream.audio.clock import CaptureClock
from micstream.audio.format import SPEECH, AudioFormat
from micstream.audio.levels import to_int16
from micstream.errors import AudioDeviceError
from micstream.sources import portaudio
from micstream.sources.source import Block, LossCode

_BLOCK_MS: Final = 32
"""In step with the default detector's frames: shorter ones only wake the program more often."""
_MAX_CHANNELS: Final = 64
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
"""More, in case it was we who stood still: then its next callback comes at once."""
_GAP_S: Final = 0.1
"""Shortest gap told. Less may be the scheduler's doing; the clock follows it within 16 s."""
_LATE_BLOCKS: Final = 1_000 // _BLOCK_MS
"""Callbacks that all have to be late before sound is missing: a second of them."""


class _Part(NamedTuple):
    """Block as the callback hands it over."""

    data: bytes
    ends_at: float
    not_taken: int
    """Samples of each channel before it that were dropped, because the queue was full."""
    overflowed: bool
    """PortAudio lost some before it, and does not know how much."""


class Microphone:
    """An input device, opened at 16 kHz where it can be, else at what it has.

    `channel`: the one to use, from 1; 0 mixes them all. `channels`: open at least so many, for
    consumers that pick others (see `sources/shared.py`).

    Raises:
        AudioDeviceError: no PortAudio, no such device, or it cannot be opened.
    """

    def __init__(self, wanted: str | None = None, *, channel: int = 0, channels: int = 0) -> None:
        self._device = portaudio.find_input(wanted)
        self.name = self._device.name
        self.format, self._dtype = _choose_format(self._device, max(channel, channels))
        self.pick = min(channel, self.format.channels)

    async def blocks(self) -> AsyncGenerator[Block, None]:
        """Block after block until the device is lost; each says what was lost before it.

        Raises:
            AudioDeviceError: it cannot be opened, delivers nothing, or is gone.
        """
        sounddevice = portaudio.load()
        capture = _Capture(asyncio.get_running_loop(), sounddevice.CallbackAbort)

        def create() -> Any:
            return portaudio.open_input(
                device=self._device.index,
                samplerate=self.format.rate,
                channels=self.format.channels,
                dtype=self._dtype,
                blocksize=self.format.samples(_BLOCK_MS),
                latency="low",
                callback=capture.callback,
                finished_callback=capture.finished,
            )

        try:
            stream = await portaudio.run_in_audio_thread(create, undo=portaudio.close_input)
        except sounddevice.PortAudioError as error:
            raise AudioDeviceError(
                f"{self.name!r} cannot be opened: {portaudio.reason(error)}",
                hint="another program may hold it; see micstream devices",
                code="device_busy",
            ) from None
        losses = _Losses(self.format)
        try:
            await portaudio.run_in_audio_thread(stream.start)
            timeout = _FIRST_BLOCK_S
            while True:
                if not (await capture.arrives(timeout) or await capture.arrives(_STALLED_S)):
                    raise self._lost(f"delivers nothing for {timeout:g} s")
                ended = capture.ended  # before all that it handed over is taken
                while capture.queue:
                    part = capture.queue.popleft()
                    yield losses.told(part, self._to_pcm(part.data))
                    timeout = _SILENT_S
                if ended:
                    raise self._lost("is gone")
        except sounddevice.PortAudioError as error:
            raise self._lost(f"fails: {portaudio.reason(error)}") from None
        finally:
            closing = asyncio.create_task(
                portaudio.run_in_audio_thread(partial(portaudio.close_input, stream))
            )
            await asyncio.wait({closing}, timeout=_CLOSE_S)

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


class _Capture:
    """PortAudio's callback. What it counts is its thread's alone, and goes with the next block."""

    def __init__(self, loop: asyncio.AbstractEventLoop, abort: type[Exception]) -> None:
        self.queue: deque[_Part] = deque()
        self.ended = False
        self._loop = loop
        self._abort = abort
        self._arrived = asyncio.Event()
        self._not_taken = 0
        self._overflowed = False

    def callback(self, data: Any, frames: int, _when: object, status: Any) -> None:
        """Copy, count, hand over, return."""
        now = time.monotonic()
        if status.input_overflow:
            self._overflowed = True
        if len(self.queue) >= _QUEUED_BLOCKS:
            self._not_taken += frames
        else:
            self._hand_over(bytes(data), now)
        if not self._notify():
            raise self._abort

    def finished(self) -> None:
        """The stream has ended, by itself or because it was closed."""
        if self._not_taken:
            self._hand_over(b"", time.monotonic())
        self.ended = True
        self._notify()

    def _hand_over(self, data: bytes, now: float) -> None:
        self.queue.append(_Part(data, now, self._not_taken, self._overflowed))
        self._not_taken, self._overflowed = 0, False

    async def arrives(self, timeout: float) -> bool:
        """Wait for something to be handed over, `timeout` seconds at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._arrived.wait()
        came = self._arrived.is_set()
        self._arrived.clear()
        return came

    def _notify(self) -> bool:
        """Wake whoever waits; False: the loop has closed meanwhile."""
        try:
            self._loop.call_soon_threadsafe(self._arrived.set)
        except RuntimeError:
            return False
        return True


class _Losses:
    """Tells with each block what was lost before it.

    What PortAudio lost it does not count, and what was lost before it (by a sound server under
    load) it does not even know: that is as much as the blocks come later than was due. A single one
    may be late by itself; all of a second are not.
    """

    def __init__(self, format: AudioFormat) -> None:
        self._format = format
        self._clock = CaptureClock()
        self._position_s = 0.0
        self._late_s: deque[float] = deque(maxlen=_LATE_BLOCKS)

    def told(self, part: _Part, pcm: bytes) -> Block:
        """The block, with what was lost before it."""
        not_taken_s = part.not_taken / self._format.rate
        due_s = self._position_s + not_taken_s + self._format.seconds(len(pcm))
        late_s = self._clock.behind_s(due_s, part.ends_at)
        missing_s, code = self._missing(late_s, overflowed=part.overflowed)
        if part.not_taken and missing_s < not_taken_s:
            code = "slow"
        self._position_s = due_s + missing_s
        self._clock.observe(self._position_s, part.ends_at)
        return Block(pcm, part.ends_at, not_taken_s + missing_s, code)

    def _missing(self, late_s: float, *, overflowed: bool) -> tuple[float, LossCode]:
        if overflowed:
            self._late_s.clear()
            return late_s, "overflow"
        if late_s < _GAP_S:  # as nearly always
            self._late_s.clear()
            return 0.0, ""
        self._late_s.append(late_s)
        if len(self._late_s) < _LATE_BLOCKS:
            return 0.0, ""
        missing_s = min(self._late_s)
        self._late_s.clear()
        return missing_s, "gap"


class MicrophoneOpener:
    """Opens one microphone, as often as it is lost: by what was asked for, then by its name."""

    def __init__(self, device: str | None = None, *, channel: int = 0, channels: int = 0) -> None:
        self._wanted = device
        self._channel, self._channels = channel, channels

    async def open(self, *, again: bool = False) -> Microphone:
        """Find it, and choose its format; `again`: the same device, another is never taken unasked.

        Raises:
            AudioDeviceError: no PortAudio, no such device, or it cannot be opened.
        """

        def find() -> Microphone:
            if again:
                portaudio.look_again()
            return Microphone(self._wanted, channel=self._channel, channels=self._channels)

        microphone = await portaudio.run_in_audio_thread(find)
        self._wanted = microphone.name
        return microphone


def _choose_format(device: portaudio.InputDevice, min_channels: int) -> tuple[AudioFormat, str]:
    """16 kHz where the device does it, else its own rate; all channels needed, int16 first."""
    if min_channels > device.channels:
        raise AudioDeviceError(
            f"{device.name!r} has {device.channels} channels, --channel says {min_channels}",
            hint="0 mixes them all",
            code="no_channel",
        )
    # Two where there are two: a driver that makes one of them mixes them, also where channel 1 is
    # asked for; and where one is the other upside down, that is silence.
    needed = (max(min_channels, min(2, device.channels)), max(1, min_channels), device.channels)
    counts = [count for count in needed if count <= _MAX_CHANNELS]
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
