"""Microphone health: what a performer is warned of while speaking. Pure: sound in, troubles out.

Each trouble is told when it begins and not again before it has been over: the limit at which it
ends lies away from the one at which it begins.

    zeros     5 s of exact zeros; over (and told: BACK) with the first sample that is none
    clipping  5 clipped pieces within 10 s; over after 10 s without one
    quiet     speech of the last utterances below -45 dBFS; over above -40 dBFS
    hum       50 or 60 Hz stand out by 20 dB, at -65 dBFS or more; over below 14 dB
    muted     noise, no zeros, and no more: 10 s that lie 12 dB below the floor that was calibrated,
              or a minute below -70 dBFS, unless that is the calibrated floor; over with the first
              sound 6 dB above the limit

A headset that is muted at itself, or by its cable, goes on with a noise of its own.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import Final

import numpy as np

from micstream.audio.format import SAMPLE_WIDTH, SPEECH
from micstream.audio.levels import FLOOR_DB, quantile
from micstream.audio.meter import BATCH, PIECE, WELL_ABOVE_DB, Hum, Meter

_ZEROS: Final = 5 * SPEECH.rate
_PIECES_A_SECOND: Final = SPEECH.rate // PIECE
_CLIPPED_WINDOW: Final = 10 * _PIECES_A_SECOND
_CLIPPED_MAX: Final = 5
"""Clipped pieces: one knock against the microphone is fewer."""
_JUDGED_EVERY: Final = _PIECES_A_SECOND
_SPEECH_MIN: Final = 3 * _PIECES_A_SECOND
"""A cough is no speech to judge by."""
_SPEECH_MAX: Final = 10 * _PIECES_A_SECOND
QUIET_DB: Final = -45.0
"""Detectors begin to miss speech, and avatars to mumble."""
_QUIET_OVER_DB: Final = -40.0
_HUM_AFTER: Final = 5 * _PIECES_A_SECOND
HUM_OVER_DB: Final = 20.0
_HUM_GONE_DB: Final = 14.0
HUM_LEVEL_DB: Final = -65.0
"""Lowest level told of: less is not heard beside speech at -20."""
_MUTED_BELOW_DB: Final = 12.0
"""So far below the calibrated floor no room gets by falling silent ..."""
_BELOW_S: Final = 10
_NOTHING_DB: Final = -70.0
"""... and below this no open microphone is, whatever the room ..."""
_NOTHING_S: Final = 60
"""... for a minute, as far as is known: a good one in a studio is nearly as quiet."""
_SAME_FLOOR_DB: Final = 6.0
_MUTED_OVER_DB: Final = 6.0
MUTED_HINT: Final = "is it muted, at the headset or its cable? Else raise its gain"
HUM_HINT: Final = "look at cables, power supplies and dimmers; use a balanced line"


class Trouble(Enum):
    """Trouble with a microphone, as it is told."""

    ZEROS = "zeros"
    BACK = "back"
    """Sound again, after zeros."""
    CLIPPING = "clipping"
    QUIET = "quiet"
    HUM = "hum"
    MUTED = "muted"


def is_next_to_nothing(level_db: float) -> bool:
    """Whether no open microphone is as quiet as this, as far as is known."""
    return level_db < _NOTHING_DB


def is_far_below(level_db: float, floor_db: float) -> bool:
    """Whether it is too quiet for the room whose noise floor was calibrated."""
    return level_db < floor_db - _MUTED_BELOW_DB


class MicrophoneHealth:
    """Judges one microphone: 16 kHz mono 16-bit PCM, as it is captured.

    `silent_at_rest`: it is silenced where nobody speaks; neither ZEROS nor MUTED is told of it.
    """

    def __init__(
        self, calibrated_floor_db: float | None = None, *, silent_at_rest: bool = False
    ) -> None:
        self.meter = Meter()
        self.muted_db: float | None = None
        """Level that MUTED was told for."""
        self._calibrated_floor_db = calibrated_floor_db
        self._silent_at_rest = silent_at_rest
        self.hum: Hum | None = None
        """Hum that HUM was told for."""
        self.speech_db: float | None = None
        """RMS of the speech in the last utterances, in dBFS; None before three seconds of it."""
        self._floor_db: float | None = None
        self._speech: deque[float] = deque(maxlen=_SPEECH_MAX)
        self._open: set[Trouble] = set()
        self._judged = 0
        self._below_s = self._nothing_s = 0

    def push(self, pcm: bytes, *, speaking: bool) -> list[Trouble]:
        """Troubles that begin with this sound. `speaking`: whether an utterance is open."""
        size = BATCH * SAMPLE_WIDTH  # so that each of the meter's steps is judged
        parts = (pcm[start : start + size] for start in range(0, len(pcm), size))
        return [trouble for part in parts for trouble in self._step(part, speaking)]

    def _step(self, part: bytes, speaking: bool) -> list[Trouble]:
        measured = self.meter.push(part)
        if not measured:
            return []
        if speaking:
            self._keep_speech(measured)
        told = self._judge_zeros()
        if self.meter.pieces - self._judged >= _JUDGED_EVERY:
            self._judged = self.meter.pieces
            self._floor_db = self.meter.floor_db()
            told += [*self._judge_clipping(), *self._judge_level(), *self._judge_hum()]
            told += self._judge_muted()
        return told

    def _keep_speech(self, measured: int) -> None:
        if self._floor_db is not None:
            levels = self.meter.newest_levels(measured)
            self._speech.extend(levels[levels >= self._floor_db + WELL_ABOVE_DB].tolist())

    def _judge_zeros(self) -> list[Trouble]:
        if self._silent_at_rest:
            return []
        if self._turns(Trouble.ZEROS, self.meter.zeros >= _ZEROS, self.meter.zeros < _ZEROS):
            return [Trouble.ZEROS if Trouble.ZEROS in self._open else Trouble.BACK]
        return []

    def _judge_clipping(self) -> list[Trouble]:
        clipped = self.meter.newest_clipped(_CLIPPED_WINDOW)
        return self._begins(Trouble.CLIPPING, clipped >= _CLIPPED_MAX, clipped == 0)

    def _judge_level(self) -> list[Trouble]:
        if len(self._speech) < _SPEECH_MIN:
            return []
        self.speech_db = float(10 * np.log10(np.mean(10 ** (np.array(self._speech) / 10))))
        return self._begins(
            Trouble.QUIET, self.speech_db < QUIET_DB, self.speech_db > _QUIET_OVER_DB
        )

    def _judge_hum(self) -> list[Trouble]:
        hum = self.meter.hum() if self.meter.pieces >= _HUM_AFTER else None
        begins = hum is not None and hum.over_db >= HUM_OVER_DB and hum.level_db >= HUM_LEVEL_DB
        told = self._begins(Trouble.HUM, begins, hum is None or hum.over_db < _HUM_GONE_DB)
        if told:
            self.hum = hum
        return told

    def _judge_muted(self) -> list[Trouble]:
        """By the level that a tenth of the last second reached: a click of the cable is no life."""
        if self._silent_at_rest:
            return []
        level_db = quantile(self.meter.newest_levels(_JUDGED_EVERY), 0.9)
        zeros = 2 * self.meter.newest_silent(_JUDGED_EVERY) > _JUDGED_EVERY
        floor_db = self._calibrated_floor_db
        below = not zeros and floor_db is not None and is_far_below(level_db, floor_db)
        usual = floor_db is not None and abs(level_db - floor_db) <= _SAME_FLOOR_DB
        nothing = not zeros and not usual and is_next_to_nothing(level_db)
        self._below_s = self._below_s + 1 if below else 0
        self._nothing_s = self._nothing_s + 1 if nothing else 0
        begins = self._below_s >= _BELOW_S or self._nothing_s >= _NOTHING_S
        if begins and Trouble.MUTED not in self._open:
            self.muted_db = level_db
        room_db = FLOOR_DB if floor_db is None else floor_db
        limit_db = max(_NOTHING_DB, room_db - _MUTED_BELOW_DB)
        return self._begins(Trouble.MUTED, begins, level_db > limit_db + _MUTED_OVER_DB)

    def _begins(self, trouble: Trouble, begins: bool, over: bool) -> list[Trouble]:
        turned = self._turns(trouble, begins, over)
        return [trouble] if turned and trouble in self._open else []

    def _turns(self, trouble: Trouble, begins: bool, over: bool) -> bool:
        """True where the trouble begins or ends here."""
        if trouble in self._open:
            if over:
                self._open.discard(trouble)
            return over
        if begins:
            self._open.add(trouble)
        return begins
