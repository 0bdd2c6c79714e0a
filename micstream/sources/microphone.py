"""The microphone, through PortAudio.

The callback runs in PortAudio's own thread: it copies, counts, hands over and returns. What the
program does not take within ten seconds is dropped, and told with the next block.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncGenerator, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any, Final, NamedTuple

import numpy as np

from micstream.audio.clock import CaptureClock
from micstream.audio.format import SPEECH, AudioFormat
from micstream.audio.levels import to_int16
from micstream.errors import AudioDeviceError
from micstream.sources import apart, audio_thread, portaudio
from micstream.sources.audio_thread import close_in_audio_thread, run_in_audio_thread
from micstream.sources.names import InputDevice, Sought
from micstream.sources.source import Block, LossCode, Source
from micstream.sources.surroundings import advised, permission_hint

_BLOCK_MS: Final = 16
"""While one speaks what is captured is sent; an avatar that plays at once waits for a block."""
_AT_REST: Final = 2
"""Blocks that are handed over together while nobody speaks: in step with the default detector's
frames. Fewer only wake the program more often."""
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
_BEGIN_S: Final = 10.0
"""Longest wait for it to be opened and started: a Bluetooth headset changes its profile first, and
a device may have to be tried at several rates."""
_LOST_HINT: Final = "check the cable, the permission to use it and the sound server"
_AGAIN_S: Final = 3.0
"""Longest wait for finding it again: after that there is another way (`sources/apart.py`)."""
_STALLED_S: Final = 0.1
"""More, in case it was we who stood still: then its next callback comes at once."""
_GAP_S: Final = 0.1
"""Shortest gap told. Less may be the scheduler's doing; the clock follows it within 16 s."""
_CORE_AUDIO: Final = "Core Audio"
"""macOS accepts every rate and converts it; where it cannot, it may end the whole process."""
_LATE_FOR_S: Final = 0.99
"""All that comes within a second has to be late before sound is missing."""


_Form = tuple[AudioFormat, str]
"""Rate and channels; sounddevice's name of the sample's type."""


class _Part(NamedTuple):
    """Block as the callback hands it over."""

    data: bytes
    ends_at: float
    not_taken: int
    """Samples of each channel before it that were dropped, because the queue was full."""
    overflowed: bool
    """PortAudio lost some before it, and does not know how much."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing was lost before it."""
        return not self.not_taken and not self.overflowed


class Microphone:
    """An input device, opened at 16 kHz where it can be, else at what it has.

    `wanted`: the device, or its name, a part of it or its index. `format`: settled with the first
    block, as a device may accept what it then cannot be opened with.

    `channel`: the one to use, from 1; 0 mixes them all. `channels`: open at least so many, for
    consumers that pick others (see `sources/shared.py`).

    Raises:
        AudioDeviceError: no PortAudio, no such device, or it cannot be opened.
    """

    block_ms: Final = _BLOCK_MS

    def __init__(
        self,
        wanted: str | InputDevice | None = None,
        *,
        channel: int = 0,
        channels: int = 0,
    ) -> None:
        found = wanted if isinstance(wanted, InputDevice) else portaudio.find_input(wanted)
        self._device, self.name = found, found.name
        self._forms = _forms(found, max(channel, channels))
        form = next(self._forms, None)
        if form is None:
            raise AudioDeviceError(
                f"{found.name!r} opens at no rate from 16 to 48 kHz",
                hint="another program may hold it; see micstream devices",
                code="device_format",
            )
        self.format, self._dtype = form
        self.pick = min(channel, self.format.channels)
        self._hurried = True
        self._capture: _Capture | None = None

    def hurry(self, on: bool) -> None:
        """Hand over each block as it comes; else two together."""
        self._hurried = on
        if self._capture is not None:
            self._capture.at_once = on

    async def blocks(self) -> AsyncGenerator[Block, None]:
        """Block after block until the device is lost; each says what was lost before it.

        Raises:
            AudioDeviceError: it cannot be opened, delivers nothing, or is gone.
        """
        begin = partial(self._begin, asyncio.get_running_loop())
        self._capture = None
        try:
            stream, capture = await run_in_audio_thread(
                begin, undo=lambda begun: portaudio.close_input(begun[0]), deadline_s=_BEGIN_S
            )
        except AudioDeviceError as error:
            raise advised(error) from None
        losses = _Losses(self.format)
        self._capture = capture
        capture.at_once = self._hurried
        try:
            timeout = _FIRST_BLOCK_S
            while True:
                if not (await capture.arrives(timeout) or await capture.arrives(_STALLED_S)):
                    raise self._lost(f"delivers nothing for {timeout:g} s")
                ended = capture.ended  # before all that it handed over is taken
                while capture.queue:
                    part = capture.take()
                    yield losses.told(part, self._to_pcm(part.data))
                    timeout = _SILENT_S
                if ended:
                    raise self._lost("is gone")
        finally:
            await close_in_audio_thread(partial(portaudio.close_input, stream), _CLOSE_S)

    def _begin(self, loop: asyncio.AbstractEventLoop) -> tuple[Any, _Capture]:
        """Open and start it, at the next rate where the one before was accepted and fails now."""
        sounddevice = portaudio.load()
        first: AudioDeviceError | None = None
        form: _Form | None = (self.format, self._dtype)
        while form is not None:
            self.format, self._dtype = form
            capture = _Capture(loop, sounddevice.CallbackAbort)
            try:
                return self._started(capture), capture
            except AudioDeviceError as error:
                first = first or error
            form = next(self._forms, None)
        assert first is not None
        raise first

    def _started(self, capture: _Capture) -> Any:
        sounddevice = portaudio.load()
        try:
            stream = portaudio.open_input(
                device=self._device.index,
                samplerate=self.format.rate,
                channels=self.format.channels,
                dtype=self._dtype,
                blocksize=self.format.samples(_BLOCK_MS),
                latency="low",
                callback=capture.callback,
                finished_callback=capture.finished,
            )
        except (sounddevice.PortAudioError, ValueError) as error:
            raise AudioDeviceError(
                f"{self.name!r} cannot be opened: {portaudio.reason(error)}",
                hint="another program may hold it; see micstream devices",
                code="device_busy",
            ) from None
        try:
            stream.start()
        except (sounddevice.PortAudioError, ValueError) as error:
            portaudio.close_input(stream)
            raise self._lost(f"fails: {portaudio.reason(error)}") from None
        return stream

    def _lost(self, what: str) -> AudioDeviceError:
        return AudioDeviceError(
            f"the microphone {self.name!r} {what}",
            hint="; ".join(filter(None, (_LOST_HINT, permission_hint()))),
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
        self.at_once = True
        """Whether each block is handed over by itself."""
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
        if (self.at_once or len(self.queue) >= _AT_REST) and not self._notify():
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

    def take(self) -> _Part:
        """The oldest block, with those behind it that were handed over at rest."""
        part = self.queue.popleft()
        if self.at_once:
            return part
        pieces = [part.data]
        while len(pieces) < _AT_REST and self.queue and self.queue[0].is_whole:
            later = self.queue.popleft()
            pieces.append(later.data)
            part = part._replace(ends_at=later.ends_at)
        return part._replace(data=b"".join(pieces))

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
        self._late_s: list[float] = []
        self._late_for_s = 0.0

    def told(self, part: _Part, pcm: bytes) -> Block:
        """The block, with what was lost before it."""
        not_taken_s = part.not_taken / self._format.rate
        due_s = self._position_s + not_taken_s + self._format.seconds(len(pcm))
        late_s = self._clock.behind_s(due_s, part.ends_at)
        took_s = self._format.seconds(len(pcm))
        missing_s, code = self._missing(late_s, took_s, overflowed=part.overflowed)
        if part.not_taken and missing_s < not_taken_s:
            code = "slow"
        self._position_s = due_s + missing_s
        self._clock.observe(self._position_s, part.ends_at)
        return Block(pcm, part.ends_at, not_taken_s + missing_s, code)

    def _missing(self, late_s: float, took_s: float, *, overflowed: bool) -> tuple[float, LossCode]:
        if overflowed:
            self._in_time()
            return late_s, "overflow"
        if late_s < _GAP_S:  # as nearly always
            self._in_time()
            return 0.0, ""
        self._late_s.append(late_s)
        self._late_for_s += took_s
        if self._late_for_s < _LATE_FOR_S:
            return 0.0, ""
        missing_s = min(self._late_s)
        self._in_time()
        return missing_s, "gap"

    def _in_time(self) -> None:
        self._late_s.clear()
        self._late_for_s = 0.0


class MicrophoneOpener:
    """Opens one microphone, as often as it is lost: see `names.Sought`.

    In a process of its own where PortAudio stands still in this one, or where it is not found again
    because the list of devices cannot be renewed under another stream.
    """

    def __init__(self, device: str | None = None, *, channel: int = 0, channels: int = 0) -> None:
        self._sought = Sought(device)
        self._channel, self._channels = channel, channels

    async def open(self, *, again: bool = False) -> Source:
        """Find it, and choose its format; `again`: the same device, another is never taken unasked.

        Raises:
            AudioDeviceError: no PortAudio, no such device, it cannot be opened, or no answer.
        """
        if again and audio_thread.is_stuck():
            return await self._open_apart()
        deadline_s = _AGAIN_S if again else None
        fresh = True

        def look() -> list[InputDevice]:
            nonlocal fresh
            fresh = not again or portaudio.look_again()
            return portaudio.some_inputs()

        try:
            device = self._choose(await run_in_audio_thread(look, deadline_s=deadline_s), again)
            make = partial(Microphone, device, channel=self._channel, channels=self._channels)
            return await run_in_audio_thread(make, deadline_s=deadline_s)
        except AudioDeviceError as error:
            stuck = again and error.code == "audio_stuck"
            if stuck or (error.code == "no_device" and not fresh):
                return await self._open_apart()
            raise advised(error) from None

    async def _open_apart(self) -> Source:
        choose = partial(self._choose, again=True)
        return await apart.open_microphone(choose, self._channel, self._channels)

    def _choose(self, devices: Sequence[InputDevice], again: bool) -> InputDevice:
        return self._sought.find(devices, again=again)


def _forms(device: InputDevice, min_channels: int) -> Iterator[_Form]:
    """Formats that the device accepts, the best first: 16 kHz where it does that, else its own
    rate (on macOS its own first), all channels needed, int16 first. One for each rate, then the
    others at its own."""
    if min_channels > device.channels:
        raise AudioDeviceError(
            f"{device.name!r} has {device.channels} channels, --channel says {min_channels}",
            hint="0 mixes them all",
            code="no_channel",
        )
    # Two where there are two: a driver that makes one of them mixes them, also where channel 1 is
    # asked for; and where one is the other upside down, that is silence.
    needed = (max(min_channels, min(2, device.channels)), max(1, min_channels), device.channels)
    counts = [count for count in dict.fromkeys(needed) if count <= _MAX_CHANNELS]
    ways = [(count, dtype) for dtype in ("int16", "float32") for count in counts]

    def accepted(rate: int) -> Iterator[_Form]:
        for channels, dtype in ways:
            if portaudio.accepts(device, rate, channels, dtype):
                yield AudioFormat(rate, channels), dtype

    best = [SPEECH.rate, device.default_rate]
    if device.host_api == _CORE_AUDIO:
        best.reverse()
    rates = dict.fromkeys((*best, 48_000, 44_100))
    for rate in filter(None, rates):
        yield from islice(accepted(rate), 1)
    if device.default_rate:
        yield from islice(accepted(device.default_rate), 1, None)
