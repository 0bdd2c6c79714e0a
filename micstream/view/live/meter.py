"""Meter of the live view: level, peak with hold, noise floor, speech threshold, clipping. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from micstream.audio.format import SPEECH
from micstream.audio.levels import FLOOR_DB, is_clipped, peak_db, rms_db
from micstream.audio.meter import WELL_ABOVE_DB
from micstream.speech.leveller import NoiseFloor
from micstream.view.status import Tick

_PIECE: Final = SPEECH.samples(40)
_PEAK_S: Final = 1.5
_CLIP_S: Final = 3.0


@dataclass(frozen=True, kw_only=True)
class Levels(Tick):
    """Levels in dBFS; never on the bus."""

    peak_db: float = FLOOR_DB
    """The highest of the last moment."""
    floor_db: float | None = None
    """Noise floor; None: not known yet."""
    clipping: bool = False
    """It was at full scale some seconds ago, or is."""

    @property
    def speech_db(self) -> float | None:
        """What is so loud stands well above the floor."""
        return None if self.floor_db is None else self.floor_db + WELL_ABOVE_DB


class LiveMeter:
    """Takes sound, with its monotonic second; tells the levels of what has come since the last."""

    def __init__(self) -> None:
        self._floor = NoiseFloor(_PIECE)
        self._floor_db: float | None = None
        self._left = b""
        self._loudest_db = FLOOR_DB
        self._peak_db, self._peak_at = FLOOR_DB, float("-inf")
        self._clipped_at = float("-inf")

    def push(self, pcm: bytes, at: float) -> None:
        """Take 16-bit PCM."""
        if not pcm:
            return
        self._loudest_db = max(self._loudest_db, rms_db(pcm))
        peak = peak_db(pcm)
        if peak >= self._peak_db or at >= self._peak_at + _PEAK_S:
            self._peak_db, self._peak_at = peak, at
        if is_clipped(peak):
            self._clipped_at = at
        self._left += pcm
        size = 2 * _PIECE
        while len(self._left) >= size:
            level = rms_db(self._left[:size])
            self._left = self._left[size:]
            if level > FLOOR_DB:  # zeros are no room
                self._floor_db = self._floor.push(level)

    def levels(self, at: float) -> Levels:
        """The levels, whole decibels: what is not seen is not drawn."""
        told = Levels(
            level_db=round(self._loudest_db),
            peak_db=round(self._peak_db),
            floor_db=None if self._floor_db is None else round(self._floor_db),
            clipping=at < self._clipped_at + _CLIP_S,
        )
        self._loudest_db = FLOOR_DB
        return told
