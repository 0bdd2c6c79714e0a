"""What became of a sound on its way: when it was heard; missing, doubled, stretched parts. Pure.

The sound that was sent is looked for in what was heard by its waveform (normalised
cross-correlation), at first as a whole, then window by window: each window's lag tells how the way
changed. A codec changes the waveform little enough for that; noise of the same level does not
match.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

RATE: Final = 16_000
Samples = npt.NDArray[np.int16]
Wave = npt.NDArray[np.float64]

_FIRST_S: Final = 1.5
"""So much, from its first sound on, is looked for to find where it begins."""
_WINDOW_S: Final = 0.24
_HOP_S: Final = 0.12
_NEAR_S: Final = 0.08
_FAR_S: Final = 1.5
_BACK_S: Final = 0.5
_SURE_S: Final = 0.6
"""So much is needed to say that the sound goes on at another place: a vowel alone is like many."""
_SAME: Final = 0.5
"""Correlation of a window with what it became, near where it is expected."""
_FOUND: Final = 0.5
"""Of the longer pieces, anywhere: other speech reaches 0.3."""
_AS_GOOD: Final = 0.9
_SHORT_S: Final = 0.3
_SURELY: Final = 0.75
"""Of a short one, where a longer was not found as the sound was stretched."""
_PIECES: Final = ((_FIRST_S, _FOUND), (_SHORT_S, _SURELY))
_SOFT: Final = 10 ** (-45 / 20)
"""Full scale 1: a window that is softer tells nothing."""
_JUMP_S: Final = 0.015
_FEW: Final = 8


@dataclass(frozen=True, slots=True)
class Way:
    """How a sound came through; seconds."""

    heard_at_s: float
    """On the line of what was heard: where its first sample was."""
    likeness: float
    """Correlation where it was found, 0 to 1."""
    matched_s: float
    missing_s: float
    """Sound of it that was not heard."""
    doubled_s: float
    """Sound heard twice, or put in."""
    gaps_s: float
    """Silence put in."""
    cut_s: float
    """Sound skipped: what comes after it was heard too early by so much."""
    stretched: float | None
    """By which share it was longer than sent, jumps aside; None: too short to tell."""
    ends_at_s: float
    """Where its last sample was heard, or should have been."""


def locate(
    sent: Samples, heard: Samples, begin_s: float, end_s: float
) -> tuple[float, float] | None:
    """Where a sound begins in what was heard, between two moments; and how alike it is there.

    None: it is nowhere, or it is silent.
    """
    wave = _wave(sent)
    loud = np.flatnonzero(np.abs(wave) > _SOFT)
    if not loud.size:
        return None
    # From its beginning; where that was spoilt, from further on.
    places = [int(loud[round(share * (loud.size - 1))]) for share in (0.0, 0.25, 0.5, 0.75)]
    for place, (seconds, enough) in itertools.product(places, _PIECES):
        first = max(0, place - RATE // 100)
        piece = wave[first : first + round(seconds * RATE)]
        begin = max(0, round(begin_s * RATE) + first)
        end = min(heard.size, round(end_s * RATE) + first + piece.size)
        across = _correlated(piece, _wave(heard[begin:end]))
        if across.size and across[at := _first_peak(across)] >= enough:
            return (begin + at - first) / RATE, float(across[at])
    return None


def _first_peak(across: Wave) -> int:
    """The first place that is as good as the best: one syllable over and over fits often."""
    near = int(np.flatnonzero(across >= _AS_GOOD * across.max())[0])
    return near + int(across[near : near + RATE // 20].argmax())


def follow_way(sent: Samples, heard: Samples, begin_s: float, end_s: float) -> Way | None:
    """How a sound came through that began to be heard between two moments; None: nothing of it."""
    found = locate(sent, heard, begin_s, end_s)
    if found is None:
        return None
    at_s, alike = found
    wave = _wave(sent)
    times, lags, silent = [], [], 0
    lag, active = at_s, 0
    for start in range(0, max(1, wave.size - round(_WINDOW_S * RATE) + 1), round(_HOP_S * RATE)):
        window = wave[start : start + round(_WINDOW_S * RATE)]
        if np.sqrt(np.mean(window * window)) < _SOFT:
            continue
        active += 1
        there = _lag(window, heard, start, lag, (_NEAR_S, _NEAR_S, _SAME))
        if there is None:
            longer = wave[start : start + round(_SURE_S * RATE)]
            there = _lag(longer, heard, start, lag, (_BACK_S, _FAR_S, _FOUND))
        if there is None:
            silent += 1
            continue
        lag = there
        times.append(start / RATE)
        lags.append(lag)
    doubled, gaps, cut = _jumps(np.array(times), np.array(lags), heard)
    hop = _HOP_S
    return Way(
        heard_at_s=lags[0] if lags else at_s,
        likeness=alike,
        matched_s=hop * (active - silent),
        missing_s=max(0.0, hop * silent),
        doubled_s=doubled,
        gaps_s=gaps,
        cut_s=cut,
        stretched=_slope(np.array(times), np.array(lags)),
        ends_at_s=sent.size / RATE + (lags[-1] if lags else at_s),
    )


def _lag(
    piece: Wave, heard: Samples, start: int, lag: float, search: tuple[float, float, float]
) -> float | None:
    """Lag of a piece around the last one; None: it was not heard there.

    `search`: seconds before and after, and how alike it has to be.
    """
    back, on, enough = search
    begin = max(0, start + round((lag - back) * RATE))
    end = start + piece.size + round((lag + on) * RATE)
    across = _correlated(piece, _wave(heard[begin:end]))
    if across.size and across[best := int(across.argmax())] >= enough:
        return (begin + best - start) / RATE
    return None


def _jumps(times: Wave, lags: Wave, heard: Samples) -> tuple[float, float, float]:
    """Sound put in, silence put in, sound skipped: seconds of each."""
    doubled = gaps = cut = 0.0
    for number in np.flatnonzero(np.abs(np.diff(lags)) > _JUMP_S):
        by = float(lags[number + 1] - lags[number])
        if by < 0:
            cut -= by
            continue
        begin = round((times[number] + lags[number]) * RATE)
        end = round((times[number + 1] + lags[number + 1] + _WINDOW_S) * RATE)
        quiet = _quiet_s(_wave(heard[begin:end]))
        gaps += min(by, quiet)
        doubled += max(0.0, by - quiet)
    return doubled, gaps, cut


def _quiet_s(piece: Wave) -> float:
    """Seconds of silence, in blocks of 5 ms."""
    size = RATE // 200
    blocks = piece[: piece.size // size * size].reshape(-1, size)
    quiet = np.sqrt(np.mean(blocks * blocks, axis=1)) < _SOFT / 4
    return float(quiet.sum()) * size / RATE


def _slope(times: Wave, lags: Wave) -> float | None:
    """Seconds of lag a second, by the median of neighbours a second apart; jumps do not count."""
    if times.size < _FEW:
        return None
    after = np.searchsorted(times, times + 1.0)
    whole = after < times.size
    if whole.sum() < _FEW // 2:
        return None
    run = times[after[whole]] - times[whole]
    return float(np.median((lags[after[whole]] - lags[whole]) / run))


def _wave(samples: Samples) -> Wave:
    return samples.astype(np.float64) / 32_768


def _correlated(piece: Wave, line: Wave) -> Wave:
    """Normalised cross-correlation of a piece at each place of a line, -1 to 1."""
    count = line.size - piece.size + 1
    if count < 1 or not piece.any():
        return np.zeros(0)
    room = 1 << (line.size + piece.size).bit_length()
    product = np.fft.rfft(line, room) * np.conj(np.fft.rfft(piece, room))
    across = np.fft.irfft(product, room)[:count]
    power = np.concatenate([[0.0], np.cumsum(line * line)])
    around = power[piece.size :] - power[: line.size - piece.size + 1]
    strength = np.sqrt(np.maximum(around, 1e-9) * float(piece @ piece))
    return np.asarray(across / strength)
