"""Onset trace: where the sound that a detector decided on really began.

A detector says "speech" some frames late, and a quiet consonant comes before the voice. From the
first voiced frame back, 10 ms by 10 ms, the sound belongs to the utterance for as long as it
stands out: over the noise floor, and over what the last second was like, so that a murmuring hall
is no part of the first word; and not too far below the voice itself, so that neither is the room
behind a noise gate that opens. A gap of 60 ms ends the way back: a stop consonant is shorter. Only
a sound that stands out further is looked for behind a longer one, up to 150 ms: the burst or the
hiss of a first consonant, whose closure is long where one begins to speak.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from micstream.audio.format import SPEECH
from micstream.audio.levels import (
    BAND_FROM_HZ,
    FULL_SCALE,
    Floats,
    bins_below,
    energy_above,
    quantile,
    rms_db,
)

HISTORY: Final = SPEECH.samples(3_000)
"""Samples: what is heard of the noise before."""

_STEP: Final = SPEECH.samples(10)
_OVER_FLOOR_DB: Final = 6.0
_OVER_LATELY_DB: Final = 4.0
_BELOW_VOICE_DB: Final = 35.0
"""A quiet fricative before a vowel is 20 to 30 dB below it."""
_LATELY: Final = 100
_CLEAR_OF: Final = 20
"""Steps just before the voiced frame that may be its own beginning."""
_GAP: Final = 6
_LONGER_GAP: Final = 15
_FURTHER_DB: Final = 6.0
"""What begins an utterance from behind a longer gap stands out by so much more."""
_FLOOR_SHARE: Final = 0.05
_LEAST: Final = 1e-9


def began(history: bytes, farthest: int, voice: bytes = b"") -> int:
    """Samples before the end of `history` at which the sound began, 0 to `farthest`.

    `history`: 16-bit mono at 16 kHz, up to the first voiced frame. `voice`: from there to the
    decision.
    """
    samples = np.frombuffer(history, dtype="<i2")
    steps = len(samples) // _STEP
    if steps == 0:
        return 0
    levels = _levels(samples[len(samples) - steps * _STEP :].reshape(steps, _STEP))
    threshold = max(
        quantile(levels, _FLOOR_SHARE) + _OVER_FLOOR_DB, rms_db(voice) - _BELOW_VOICE_DB
    )
    lately = levels[max(0, steps - _CLEAR_OF - _LATELY) : max(0, steps - _CLEAR_OF)]
    if lately.size:
        threshold = max(threshold, quantile(lately, 0.5) + _OVER_LATELY_DB)
    back = gap = 0
    for number, level in enumerate(levels[::-1][: farthest // _STEP], 1):
        further = _FURTHER_DB if gap >= _GAP else 0.0
        if level > threshold + further:
            back, gap = number, 0
        else:
            gap += 1
            if gap == _LONGER_GAP:
                break
    return back * _STEP


def _levels(frames: npt.NDArray[np.int16]) -> Floats:
    energy = energy_above(frames / FULL_SCALE, bins_below(BAND_FROM_HZ, _STEP))
    levels: Floats = 10 * np.log10(np.maximum(energy, 0.0) / _STEP + _LEAST)
    return levels
