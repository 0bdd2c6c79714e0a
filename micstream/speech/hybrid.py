"""webrtcvad's quick onset and Silero's judgement.

Silero needs two frames to be sure of an onset, webrtcvad hears a voice within 30 ms, and much
else besides. Where Silero is all but sure and webrtcvad agrees, that is an onset at once; where
webrtcvad does not agree, Silero has to say it twice. Of the end Silero alone decides.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from micstream.audio.format import SPEECH
from micstream.audio.framer import Framer
from micstream.speech.silero import FRAME_SAMPLES, Model, SileroDetector
from micstream.speech.webrtc import SettledVad

_MODE: Final = 2
_QUICK_MS: Final = 10
_QUICK_BYTES: Final = SPEECH.samples(_QUICK_MS) * 2
_AGREE: Final = 3
_OF: Final = 4
"""Frames of 10 ms that webrtcvad must call speech, of the newest."""

_ALL_BUT: Final = 0.9
"""Of `on`: less, and music begins utterances that are nothing but a short noise."""


class HybridDetector:
    """Frames of 32 ms; `on` is the probability that begins an utterance. `near_db`: see Silero's.

    Raises:
        UsageError: Silero's package is not installed.
    """

    frame_samples = FRAME_SAMPLES

    def __init__(
        self,
        *,
        on: float = 0.5,
        near_db: float | None = None,
        model: Model | None = None,
    ) -> None:
        self._silero = SileroDetector(on=on, near_db=near_db, model=model)
        self._on, self._all_but = on, _ALL_BUT * on
        self._begin()

    def _begin(self) -> None:
        self._webrtc = SettledVad(_MODE)
        self._framer = Framer(_QUICK_BYTES)
        self._voiced: deque[bool] = deque(maxlen=_OF)
        self._before = (0.0, 0.0)

    def probability(self, frame: bytes) -> float:
        """Silero's probability, lifted to `on` where webrtcvad hastens it."""
        for quick in self._framer.push(frame):
            self._voiced.append(self._webrtc.is_speech(quick))
        said = self._silero.probability(frame)
        before, self._before = self._before, (self._before[1], said)
        if sum(self._voiced) >= _AGREE:
            hastened = said >= self._all_but and not self._silero.far
            return max(said, self._on) if hastened else said
        return said if said < self._on or max(before) >= self._on else self._all_but

    def reset(self) -> None:
        """Begin anew."""
        self._silero.reset()
        self._begin()
