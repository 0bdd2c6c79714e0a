"""Tell sound that is not what it should be: a file's header, the wrong byte order, floats. Pure."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
import numpy.typing as npt

HEAD_BYTES: Final = 16_000
"""So much of a segment is looked at: half a second at 16 kHz."""
_LEAST_BYTES: Final = 1_600
_SMOOTHER: Final = 0.75
"""Sound moves less from sample to sample than what is read wrongly; by this factor at least."""
_NOISE: Final = (1.1, 1.45)
"""Roughness of samples whose bytes are exchanged: uniform noise has 4/3, a hiss 1.41."""
_MAGIC: Final = (
    (b"RIFF", "WAV"),
    (b"RF64", "WAV"),
    (b"ID3", "MP3"),
    (b"OggS", "Ogg"),
    (b"fLaC", "FLAC"),
    (b"FORM", "AIFF"),
    (b"\x1aE\xdf\xa3", "WebM"),
)


def file_header(head: bytes) -> str | None:
    """Kind of file whose header this begins with; None: it is none that is known."""
    return next((kind for magic, kind in _MAGIC if head.startswith(magic)), None)


def wrong_samples(head: bytes) -> Literal["byte_order", "floats"] | None:
    """What these bytes look like in place of 16-bit little endian samples; None: nothing else.

    By roughness: the mean step between samples, divided by the mean sample.
    """
    if len(head) < _LEAST_BYTES:
        return None
    whole = head[: len(head) // 4 * 4]
    plain = _roughness(np.frombuffer(whole, "<i2").astype(np.float64))
    if plain is None:
        return None
    singles = np.frombuffer(whole, "<f4")
    if np.isfinite(singles).all() and 1e-4 < np.abs(singles).max() <= 2.0:
        floats = singles.astype(np.float64)
        rough = _roughness(floats)
        # Sound of 16 bits that is read as floats has exponents of any size: few are near 1.
        small = np.abs(floats[floats != 0])
        near = bool(small.size) and np.mean((small > 1e-7) & (small <= 2.0)) > 0.95
        if near and rough is not None and rough < _SMOOTHER * plain:
            return "floats"
    swapped = _roughness(np.frombuffer(whole, ">i2").astype(np.float64))
    is_noise = _NOISE[0] < plain < _NOISE[1]
    if is_noise and swapped is not None and swapped < _SMOOTHER * plain:
        return "byte_order"
    return None


def _roughness(samples: npt.NDArray[np.float64]) -> float | None:
    centred = samples - samples.mean()
    level = float(np.abs(centred).mean())
    if level == 0:
        return None
    return float(np.abs(np.diff(centred)).mean()) / level
