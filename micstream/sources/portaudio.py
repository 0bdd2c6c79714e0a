"""PortAudio, by the package `sounddevice`: loading it, and the devices it knows."""

from __future__ import annotations

import atexit
import contextlib
import gc
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any, Final

from micstream.errors import AudioDeviceError
from micstream.sources import audio_thread, names, windows
from micstream.sources.names import InputDevice

_CONFUSED: Final = (OSError, ValueError, LookupError, AssertionError, AttributeError)
"""What else sounddevice raises over a device that it does not understand."""
_TRIED_RATES = (8_000, 16_000, 24_000, 32_000, 44_100, 48_000, 96_000)


def load() -> ModuleType:
    """The module `sounddevice`. In the audio thread only, until it was loaded once.

    Raises:
        AudioDeviceError: PortAudio is not there.
    """
    windows.join_com()
    try:
        import sounddevice
    except (OSError, ImportError) as error:
        found = "not found" in str(error) or isinstance(error, ImportError)
        raise AudioDeviceError(
            "PortAudio is not installed" if found else f"PortAudio cannot be loaded: {error}",
            hint="install it: apt install libportaudio2 (Debian, Ubuntu), "
            "dnf install portaudio (Fedora), brew install portaudio (macOS)",
            code="no_portaudio",
        ) from None
    except Exception as error:  # its own PortAudioError, whose module has not come to be
        raise _fails("cannot be started", error) from None
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
        sounddevice.PortAudioError, ValueError: it cannot be opened.
    """
    sounddevice = load()
    try:
        stream = sounddevice.RawInputStream(**options)
    except (sounddevice.PortAudioError, ValueError) as error:
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
    # ValueError: words of the system's that are no UTF-8 take the error's place.
    with contextlib.suppress(sounddevice.PortAudioError, ValueError):
        sounddevice._terminate()
    with contextlib.suppress(sounddevice.PortAudioError, ValueError):
        sounddevice._initialize()
    return True


def _others_are_open(sounddevice: ModuleType) -> bool:
    # sounddevice keeps no list of its streams. A look through all objects takes some 20 ms, and is
    # taken once a second, while a microphone is away.
    kind = getattr(sounddevice, "_StreamBase", None)
    if kind is None:
        return False
    streams = [one for one in gc.get_objects() if issubclass(type(one), kind)]
    return any(_is_open(stream) for stream in streams)


def _is_open(stream: Any) -> bool:
    try:
        return not stream.closed
    except AttributeError:  # only half made: its device was refused
        return False


def input_devices() -> list[InputDevice]:
    """Every device with an input.

    Raises:
        AudioDeviceError: PortAudio is not there, or fails.
    """
    sounddevice = load()
    try:
        apis = [api["name"] for api in sounddevice.query_hostapis()]
        devices = [_input(device, apis) for device in _described(sounddevice)]
        default = sounddevice.default.device[0]
    except (sounddevice.PortAudioError, *_CONFUSED) as error:
        raise _fails("fails", error) from None
    found = [device for device in devices if device.channels > 0]
    for device in found:
        if device.index == default:
            # Windows' default is one of MME's, whose names are cut.
            best = names.preferred(device, found)
            found[found.index(best)] = replace(best, is_default=True)
            break
    return found


def _input(device: Mapping[str, Any], apis: Sequence[str]) -> InputDevice:
    rate, api = device["default_samplerate"], device["hostapi"]
    return InputDevice(
        index=device["index"],
        name=device["name"],
        host_api=apis[api] if 0 <= api < len(apis) else "unknown",
        channels=device["max_input_channels"],
        default_rate=round(rate) if math.isfinite(rate) else 0,
        is_default=False,
    )


def _described(sounddevice: ModuleType) -> list[Mapping[str, Any]]:
    """What it says of each device; one whose name cannot be read does not hide the others."""
    try:
        return list(sounddevice.query_devices())
    except UnicodeDecodeError:
        pass
    indices = {index for api in sounddevice.query_hostapis() for index in api["devices"]}
    found: list[Mapping[str, Any]] = []
    for index in sorted(indices):
        try:
            found.append(sounddevice.query_devices(index))
        except UnicodeDecodeError:
            found.append(_unreadable(sounddevice, index))
    return found


def _unreadable(sounddevice: ModuleType, index: int) -> Mapping[str, Any]:
    """The same by PortAudio itself, of a device whose name is no UTF-8."""
    info = sounddevice._lib.Pa_GetDeviceInfo(index)
    return {
        "index": index,
        "name": sounddevice._ffi.string(info.name).decode(errors="backslashreplace"),
        "hostapi": info.hostApi,
        "max_input_channels": info.maxInputChannels,
        "default_samplerate": info.defaultSampleRate,
    }


def supported_rates(device: InputDevice) -> list[int]:
    """Those of the usual rates at which the device can be opened."""
    ways = [(n, dtype) for n in (1, device.channels) for dtype in ("int16", "float32")]
    try:
        return [rate for rate in _TRIED_RATES if any(accepts(device, rate, *way) for way in ways)]
    except AudioDeviceError:
        return []


def accepts(device: InputDevice, rate: int, channels: int, dtype: str) -> bool:
    """Check that the device can be opened like this.

    Raises:
        AudioDeviceError: it can be opened in no way, as sounddevice cannot read its name.
    """
    sounddevice = load()
    try:
        sounddevice.check_input_settings(device.index, channels, dtype, samplerate=rate)
    except (sounddevice.PortAudioError, ValueError) as error:
        if isinstance(error, UnicodeDecodeError) and not _has_a_name(sounddevice, device):
            raise AudioDeviceError(
                f"'{device.name}' cannot be opened: its name is no UTF-8",
                hint="give it another name (ALSA: in asoundrc), or take another one by --device",
                code="device_name",
            ) from None
        return False
    return True


def _has_a_name(sounddevice: ModuleType, device: InputDevice) -> bool:
    """Whether sounddevice can read its name; else it was the system's words for an error."""
    try:
        sounddevice.query_devices(device.index)
    except UnicodeDecodeError:
        return False
    except (sounddevice.PortAudioError, ValueError):
        pass
    return True


def find_input(wanted: str | None) -> InputDevice:
    """The device of this name, part of a name or index; the default one for None.

    Raises:
        AudioDeviceError: none, or several of which none is meant more than another.
    """
    return names.find(some_inputs(), wanted)


def some_inputs() -> list[InputDevice]:
    """Every device with an input.

    Raises:
        AudioDeviceError: there is none; or PortAudio is not there, or fails.
    """
    devices = input_devices()
    if not devices:
        raise AudioDeviceError(
            "no microphone: PortAudio finds no device with an input",
            hint="plug one in, or start the sound server (PulseAudio, PipeWire)"
            if sys.platform == "linux"
            else "plug one in and allow the terminal to use it",
            code="no_device",
        )
    return devices


def reason(error: Exception) -> str:
    """PortAudio's own words."""
    if isinstance(error, UnicodeDecodeError):  # the system's words, in its own encoding
        return error.object.decode(errors="backslashreplace")
    return str(error.args[0]) if error.args else type(error).__name__


def _fails(how: str, error: Exception) -> AudioDeviceError:
    return AudioDeviceError(
        f"PortAudio {how}: {reason(error)}",
        hint="is the sound server running? try: micstream devices",
        code="portaudio",
    )
