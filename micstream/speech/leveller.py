"""How loud things are around the speaker, and the gain that shows a detector the same anywhere.

A neural detector depends on level: the same speech 20 dB lower finds a fifth fewer utterances
(bench/SEGMENTATION.md). A slow gain that follows the loudest of the last half minute takes that
away; it changes what the detector hears, never what is sent.
"""

from __future__ import annotations

from typing import Final

from micstream.audio.format import SPEECH
from micstream.speech.extremes import Least, Smooth

_LOUDEST_S: Final = 30.0
_LOUDEST_KEEP: Final = 0.6
_TARGET_DB: Final = -10.0
"""The loudest of speech, in dBFS: near full scale detectors hear best."""
_OVER_FLOOR_DB: Final = 15.0
"""Speech is taken to be this far above the noise at least, so that noise alone is not raised."""
_MOST_DB: Final = 20.0
_RISE_DB_S: Final = 3.0
"""A room that has been silent so far is not speech to be raised; too loud is mended at once."""


class NoiseFloor:
    """The least smoothed level of the last seconds (R. Martin's minimum statistics).

    `over_s`: nobody speaks for longer without a gap that shows the noise. `keep`: see `Smooth`.
    """

    def __init__(self, frame_samples: int, *, over_s: float = 3.0, keep: float = 0.5) -> None:
        self._smooth = Smooth(keep)
        self._least = Least(round(over_s * SPEECH.rate / frame_samples))

    def push(self, level_db: float) -> float:
        """The floor in dBFS, with this frame's level known."""
        return self._least.push(self._smooth.push(level_db))


class Leveller:
    """Follows levels, frame by frame of `frame_samples`. All in dB, levels in dBFS."""

    def __init__(self, frame_samples: int) -> None:
        self._floor = NoiseFloor(frame_samples)
        self._smooth = Smooth(_LOUDEST_KEEP)
        self._quietest = Least(round(_LOUDEST_S * SPEECH.rate / frame_samples))
        self._rise = _RISE_DB_S * frame_samples / SPEECH.rate
        self.gain_db = 0.0
        """To be put on this frame before it is judged."""
        self.below_db = 0.0
        """How far this frame lies below the loudest of the last half minute."""

    def push(self, level_db: float) -> None:
        """The next frame's level."""
        floor = self._floor.push(level_db)
        level = self._smooth.push(level_db)
        loudest = -self._quietest.push(-level)
        self.below_db = loudest - level
        wanted = _TARGET_DB - max(loudest, floor + _OVER_FLOOR_DB)
        wanted = min(_MOST_DB, max(-_MOST_DB, wanted))
        self.gain_db = min(wanted, self.gain_db + self._rise)
