"""WebRTC's voice activity detector (the package `webrtcvad-wheels`, module `webrtcvad`).

A Gaussian mixture over six sub-bands (WebRTC, common_audio/vad). It is quick and cheap, and it
takes typing and music for speech; its four modes say how easily.
"""

from __future__ import annotations

import webrtcvad

from micstream.audio.format import SPEECH

_SETTLING = 5
"""Times that the first frame is shown beforehand. With its built-in models alone the detector hears
speech in the first tenth of a second of any room."""


class WebRtcDetector:
    """webrtcvad on frames of 10, 20 or 30 ms; 1.0 where it hears speech, else 0.0."""

    def __init__(self, mode: int = 2, frame_ms: int = 20) -> None:
        if frame_ms not in (10, 20, 30):
            raise ValueError(f"webrtcvad takes frames of 10, 20 or 30 ms, not {frame_ms}")
        if not 0 <= mode <= 3:
            raise ValueError(f"webrtcvad has the modes 0 to 3, not {mode}")
        self.frame_samples = SPEECH.samples(frame_ms)
        self._mode = mode
        self._vad = webrtcvad.Vad(mode)
        self._settled = False

    def probability(self, frame: bytes) -> float:
        """1.0 for a frame that holds speech, 0.0 for one that does not."""
        if not self._settled:
            self._settled = True
            for _ in range(_SETTLING):
                self._vad.is_speech(frame, SPEECH.rate)
        return 1.0 if self._vad.is_speech(frame, SPEECH.rate) else 0.0

    def reset(self) -> None:
        """Begin anew with fresh noise and speech models."""
        self._vad = webrtcvad.Vad(self._mode)
        self._settled = False
