"""The library, the device, and a second of its sound."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Final

from micstream.audio.format import SPEECH
from micstream.audio.health import (
    HUM_HINT,
    HUM_LEVEL_DB,
    HUM_OVER_DB,
    MUTED_HINT,
    is_far_below,
    is_next_to_nothing,
)
from micstream.audio.levels import FLOOR_DB, rms_db
from micstream.audio.meter import Meter, Reading
from micstream.audio.resample import Resampler
from micstream.doctor.check import Check, failed
from micstream.errors import AudioDeviceError, MicstreamError
from micstream.settings import Settings, calibration
from micstream.sources import opening, portaudio
from micstream.sources.audio_thread import run_in_audio_thread
from micstream.sources.sound_server import (
    Recorded,
    ServerSource,
    is_behind,
    is_chosen,
    recorded_for,
)
from micstream.sources.source import Source, blocks_of
from micstream.sources.surroundings import permission_hint

_LISTEN_S: Final = 1.3
"""A whole second for the hum, and what a resampler holds back."""
_AWAKE_S: Final = 6.0
"""So long it is listened to for that: a Bluetooth headset begins with seconds of zeros."""


async def check_microphone(settings: Settings) -> AsyncIterator[Check]:
    """Check what is captured, as far as it goes."""
    try:
        library = await run_in_audio_thread(portaudio.load)
    except AudioDeviceError as error:
        yield failed("PortAudio", error, "the library installed, and a sound system that answers")
        return
    yield Check("PortAudio", "ok", str(library.get_portaudio_version()[1]).split(",")[0])
    try:
        microphone = await opening.opener(settings.device, channel=settings.channel).open()
    except MicstreamError as error:
        yield failed("device", error, "a microphone that can be opened")
        return
    sort = microphone.format
    yield Check("device", "ok", f"{microphone.name}, {sort.rate} Hz, {sort.channels} channel(s)")
    try:
        heard = await _listen(microphone)
    except AudioDeviceError as error:
        yield failed("sound", error, "sound from the microphone")
        return
    if heard.behind is not None:
        yield _judge_source(heard.behind.source)
    yield _judge(heard, microphone.name, _calibrated_floor(microphone))
    hum = heard.meter.hum()
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


class _Heard:
    """What was heard: the longest piece of it in a row without a block of nothing but zeros, of the
    channels that are used.
    """

    def __init__(self, microphone: Source) -> None:
        self.meter, self.pcm = Meter(), b""
        """That piece, 16 kHz mono."""
        self.zeros_s = 0.0
        """Seconds of nothing but zeros at the end."""
        self.all_s = 0.0
        self.behind: Recorded | None = None
        """What the sound server records for us."""
        self._microphone = microphone
        self._now: tuple[Meter, Resampler, bytearray] | None = None

    @property
    def seconds(self) -> float:
        """Length of that piece."""
        return SPEECH.seconds(len(self.pcm))

    def push(self, pcm: bytes) -> None:
        """The next block."""
        seconds = self._microphone.format.seconds(len(pcm))
        self.all_s += seconds
        if not any(pcm):
            self.zeros_s += seconds
            self._now = None
            return
        self.zeros_s = 0.0
        meter, resampler, now = self._now = self._now or self._begin()
        sound = resampler.push(pcm)
        meter.push(sound)
        now += sound
        if len(now) > len(self.pcm):
            self.meter, self.pcm = meter, bytes(now)

    def _begin(self) -> tuple[Meter, Resampler, bytearray]:
        microphone = self._microphone  # whose format is settled with the first block
        return Meter(), Resampler(microphone.format, SPEECH.rate, pick=microphone.pick), bytearray()


async def _listen(microphone: Source) -> _Heard:
    """Hear a second of sound in a row, or what comes within the time for it.

    Raises:
        AudioDeviceError: it cannot be opened, is lost, or delivers nothing.
    """
    heard = _Heard(microphone)
    async with blocks_of(microphone) as blocks:
        async for block in blocks:
            if not heard.all_s and is_behind(microphone.name):
                heard.behind = await recorded_for(os.getpid())
            heard.push(block.pcm)
            if heard.seconds >= _LISTEN_S or heard.all_s >= _AWAKE_S:
                break
    return heard


def _calibrated_floor(microphone: Source) -> float | None:
    try:
        known = calibration.load(microphone.name, microphone.pick)
    except MicstreamError:
        return None
    return known.floor_db if known is not None else None


def _judge(heard: _Heard, name: str, floor_db: float | None) -> Check:
    if heard.zeros_s > _LISTEN_S:
        before = f", after {heard.seconds:.1f} s of sound" if heard.seconds else ""
        return Check(
            "sound",
            "failed",
            f"{heard.zeros_s:.0f} s of only silence from {name}{before}",
            "the noise of a room at least",
            "; ".join(filter(None, ("unmute it", permission_hint()))),
            AudioDeviceError.exit_code,
        )
    level, reading = rms_db(heard.pcm), heard.meter.reading()
    if floor_db is not None and is_far_below(level, floor_db):
        return Check(
            "sound",
            "warning",
            f"{level:.0f} dBFS, {floor_db - level:.0f} dB below the room that calibrate heard",
            f"{floor_db:.0f} dBFS or more",
            MUTED_HINT,
        )
    return _judge_sound(level, reading)


def _judge_sound(level: float, reading: Reading) -> Check:
    found = f"{level:.0f} dBFS" if level > FLOOR_DB else "next to nothing"
    expected = "-60 to -20 dBFS"
    if reading.clipped_share:
        return Check("sound", "warning", f"{found}, and it clips", expected, "turn its gain down")
    if is_next_to_nothing(level):
        return Check("sound", "warning", found, expected, MUTED_HINT)
    return Check("sound", "ok", found, expected)
