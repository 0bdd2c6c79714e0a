"""Detectors by name: the one table of them, and the cutter that is made with one.

To add a detector: its own file, its line in `DETECTORS`, its tuning in `presets.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from micstream.speech.cutter import Cutter
from micstream.speech.detector import Detector
from micstream.speech.hybrid import HybridDetector
from micstream.speech.presets import Tuning
from micstream.speech.silero import SileroDetector, Spare
from micstream.speech.webrtc import WebRtcDetector


class DetectionOptions(Protocol):
    """Which detector, and how its decisions become utterances: `DetectionSettings`, or alike."""

    @property
    def vad(self) -> str:
        """The detector's name."""
        ...

    @property
    def tuning(self) -> Tuning:
        """Thresholds and segmenter."""
        ...

    @property
    def vad_mode(self) -> int:
        """How much webrtcvad must hear, 0 to 3."""
        ...

    @property
    def frame_ms(self) -> int:
        """Frame that webrtcvad judges, in milliseconds."""
        ...


def _hybrid(options: DetectionOptions, spare: Spare | None) -> Detector:
    tuning = options.tuning
    return HybridDetector(on=tuning.on, near_db=tuning.near_db or None, spare=spare)


def _silero(options: DetectionOptions, spare: Spare | None) -> Detector:
    tuning = options.tuning
    return SileroDetector(on=tuning.on, near_db=tuning.near_db or None, spare=spare)


def _webrtc(options: DetectionOptions, spare: Spare | None) -> Detector:
    del spare
    return WebRtcDetector(options.vad_mode, options.frame_ms)


DETECTORS: Final[dict[str, Callable[[DetectionOptions, Spare | None], Detector]]] = {
    "hybrid": _hybrid,
    "silero": _silero,
    "webrtc": _webrtc,
}
"""Each by the name that `--vad` gives it."""


def make_detector(options: DetectionOptions, spare: Spare | None = None) -> Detector:
    """Detector that the options name; `spare`: see `SileroDetector`.

    Raises:
        UsageError: its package is not installed.
    """
    return DETECTORS[options.vad](options, spare)


def make_cutter(
    options: DetectionOptions, detector: Detector | None = None, *, spare: Spare | None = None
) -> Cutter:
    """Cutter of the options' detector (or the one given in its place) and segmenter.

    `spare`: see `SileroDetector`.

    Raises:
        UsageError: the detector's package is not installed.
    """
    tuning = options.tuning
    return Cutter(
        detector or make_detector(options, spare),
        tuning.segmenter,
        on=tuning.on,
        off=tuning.off,
        margin_ms=tuning.margin_ms,
    )
