"""A double at PortAudio's level: devices that no virtual microphone can be."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

Callback = Callable[[Any, int, Any, Any], None]


class PortAudioError(Exception):
    """As sounddevice raises it: words, then PortAudio's number."""


class CallbackAbort(Exception):
    """What a callback raises to stop its stream."""


@dataclass
class FakeDevice:
    """One device: what it has, what it can be opened as, and what it delivers."""

    name: str
    channels: int = 1
    rate: int = 48_000
    rates: tuple[int, ...] = (48_000,)
    dtypes: tuple[str, ...] = ("int16",)
    counts: tuple[int, ...] = (1,)
    """Channel counts at which it opens."""
    blocks: Sequence[bytes] = ()
    """Delivered as soon as it is started, by a thread of its own, as PortAudio's are."""
    overflowed: int = 0
    """For so many of its blocks it says that some sound was lost before."""
    unplugged: bool = False
    """Whether it is gone after its last block."""
    all_at_once: bool = False
    """Whether all is delivered before anybody can take it."""
    cannot_open: str = ""
    cannot_start: str = ""
    refused: tuple[int, ...] = ()
    """Rates that it accepts, and cannot be opened at."""
    not_started: tuple[int, ...] = ()
    """Rates at which it opens, and does not start."""
    host_api: str = "Fake"
    raw_name: bytes | None = None
    """Its name's bytes, where they are no UTF-8."""

    def accepts(self, rate: int, channels: int, dtype: str) -> bool:
        """Whether it opens like this."""
        return rate in self.rates and dtype in self.dtypes and channels in self.counts


@dataclass
class FakeStream:
    """What `RawInputStream` hands out."""

    device: FakeDevice
    samplerate: int
    channels: int
    dtype: str
    blocksize: int
    callback: Callback
    finished_callback: Callable[[], None]
    closed: bool = False
    thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to deliver."""
        if self.device.cannot_start or self.samplerate in self.device.not_started:
            raise PortAudioError(self.device.cannot_start or "Internal PortAudio error", -9999)
        self.thread = threading.Thread(target=self._deliver)
        self.thread.start()
        if self.device.all_at_once:
            self.thread.join()

    def hand_over(self, block: bytes, *, overflowed: bool = False) -> None:
        """One callback."""
        width = self.channels * {"int16": 2, "float32": 4}[self.dtype]
        status = SimpleNamespace(input_overflow=overflowed)
        self.callback(memoryview(block), len(block) // width, None, status)

    def close(self, ignore_errors: bool = True) -> None:
        """Stop; the thread has ended when it returns."""
        self.closed = True
        if self.thread is not None:
            self.thread.join()

    def _deliver(self) -> None:
        with suppress(CallbackAbort):  # it stops then, and tells nobody
            for number, block in enumerate(self.device.blocks):
                self.hand_over(block, overflowed=number < self.device.overflowed)
        if self.device.unplugged:
            self.finished_callback()


@dataclass
class FakePortAudio:
    """Stands in for the module `sounddevice`."""

    devices: list[FakeDevice]
    default_input: int = 0
    broken: str = ""
    """What every question about devices fails with."""
    streams: list[FakeStream] = field(default_factory=list)
    initialised: int = 0
    """Times that it was ended and begun anew."""

    PortAudioError = PortAudioError
    CallbackAbort = CallbackAbort

    @property
    def default(self) -> SimpleNamespace:
        """Indices of the default devices: input, output."""
        return SimpleNamespace(device=[self.default_input, -1])

    def _terminate(self) -> None:
        """End it: every stream of this process that is open ends too."""
        assert all(stream.closed for stream in self.streams), "ended under an open stream"

    def _initialize(self) -> None:
        """Begin anew, with the devices that are there now."""
        self.initialised += 1

    def query_devices(self, device: int | None = None) -> Any:
        """All of them, and one that can only play; or one."""
        if self.broken:
            raise PortAudioError(self.broken, -9986)
        if device is None:
            return list(self._described())
        if not 0 <= device <= len(self.devices):
            raise PortAudioError(f"Error querying device {device}")
        return self._describe(device)

    def query_hostapis(self) -> list[dict[str, Any]]:
        """Each, with its devices."""
        return [
            {"name": api, "devices": [n for n, each in enumerate(self._apis()) if each == api]}
            for api in self._names()
        ]

    @property
    def _lib(self) -> SimpleNamespace:
        """PortAudio itself."""

        def info(index: int) -> SimpleNamespace:
            device = self.devices[index]
            return SimpleNamespace(
                name=device.raw_name or device.name.encode(),
                hostApi=self._names().index(device.host_api),
                maxInputChannels=device.channels,
                defaultSampleRate=float(device.rate),
            )

        return SimpleNamespace(Pa_GetDeviceInfo=info)

    @property
    def _ffi(self) -> SimpleNamespace:
        return SimpleNamespace(string=lambda text: text)

    def check_input_settings(
        self, device: int, channels: int, dtype: str, *, samplerate: float
    ) -> None:
        """Raise where the device does not open like this."""
        self._describe(device)
        if not self.devices[device].accepts(int(samplerate), channels, dtype):
            raise PortAudioError("Invalid sample rate", -9997)

    def RawInputStream(  # noqa: N802 - sounddevice's name
        self, *, device: int, latency: str, **given: Any
    ) -> FakeStream:
        """Open it."""
        chosen = self.devices[device]
        if chosen.cannot_open or given["samplerate"] in chosen.refused:
            raise PortAudioError(chosen.cannot_open or "Internal PortAudio error", -9985)
        assert chosen.accepts(given["samplerate"], given["channels"], given["dtype"])
        stream = FakeStream(chosen, **given)
        self.streams.append(stream)
        return stream

    def _apis(self) -> list[str]:
        return [*(device.host_api for device in self.devices), self._names()[0]]

    def _names(self) -> list[str]:
        return list(dict.fromkeys(device.host_api for device in self.devices)) or ["Fake"]

    def _described(self) -> Iterator[dict[str, Any]]:
        return (self._describe(index) for index in range(len(self.devices) + 1))

    def _describe(self, index: int) -> dict[str, Any]:
        if index == len(self.devices):
            return _described(index, "Loudspeaker", 0, 44_100, 0)
        device = self.devices[index]
        if device.raw_name is not None:
            device.raw_name.decode()  # which fails
        api = self._names().index(device.host_api)
        return _described(index, device.name, device.channels, device.rate, api)


def _described(index: int, name: str, channels: int, rate: float, api: int) -> dict[str, Any]:
    return {
        "index": index,
        "name": name,
        "hostapi": api,
        "max_input_channels": channels,
        "default_samplerate": float(rate),
    }
