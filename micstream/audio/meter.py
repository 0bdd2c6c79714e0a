"""Meter: what a microphone delivers, as figures: level, noise floor, speech, clipping, hum, zeros.

Sound is measured in *pieces* of 20 ms, by 40 ms under a Hann window that ends with the piece.
What lies at or below 100 Hz does not count as level: hum, rumble and an offset have figures of
their own. The lowest bins of the spectrum are taken from the windowed power (Parseval), which is
cheaper than a filter and moves with the gain exactly.

The noise floor is what the quietest tenth of the pieces stays below. Speech are the pieces well
above the floor and not far below the loudest of them, its level their RMS: close to the active
level of ITU-T P.56.

Hum is a narrow peak at 50 or 60 Hz or their harmonics that stays: the median over the last
seconds of its power over that of the frequencies beside it. A voice moves, the mains do not.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

import numpy as np
import numpy.typing as npt
from numpy.fft import rfft

from micstream.audio.format import SAMPLE_WIDTH, SPEECH
from micstream.audio.levels import FLOOR_DB, FULL_SCALE, Floats, energy_above, quantile

Kept = TypeVar("Kept", np.float64, np.bool_)

PIECE: Final = SPEECH.samples(20)
_AT_ONCE: Final = 5
BATCH: Final = _AT_ONCE * PIECE
"""Samples measured together: the cost is one of calls, not of samples."""

_FLOOR_SHARE: Final = 0.1
WELL_ABOVE_DB: Final = 10.0
"""So far above the floor a piece is more than noise ..."""
_SPEECH_SPAN_DB: Final = 20.0
"""... and so far below the loudest it is speech: breaths and echo count for nothing."""

_RAIL: Final = 0.99 * FULL_SCALE
"""A resampler leaves ripples on what was cut off flat."""
_CLIPPED_RUN: Final = 3
"""So many samples in a row at full scale: a peak that just reaches it has fewer."""

_HUM_WINDOW: Final = SPEECH.rate
_HUM_WINDOWS: Final = 8
_HUM_OVER_DB: Final = 15.0
"""Less may be chance in one window of noise."""
_MAINS: Final = (50, 50, 50, 50, 50, 60, 60, 60, 60)
_HARMONICS: Final = (50, 100, 150, 200, 250, 60, 120, 180, 240)
"""300 Hz belongs to both."""

_WINDOW: Final = np.hanning(2 * PIECE + 1)[:-1]
_LOW_BINS: Final = 5
"""0 to 100 Hz, in steps of 25."""
_WINDOW_POWER: Final = float(np.dot(_WINDOW, _WINDOW)) * FULL_SCALE**2
_HUM_WINDOW_SHAPE: Final = np.hanning(_HUM_WINDOW + 1)[:-1]
_HUM_POWER: Final = float(np.dot(_HUM_WINDOW_SHAPE, _HUM_WINDOW_SHAPE)) * _HUM_WINDOW / 2
_AT: Final = np.array(_HARMONICS)[:, None] + np.arange(-2, 3)
"""Bins of 1 Hz that hold a harmonic: the Hann window's main lobe ..."""
_BESIDE: Final = np.array(_HARMONICS)[:, None, None] + np.array([range(-12, -4), range(5, 13)])
"""... and those below and above it. What is loud on one side is the slope of another tone."""


@dataclass(frozen=True, slots=True)
class Hum:
    """The mains, heard."""

    hertz: Literal[50, 60]
    over_db: float
    """The clearest of its harmonics, over the frequencies beside it."""
    level_db: float
    """All harmonics that stand out together, in dBFS."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The figures, over what is remembered. Levels in dBFS, of what lies above 100 Hz."""

    seconds: float
    """Seconds of sound that are remembered."""
    level_db: float
    """Level of the newest piece."""
    floor_db: float | None
    """Noise floor; None before anything but zeros was heard."""
    speech_db: float | None
    """RMS of the pieces that are speech; None where none is well above the floor."""
    speech_s: float
    """Seconds of speech among them."""
    peak_db: float
    """The largest sample, all frequencies."""
    clipped_share: float
    """Share of pieces with samples that were cut off at full scale."""
    hum: Hum | None
    zeros_s: float
    """Exact zeros in a row, up to now."""
    dc: float
    """Offset over the last whole second, as a share of full scale."""

    @property
    def snr_db(self) -> float | None:
        """Signal-to-noise ratio in dB: how far the speech lies above the floor."""
        if self.floor_db is None or self.speech_db is None:
            return None
        return self.speech_db - self.floor_db


class Meter:
    """Measures 16 kHz mono 16-bit PCM, and remembers the last `remember_s` seconds (to a tenth).

    It measures by tenths of a second, so the same bytes give the same figures however they are
    divided.
    """

    def __init__(self, remember_s: float = 30.0) -> None:
        size = max(1, round(remember_s * SPEECH.rate / BATCH)) * _AT_ONCE
        self._levels = np.zeros(size)
        self._peaks = np.zeros(size)
        self._clipped = np.zeros(size, dtype=bool)
        self._silent = np.zeros(size, dtype=bool)
        self._pieces = 0
        self._waiting = bytearray()
        self._before = np.zeros(PIECE)
        self._at_rail = np.zeros(_CLIPPED_RUN - 1, dtype=bool)
        self._zeros = 0
        self._second: list[Floats] = []
        self._over: deque[Floats] = deque(maxlen=_HUM_WINDOWS)
        self._power: deque[Floats] = deque(maxlen=_HUM_WINDOWS)
        self._dc = 0.0

    @property
    def pieces(self) -> int:
        """Count of pieces measured, ever."""
        return self._pieces

    @property
    def seconds(self) -> float:
        """Seconds of sound measured, ever."""
        return self._pieces * PIECE / SPEECH.rate

    @property
    def zeros(self) -> int:
        """Samples of exactly zero in a row, up to now."""
        return self._zeros

    def push(self, pcm: bytes) -> int:
        """Measure; how many pieces that has completed."""
        self._waiting += pcm
        size = BATCH * SAMPLE_WIDTH
        whole = len(self._waiting) // size
        for start in range(0, whole * size, size):
            self._measure(np.frombuffer(bytes(self._waiting[start : start + size]), dtype="<i2"))
        del self._waiting[: whole * size]
        return whole * _AT_ONCE

    def newest_levels(self, count: int) -> Floats:
        """The levels of the newest pieces in dBFS, as many of `count` as are remembered."""
        return _db(self._newest(self._levels, count))

    def newest_clipped(self, count: int) -> int:
        """Count of the newest pieces that were clipped."""
        return int(self._newest(self._clipped, count).sum())

    def newest_silent(self, count: int) -> int:
        """Count of the newest pieces that were nothing but zeros."""
        return int(self._newest(self._silent, count).sum())

    def floor_db(self) -> float | None:
        """The noise floor alone."""
        known = min(self._pieces, len(self._levels))
        silent = self._silent[:known]
        if known == 0 or silent.all():
            return None
        if 2 * int(silent.sum()) > known:  # a gate shuts it off
            return FLOOR_DB
        heard = self._levels[:known][~silent]  # a device that wakes up with zeros is not quiet
        place = int(_FLOOR_SHARE * (len(heard) - 1))
        return float(_db(np.partition(heard, place)[place : place + 1])[0])

    def hum(self) -> Hum | None:
        """The mains, where it stands out."""
        if not self._over:
            return None
        over = _medians(np.array(self._over).T)
        clearest = int(np.argmax(over))
        if over[clearest] < _HUM_OVER_DB:
            return None
        hertz: Literal[50, 60] = 50 if _MAINS[clearest] == 50 else 60
        ours = (np.array(_MAINS) == hertz) & (over >= _HUM_OVER_DB)
        power = float(_medians(np.array(self._power).T)[ours].sum())
        return Hum(hertz, float(over[clearest]), float(_db(np.array([power]))[0]))

    def reading(self, floor_db: float | None = None) -> Reading:
        """The figures; `floor_db` where the floor is known from elsewhere."""
        known = min(self._pieces, len(self._levels))
        floor = self.floor_db() if floor_db is None else floor_db
        levels = _db(self._levels[:known])
        above = levels >= (FLOOR_DB if floor is None else floor) + WELL_ABOVE_DB
        speech, speech_db = 0, None
        if above.any():
            loudest = quantile(levels[above], 0.95)
            above &= levels >= loudest - _SPEECH_SPAN_DB
            speech = int(above.sum())
            speech_db = float(_db(self._levels[:known][above].mean(keepdims=True))[0])
        peak = float(self._peaks[:known].max(initial=0.0))
        return Reading(
            seconds=known * PIECE / SPEECH.rate,
            level_db=float(_db(self._newest(self._levels, 1)).max(initial=FLOOR_DB)),
            floor_db=floor,
            speech_db=speech_db,
            speech_s=speech * PIECE / SPEECH.rate,
            peak_db=float(_db(np.array([(peak / FULL_SCALE) ** 2]))[0]),
            clipped_share=float(self._clipped[:known].mean()) if known else 0.0,
            hum=self.hum(),
            zeros_s=self._zeros / SPEECH.rate,
            dc=self._dc,
        )

    def _newest(self, kept: npt.NDArray[Kept], count: int) -> npt.NDArray[Kept]:
        count = min(count, self._pieces, len(kept))
        places = np.arange(self._pieces - count, self._pieces) % len(kept)
        return kept[places]

    def _measure(self, batch: npt.NDArray[np.int16]) -> None:
        sound = batch.astype(np.float64)
        pieces = np.concatenate((self._before, sound)).reshape(-1, PIECE)
        windows = np.hstack((pieces[:-1], pieces[1:])) * _WINDOW
        power = energy_above(windows, _LOW_BINS)
        size = np.abs(sound)
        peaks = size.reshape(_AT_ONCE, PIECE).max(axis=1)
        first = self._pieces % len(self._levels)
        places = slice(first, first + _AT_ONCE)
        self._levels[places] = np.maximum(power, 0.0) / _WINDOW_POWER
        self._peaks[places] = peaks
        self._silent[places] = peaks == 0
        self._clipped[places] = self._find_clipped(size, float(peaks.max()))
        self._zeros = _zeros_at_end(batch, self._zeros)
        self._pieces += _AT_ONCE
        self._before = sound[-PIECE:]
        self._second.append(sound)
        if len(self._second) * BATCH == _HUM_WINDOW:
            self._look_for_hum(np.concatenate(self._second))
            self._second.clear()

    def _find_clipped(self, size: Floats, peak: float) -> npt.NDArray[np.bool_]:
        if peak < _RAIL:
            self._at_rail[:] = False
            return np.zeros(_AT_ONCE, dtype=bool)
        at_rail = np.concatenate((self._at_rail, size >= _RAIL))
        self._at_rail = at_rail[1 - _CLIPPED_RUN :]
        runs = np.lib.stride_tricks.sliding_window_view(at_rail, _CLIPPED_RUN).all(axis=1)
        return np.asarray(runs.reshape(_AT_ONCE, PIECE).any(axis=1))

    def _look_for_hum(self, second: Floats) -> None:
        self._dc = float(second.mean()) / FULL_SCALE
        spectrum = rfft(second * _HUM_WINDOW_SHAPE)[: _BESIDE.max() + 1]
        power = spectrum.real**2 + spectrum.imag**2 + 1.0  # far below what rounding leaves
        peaks = power[np.array(_HARMONICS)]  # wide enough for what the mains wander
        beside = _medians(power[_BESIDE]).max(axis=1)
        self._over.append(10 * np.log10(peaks / beside))
        self._power.append(power[_AT].sum(axis=1) / (_HUM_POWER * FULL_SCALE**2))


def _medians(rows: Floats) -> Floats:
    """The median of each row. Not numpy's own: see `quantile`."""
    ranked, half = np.sort(rows), rows.shape[-1] // 2
    medians: Floats = (ranked[..., half] + ranked[..., -1 - half]) / 2
    return medians


def _zeros_at_end(batch: npt.NDArray[np.int16], before: int) -> int:
    """Length of the run of zeros after this batch, in samples."""
    if batch[-1]:
        return 0
    sounding = np.flatnonzero(batch)
    return before + len(batch) if sounding.size == 0 else len(batch) - 1 - int(sounding[-1])


def _db(power: Floats) -> Floats:
    """Mean squares, full scale 1.0, in dBFS; not below `FLOOR_DB`."""
    levels: Floats = 10 * np.log10(np.maximum(power, 10 ** (FLOOR_DB / 10)))
    return levels
