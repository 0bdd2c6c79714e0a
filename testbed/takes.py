"""What a virtual microphone delivered of a file that was said: whole, or torn by a busy machine.

A microphone of metal has a clock of its own; a virtual one is a program among others. Where it
stutters, whatever listens to it hears what was never said: that tells nothing of the listener. So
the listener's own record says what came; what it did with it is compared with that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

RATE = 16_000
PIECE = RATE // 10
SLACK = 16
"""How far from its place a piece may lie, in samples: resampling there and back."""
ALIKE = 0.95
HIGHEST = 1_000
"""Hz that are compared: what is above suffers where the sound server resamples, and differs where a
piece lies between two samples."""
LOUD = 0.004
"""Loudness of a piece, RMS, below which it is not compared: what is left is hiss."""

EDGE_S = 0.4
"""So much of a stretch's beginning, and of its end, says where it lies in what was delivered."""
ASTRAY_S = 0.7
"""How far from its place it is looked for: more than a sound server loses at a time."""

Sound = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Take:
    """One saying of a file: `torn` names the seconds of the file that were not delivered in place.

    It begins where the file was found; a piece that came late, twice or never, and all that comes
    after it at another distance, is torn.
    """

    torn: tuple[float, ...]

    @property
    def whole(self) -> bool:
        """Whether all of it was delivered, in order and without a gap."""
        return not self.torn


def in_full_scale(samples: npt.NDArray[np.int16]) -> Sound:
    """16-bit samples as sound, full scale 1.0."""
    return samples / 32_768


def take(said: Sound, delivered: Sound) -> Take:
    """Compare what was said with what was delivered; both mono, 16 kHz, full scale 1.0."""
    said, delivered = _low(said), _low(delivered)
    starts = [
        at
        for at in range(0, said.size - PIECE + 1, PIECE)
        if np.sqrt(np.mean(said[at : at + PIECE] ** 2)) > LOUD
    ]
    offset = _offset(said, delivered)
    torn = [
        at / RATE for at in starts if not _is_there(said[at : at + PIECE], delivered, offset + at)
    ]
    return Take(tuple(torn))


def delivered_stretches(
    said: Sound, delivered: Sound, stretches: Sequence[tuple[float, float]]
) -> list[tuple[float, float]]:
    """Where stretches of a file lie in what was delivered of it: their seconds there, in order.

    Each end is looked for by itself, so that a loss before or within one moves it as it should.
    """
    said, delivered = _low(said), _low(delivered)
    offset = _offset(said, delivered)
    edge, astray = round(EDGE_S * RATE), round(ASTRAY_S * RATE)

    def found(at: int) -> int:
        first = max(0, offset + at - astray)
        around = delivered[first : offset + at + edge + astray]
        assert around.size >= edge, f"what was delivered ends before {at / RATE:.1f} s of the file"
        return first + int(np.argmax(np.correlate(around, said[at : at + edge], "valid")))

    return [
        (found(round(start * RATE)) / RATE, (found(round(end * RATE) - edge) + edge) / RATE)
        for start, end in stretches
    ]


def _low(sound: Sound) -> Sound:
    """Without what is above HIGHEST."""
    spectrum = np.fft.rfft(sound)
    spectrum[np.fft.rfftfreq(sound.size, 1 / RATE) > HIGHEST] = 0
    return np.fft.irfft(spectrum, sound.size)


def _offset(said: Sound, delivered: Sound) -> int:
    """Where in what was delivered the file begins, by the most of it: it may be negative."""
    size = 1 << (said.size + delivered.size).bit_length()
    spectrum = np.fft.rfft(delivered, size) * np.conj(np.fft.rfft(said, size))
    at = int(np.argmax(np.fft.irfft(spectrum, size)))
    return at - size if at > delivered.size else at


def _is_there(piece: Sound, delivered: Sound, at: int) -> bool:
    first = max(0, at - SLACK)
    around = delivered[first : at + piece.size + SLACK]
    if around.size < piece.size:
        return False
    products = np.correlate(around, piece, "valid")
    best = int(np.argmax(products))
    there = around[best : best + piece.size]
    norm = float(np.sqrt((piece**2).sum() * (there**2).sum()))
    return norm > 0 and float(products[best]) / norm > ALIKE
