"""Sounds of the cues, each of a pitch of its own, and where in what was heard each one sounds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import soundfile

from micstream.viewer.recording import LOUD, SoundRecording
from micstream.viewer.sound import RATE

WINDOW_S: Final = 0.1
"""What was heard is judged in pieces of this length."""
_AMPLITUDE: Final = 0.3
_EDGE_S: Final = 0.02
_NEAR_HZ: Final = 25.0
_PURE: Final = 0.9
"""Of a piece's energy: more at one pitch is a cue, and no speech ..."""
_SHARE: Final = 0.7
"""... and so is what has more than that of it right beside such a piece: where a cue begins."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A piece of what was heard: when it came, whether it is loud, and at which pitch it sounds."""

    t: float
    """Unix second of its middle."""
    loud: bool
    hz: int | None = None
    """Of a cue; None: speech, noise, silence."""


def write(place: Path, hz: int, seconds: float, *, rate: int = RATE, channels: int = 1) -> None:
    """A sound file with a tone."""
    time = np.arange(round(seconds * rate)) / rate
    edge = np.minimum(1.0, np.minimum(time, time[::-1]) / _EDGE_S)
    tone = _AMPLITUDE * edge * np.sin(2 * np.pi * hz * time)
    soundfile.write(place, np.repeat(tone[:, None], channels, axis=1), rate)


def heard(recording: SoundRecording, pitches: tuple[int, ...]) -> list[Heard]:
    """What a recording holds, piece by piece."""
    size = round(WINDOW_S * RATE)
    sound = recording.sound
    pieces = sound[: sound.size // size * size].reshape(-1, size)
    starts = np.array([start for start, _ in recording.arrivals])
    came = np.array([at for _, at in recording.arrivals])
    if not len(pieces):
        return []
    first = np.searchsorted(starts, np.arange(len(pieces)) * size, side="right") - 1
    tones = pitches_of(pieces, pitches)
    loud = np.abs(pieces.astype(np.int32)).max(axis=1) > LOUD
    return [
        Heard(float(at) + WINDOW_S / 2, bool(is_loud), tone if is_loud else None)
        for at, is_loud, tone in zip(came[first], loud, tones, strict=True)
    ]


def pitches_of(pieces: npt.NDArray[np.int16], pitches: tuple[int, ...]) -> list[int | None]:
    """Which pitch each piece sounds at; None: at none of these."""
    window = np.hanning(pieces.shape[1])
    energy = np.abs(np.fft.rfft(pieces * window, axis=1)) ** 2
    hz = np.fft.rfftfreq(pieces.shape[1], 1 / RATE)
    whole = energy.sum(axis=1) + 1e-9
    found: list[int | None] = [None] * len(pieces)
    for pitch in pitches:
        near = energy[:, np.abs(hz - pitch) <= _NEAR_HZ].sum(axis=1) / whole
        pure = np.concatenate(([False], near > _PURE, [False]))
        beside = pure[:-2] | pure[2:]
        for index in np.flatnonzero(pure[1:-1] | (beside & (near > _SHARE))):
            found[int(index)] = pitch
    return found
