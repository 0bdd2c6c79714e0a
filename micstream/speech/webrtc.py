"""WebRTC's voice activity detector (the package `webrtcvad-wheels`, module `webrtcvad`).

A Gaussian mixture over six sub-bands (WebRTC, common_audio/vad). It is quick and cheap, and it
takes typing and music for speech. Weighted by how far the frame lies above the noise floor, and
smoothed, it does so less; four modes say how much it must hear.
"""

from __future__ import annotations

from typing import Final

import webrtcvad

from micstream.audio.format import SPEECH
from micstream.audio.levels import band_db, to_float
from micstream.speech.extremes import Smooth
from micstream.speech.leveller import NoiseFloor

_SETTLING: Final = 5
"""Times that the first frame is shown beforehand. With its built-in models alone the detector hears
speech in the first tenth of a second of any room."""

_CLEAR_DB: Final = 18.0
"""So far above the noise floor its word counts in full."""
_FLOOR_S: Final = 2.0
_FLOOR_KEEP: Final = 0.9
_LEVEL_KEEP: Final = 0.3
_SCORE_KEEP: Final = 0.5


class SettledVad:
    """webrtcvad, settled on the first frame that it is shown; frames of 10, 20 or 30 ms."""

    def __init__(self, mode: int) -> None:
        self._vad = webrtcvad.Vad(mode)
        self._settled = False

    def is_speech(self, frame: bytes) -> bool:
        """Whether the next frame of one stream holds speech."""
        if not self._settled:
            self._settled = True
            for _ in range(_SETTLING):
                self._vad.is_speech(frame, SPEECH.rate)
        return bool(self._vad.is_speech(frame, SPEECH.rate))


class WebRtcDetector:
    """webrtcvad on frames of 10, 20 or 30 ms, times the level over the floor, smoothed; 0..1."""

    def __init__(self, mode: int = 2, frame_ms: int = 20) -> None:
        if frame_ms not in (10, 20, 30):
            raise ValueError(f"webrtcvad takes frames of 10, 20 or 30 ms, not {frame_ms}")
        if not 0 <= mode <= 3:
            raise ValueError(f"webrtcvad has the modes 0 to 3, not {mode}")
        self.frame_samples = SPEECH.samples(frame_ms)
        self._mode = mode
        self._begin()

    def _begin(self) -> None:
        self._vad = SettledVad(self._mode)
        self._floor = NoiseFloor(self.frame_samples, over_s=_FLOOR_S, keep=_FLOOR_KEEP)
        self._level = Smooth(_LEVEL_KEEP)
        self._score = Smooth(_SCORE_KEEP)

    def probability(self, frame: bytes) -> float:
        """Near 1 for what is clearly above the noise and voiced, 0 for what is neither."""
        level = band_db(to_float(frame))
        over = self._level.push(level) - self._floor.push(level)
        clear = min(1.0, max(0.0, over / _CLEAR_DB))
        return self._score.push(clear if self._vad.is_speech(frame) else 0.0)

    def reset(self) -> None:
        """Begin anew with fresh noise and speech models."""
        self._begin()
