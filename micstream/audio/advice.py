"""Advice on a microphone: a gain and a preset, from what was measured of a room and a voice.

The gain brings speech to -20 dBFS and keeps its peaks below -3: what detectors are made for, with
room for a shout. Sound that was cut off hides how loud it is, so it asks for 6 dB less at least.

The preset follows what makes detecting hard: how far the voice lies above the room, and how loud
the room is by itself. Far above a room that is hardly heard (30 dB, -60 dBFS: a close microphone
in a quiet room) every sound is the speaker's: `studio`. Where less than 15 dB lie between them, or
the room is as loud as quiet speech (-40 dBFS), sounds that are not the speaker's are heard as
loud: `stage`. The rest is `room`. The floor counts as it is now: the detector hears it so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Preset = Literal["studio", "room", "stage"]

SPEECH_GOAL_DB: Final = -20.0
PEAK_MOST_DB: Final = -3.0
_CLIPPED_GAIN_DB: Final = -6.0
_CLIPPED_SHARE: Final = 0.005
"""A single piece in six seconds may be a knock."""
CLIPPED_LIMIT: Final = 0.02
"""Share of the time; more, and nobody knows how loud the voice was: no calibration."""
_LEAVE_DB: Final = 3.0
"""A difference that nobody hears is left alone."""

STUDIO_FLOOR_DB: Final = -60.0
STUDIO_SNR_DB: Final = 30.0
STAGE_FLOOR_DB: Final = -40.0
STAGE_SNR_DB: Final = 15.0


@dataclass(frozen=True, slots=True)
class Advice:
    """Advice: what to do about a microphone."""

    gain_db: int
    """Up or down; 0: leave it."""
    preset: Preset


def advise(*, floor_db: float, speech_db: float, peak_db: float, clipped_share: float) -> Advice:
    """Levels in dBFS: of the room, of the speech (RMS), and its largest sample."""
    gain = min(SPEECH_GOAL_DB - speech_db, PEAK_MOST_DB - peak_db)
    if clipped_share > _CLIPPED_SHARE:
        gain = min(gain, _CLIPPED_GAIN_DB)
    return Advice(0 if abs(gain) < _LEAVE_DB else round(gain), _preset(floor_db, speech_db))


def _preset(floor_db: float, speech_db: float) -> Preset:
    snr_db = speech_db - floor_db
    if snr_db < STAGE_SNR_DB or floor_db > STAGE_FLOOR_DB:
        return "stage"
    if snr_db > STUDIO_SNR_DB and floor_db < STUDIO_FLOOR_DB:
        return "studio"
    return "room"
