"""A microphone measured: first the room, then a voice in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final

from micstream.audio.advice import CLIPPED_LIMIT, Advice, advise
from micstream.audio.format import SAMPLE_WIDTH, SPEECH
from micstream.audio.levels import FLOOR_DB
from micstream.audio.meter import Meter, Reading
from micstream.audio.resample import Resampler
from micstream.errors import AudioDeviceError, MicstreamError
from micstream.settings.calibration import Calibration
from micstream.sources.source import Source, blocks_of
from micstream.sources.surroundings import permission_hint

_SETTLE_BYTES: Final = SPEECH.samples(300) * SAMPLE_WIDTH
"""Left out: a device that is opened begins with a click, or with zeros."""
_ASLEEP_S: Final = 3.0
"""So many seconds of zeros at the beginning are a Bluetooth headset that wakes up; more, a gate."""
_SPEECH_LEAST_S: Final = 1.0
"""Less is a cough or a chair."""


class Phase(Enum):
    """What is listened to."""

    ROOM = "room"
    SPEECH = "speech"


@dataclass(frozen=True, slots=True)
class Progress:
    """Ten times a second: how far it is, and what was heard in this phase so far."""

    phase: Phase
    left_s: float
    reading: Reading


@dataclass(frozen=True, slots=True)
class Measured:
    """A room, a voice in it, and what to make of them. Levels in dBFS, above 100 Hz."""

    device: str
    channel: int
    floor_db: float
    speech: Reading
    room: Reading
    advice: Advice
    measured_at: datetime

    @property
    def calibration(self) -> Calibration:
        """What is kept of it."""
        hum, speech_db = self.room.hum, self.speech.speech_db
        assert speech_db is not None
        return Calibration(
            preset=self.advice.preset,
            gain_db=self.advice.gain_db,
            floor_db=round(self.floor_db, 1),
            speech_db=round(speech_db, 1),
            peak_db=round(self.speech.peak_db, 1),
            clipped_share=round(self.clipped_share, 4),
            hum_hz=hum.hertz if hum else None,
            hum_db=round(hum.over_db, 1) if hum else None,
            measured_at=self.measured_at.isoformat(timespec="seconds"),
        )

    @property
    def clipped_share(self) -> float:
        """Share of the time that was cut off at full scale: while speaking, or of all of it."""
        room, speech = self.room, self.speech
        clipped_s = room.clipped_share * room.seconds + speech.clipped_share * speech.seconds
        return max(speech.clipped_share, clipped_s / (room.seconds + speech.seconds))

    def refuse_unusable(self) -> None:
        """Refuse to keep what was cut off: one that is good may be there already.

        Raises:
            MicstreamError: too much of it was.
        """
        if self.clipped_share > CLIPPED_LIMIT:
            raise MicstreamError(
                f"the sound was cut off at full scale for {self.clipped_share:.0%} of the time, "
                f"expected {CLIPPED_LIMIT:.0%} at most: no calibration, what was kept before stays",
                hint=f"turn the microphone's gain down by {-self.advice.gain_db} dB, at the device "
                "or in the system's mixer, then run micstream calibrate again",
                code="clipped",
            )

    def as_dict(self) -> dict[str, Any]:
        """All figures, as JSON's types."""
        kept = self.calibration
        return {
            "device": self.device,
            "channel": self.channel,
            "floor_db": kept.floor_db,
            "speech_db": kept.speech_db,
            "snr_db": round(kept.speech_db - kept.floor_db, 1),
            "speech_s": round(self.speech.speech_s, 2),
            "peak_db": kept.peak_db,
            "clipped_share": kept.clipped_share,
            "hum_hz": kept.hum_hz,
            "hum_db": kept.hum_db,
            "zeros_s": round(max(self.room.zeros_s, self.speech.zeros_s), 2),
            "dc": round(self.room.dc, 4),
            "gain_db": kept.gain_db,
            "preset": kept.preset,
        }


async def measure(
    microphone: Source,
    *,
    quiet_s: float,
    speech_s: float,
    show: Callable[[Progress], None],
) -> Measured:
    """Listen to the room for `quiet_s` seconds, then to speech for `speech_s`, and judge.

    Raises:
        AudioDeviceError: it cannot be opened, is lost, or delivers nothing but zeros.
        MicstreamError: nobody spoke.
    """
    room, speech = Meter(quiet_s), Meter(speech_s)
    phases = ((Phase.ROOM, room, quiet_s), (Phase.SPEECH, speech, speech_s))
    resampler: Resampler | None = None  # the format is settled with the first block
    settling, asleep_s = _SETTLE_BYTES, _ASLEEP_S
    async with blocks_of(microphone) as blocks:
        for phase, meter, length in phases:
            show(Progress(phase, length, meter.reading()))
            async for block in blocks:
                if asleep_s > 0 and not any(block.pcm):
                    asleep_s -= microphone.format.seconds(len(block.pcm))
                    continue
                asleep_s = 0.0
                if resampler is None:
                    resampler = Resampler(microphone.format, SPEECH.rate, pick=microphone.pick)
                pcm = resampler.push(block.pcm)
                skipped = min(settling, len(pcm))
                settling -= skipped
                if meter.push(pcm[skipped:]):
                    left = length - meter.seconds
                    show(Progress(phase, max(0.0, left), meter.reading()))
                    if left <= 0:
                        break
    return _judge(microphone, room.reading(), speech)


def _judge(microphone: Source, room: Reading, voice: Meter) -> Measured:
    floors = [floor for floor in (room.floor_db, voice.floor_db()) if floor is not None]
    if not floors:
        raise AudioDeviceError(
            f"the microphone {microphone.name!r} delivers nothing but zeros",
            hint="; ".join(filter(None, ("unmute it", permission_hint()))),
            code="only_zeros",
        )
    # Somebody may have spoken into the room's seconds; a gate may have shut it off.
    floor_db = FLOOR_DB if room.floor_db is None else min(floors)
    speech = voice.reading(floor_db)
    if speech.speech_db is None or speech.speech_s < _SPEECH_LEAST_S:
        raise MicstreamError(
            f"nobody spoke: {speech.speech_s:.1f} s of sound were well above the noise floor "
            f"of {floor_db:.0f} dBFS, expected {_SPEECH_LEAST_S:.0f} s at least",
            hint="speak when asked to, close to the microphone; is it muted, is --device the "
            "right one?",
            code="nobody_spoke",
        )
    return Measured(
        device=microphone.name,
        channel=microphone.pick,
        floor_db=floor_db,
        speech=speech,
        room=room,
        advice=advise(
            floor_db=floor_db,
            speech_db=speech.speech_db,
            peak_db=speech.peak_db,
            clipped_share=speech.clipped_share,
        ),
        measured_at=datetime.now(UTC),
    )
