"""PortAudio, by the package `sounddevice`: loading it, and the devices it knows."""

from __future__ import annotations

import atexit
import contextlib
import gc
import sys
from dataclasses import asdict, dataclass
from types import ModuleType
from typing import Any, Final

from micstream.errors import AudioDeviceError
from micstream.sources import audio_thread

_TRIED_RATES = (8_000, 16_000, 24_000, 32_000, 44_100, 48_000, 96_000)


def load() -> ModuleType:
    """The module `sounddevice`. In the audio thread only, until it was loaded once.

    Raises:
        AudioDeviceError: PortAudio is not there.
    """
    try:
        import sounddevice
    except OSError:
        raise AudioDeviceError(
            "PortAudio is not installed",
            hint="install it: apt install libportaudio2 (Debian, Ubuntu), "
            "dnf install portaudio (Fedora), brew install portaudio (macOS)",
            code="no_portaudio",
        ) from None
    module: ModuleType = sounddevice
    _end_within_bounds(module)
    return module


def _end_within_bounds(sounddevice: ModuleType) -> None:
    """Put a bound on sounddevice's own end, at which PortAudio is ended: that may never return."""
    ending = getattr(sounddevice, "_exit_handler", None)
    if ending is not None and not getattr(sounddevice, "_micstream_ends_it", False):
        sounddevice._micstream_ends_it = True  # type: ignore[attr-defined]
        atexit.unregister(ending)
        atexit.register(audio_thread.run_at_exit, ending)


_open_streams: Final[list[Any]] = []


def open_input(**options: Any) -> Any:
    """Open sounddevice's `RawInputStream`; close it with `close_input`. In the audio thread only.

    Raises:
        sounddevice.PortAudioError: it cannot be opened.
    """
    sounddevice = load()
    try:
        stream = sounddevice.RawInputStream(**options)
    except sounddevice.PortAudioError as error:
        # Its traceback holds the half-made stream, which would count as open in `look_again`.
        raise error.with_traceback(None) from None
    _open_streams.append(stream)
    return stream


def close_input(stream: Any) -> None:
    """Close a stream of `open_input`'s. In the audio thread only."""
    stream.close(ignore_errors=True)
    _open_streams[:] = [other for other in _open_streams if other is not stream]


def look_again() -> bool:
    """See devices that have come since: PortAudio's list is as old as its initialisation.

    That ends every open stream of this process, so it is refused (False) while there is one: ours,
    or one that another part of the program opened with sounddevice. In the audio thread only.
    """
    sounddevice = load()
    if _open_streams or _others_are_open(sounddevice):
        return False
    with contextlib.suppress(sounddevice.PortAudioError):
        sounddevice._terminate()
    with contextlib.suppress(sounddevice.PortAudioError):
        sounddevice._initialize()
    return True


def _others_are_open(sounddevice: ModuleType) -> bool:
    # sounddevice keeps no list of its streams. A look through all objects takes some 20 ms, and is
    # taken once a second, while a microphone is away.
    kind = getattr(sounddevice, "_StreamBase", ())
    streams = [one for one in gc.get_objects() if issubclass(type(one), kind)]
    return any(not stream.closed for stream in streams)


@dataclass(frozen=True, slots=True)
class InputDevice:
    """A device that sound can be captured from."""

    index: int
    name: str
    host_api: str
    channels: int
    default_rate: int
    is_default: bool

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def input_devices() -> list[InputDevice]:
    """Every device with an input.

    Raises:
        AudioDeviceError: PortAudio is not there, or fails.
    """
    sounddevice = load()
    try:
        devices, apis = sounddevice.query_devices(), sounddevice.query_hostapis()
        default = sounddevice.default.device[0]
    except sounddevice.PortAudioError as error:
        raise AudioDeviceError(f"PortAudio fails: {reason(error)}", code="portaudio") from None
    return [
        InputDevice(
            index=device["index"],
            name=device["name"],
            host_api=apis[device["hostapi"]]["name"],
            channels=device["max_input_channels"],
            default_rate=round(device["default_samplerate"]),
            is_default=device["index"] == default,
        )
        for device in devices
        if device["max_input_channels"] > 0
    ]


def supported_rates(device: InputDevice) -> list[int]:
    """Those of the usual rates at which the device can be opened."""
    ways = [(n, dtype) for n in (1, device.channels) for dtype in ("int16", "float32")]
    return [rate for rate in _TRIED_RATES if any(accepts(device, rate, *way) for way in ways)]


def accepts(device: InputDevice, rate: int, channels: int, dtype: str) -> bool:
    """Check that the device can be opened like this."""
    sounddevice = load()
    try:
        sounddevice.check_input_settings(device.index, channels, dtype, samplerate=rate)
    except (sounddevice.PortAudioError, ValueError):
        return False
    return True


def find_input(wanted: str | None) -> InputDevice:
    """The device of this name, part of a name or index; the default one for None.

    Raises:
        AudioDeviceError: none, or several and none of exactly that name.
    """
    devices = input_devices()
    hint = "see what there is: micstream devices"
    if not devices:
        raise AudioDeviceError(
            "no microphone: PortAudio finds no device with an input",
            hint="plug one in, or start the sound server (PulseAudio, PipeWire)"
            if sys.platform == "linux"
            else "plug one in and allow the terminal to use it",
            code="no_device",
        )
    if wanted is None:
        chosen = [device for device in devices if device.is_default] or devices[:1]
    elif wanted.isdecimal():
        chosen = [device for device in devices if device.index == int(wanted)]
    else:
        exact = [device for device in devices if device.name == wanted]
        part = [device for device in devices if wanted.lower() in device.name.lower()]
        chosen = exact[:1] or part
    if not chosen:
        raise AudioDeviceError(f"no input device {wanted!r}", hint=hint, code="no_device")
    if len(chosen) > 1:
        names = ", ".join(f"{device.index}: {device.name}" for device in chosen)
        raise AudioDeviceError(
            f"{wanted!r} fits several devices ({names})",
            hint="give the whole name or the index",
            code="device_ambiguous",
        )
    return chosen[0]


def reason(error: Exception) -> str:
    """PortAudio's own words."""
    return str(error.args[0]) if error.args else type(error).__name__
