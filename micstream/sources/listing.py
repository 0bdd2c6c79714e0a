"""Listing: every microphone, and the rates at which it can be opened; whatever does not answer."""

from __future__ import annotations

from functools import partial

from micstream.errors import AudioDeviceError
from micstream.sources.audio_thread import run_in_audio_thread
from micstream.sources.names import InputDevice
from micstream.sources.portaudio import input_devices, supported_rates
from micstream.sources.surroundings import advised

Listed = list[tuple[InputDevice, list[int] | None]]
"""Devices with their rates; None: it did not answer."""


async def list_devices() -> tuple[Listed, AudioDeviceError | None]:
    """Devices with their rates, and the error from which on they did not answer, if there was one.

    Raises:
        AudioDeviceError: PortAudio is not there, fails, or does not answer at all.
    """
    try:
        devices = await run_in_audio_thread(input_devices)
    except AudioDeviceError as error:
        raise advised(error) from None
    listed: Listed = []
    for device in devices:
        try:
            rates = await run_in_audio_thread(partial(supported_rates, device))
        except AudioDeviceError as error:
            error.message = f"{device.name!r}: {error.message}"
            rest = devices[len(listed) :]
            return [*listed, *((each, None) for each in rest)], error
        listed.append((device, rates))
    return listed, None
