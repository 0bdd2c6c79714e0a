"""The library, the device, and a second of its sound."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Final

from micstream.audio.format import SPEECH
from micstream.audio.health import HUM_HINT, HUM_LEVEL_DB, HUM_OVER_DB
from micstream.audio.levels import FLOOR_DB, rms_db
from micstream.audio.meter import Meter, Reading
from micstream.audio.resample import Resampler
from micstream.doctor.check import Check, failed
from micstream.errors import AudioDeviceError
from micstream.settings import Settings
from micstream.sources import portaudio
from micstream.sources.microphone import Microphone
from micstream.sources.sound_server import (
    Recorded,
    ServerSource,
    is_behind,
    is_chosen,
    recorded_for,
)

_LISTEN_S: Final = 1.3
"""A whole second for the hum, and what a resampler holds back."""


async def check_microphone(settings: Settings) -> AsyncIterator[Check]:
    """Check what is captured, as far as it goes."""
    try:
        library = portaudio.load()
    except AudioDeviceError as error:
        yield failed("PortAudio", error, "the library installed")
        return
    yield Check("PortAudio", "ok", str(library.get_portaudio_version()[1]).split(",")[0])
    try:
        microphone = Microphone(settings.device, channel=settings.channel)
    except AudioDeviceError as error:
        yield failed("device", error, "a microphone that can be opened")
        return
    sort = microphone.format
    yield Check("device", "ok", f"{microphone.name}, {sort.rate} Hz, {sort.channels} channel(s)")
    heard, pcm = 0.0, b""
    meter, resampler = Meter(), None
    behind: Recorded | None = None
    try:
        async for block in microphone.blocks():
            pcm += block.pcm
            if resampler is None:  # the format is settled with the first block
                sort = microphone.format
                resampler = Resampler(sort, SPEECH.rate, pick=microphone.pick)
                behind = await recorded_for(os.getpid()) if is_behind(microphone.name) else None
            meter.push(resampler.push(block.pcm))
            heard = sort.seconds(len(pcm))
            if heard >= _LISTEN_S:
                break
    except AudioDeviceError as error:
        yield failed("sound", error, "sound from the microphone")
        return
    if behind is not None:
        yield _judge_source(behind.source)
    if not any(pcm):
        yield Check(
            "sound",
            "failed",
            f"{heard:.0f} s of only silence (zeros) from {microphone.name}",
            "the noise of a room at least",
            "unmute it; allow the terminal to use the microphone (macOS: Privacy & Security)",
            AudioDeviceError.exit_code,
        )
        return
    yield _judge_sound(rms_db(pcm), meter.reading())
    hum = meter.hum()
    if hum is not None and hum.over_db >= HUM_OVER_DB and hum.level_db >= HUM_LEVEL_DB:
        yield Check(
            "hum",
            "warning",
            f"{hum.hertz} Hz at {hum.level_db:.0f} dBFS, {hum.over_db:.0f} dB over its neighbours",
            "none",
            HUM_HINT,
        )


def _judge_source(source: ServerSource) -> Check:
    """What the sound server takes for the device."""
    expected = "a microphone that is not muted"
    do = "choose it in the system's sound settings, or by --device"
    if source.is_monitor and not is_chosen():
        return Check("source", "warning", f"{source.name}: what this machine plays", expected, do)
    if source.is_muted:
        return Check("source", "warning", f"{source.name}, muted", expected, "unmute it there")
    return Check("source", "ok", source.name, expected)


def _judge_sound(level: float, reading: Reading) -> Check:
    found = f"{level:.0f} dBFS" if level > FLOOR_DB else "next to nothing"
    expected = "-60 to -20 dBFS"
    if reading.clipped_share:
        return Check("sound", "warning", f"{found}, and it clips", expected, "turn its gain down")
    if level < -75:
        return Check("sound", "warning", found, expected, "raise the microphone's gain")
    return Check("sound", "ok", found, expected)
