"""Which frames of a microphone are explained by the reference. Pure.

Theory of operation
-------------------
A canceller leaves something of every echo: it has to learn, the loudspeaker distorts, the hall goes
on for longer than the canceller reaches, the clocks run apart. So an echo is told from speech by
levels in bands, which all of that hardly changes:

    what is expected = the reference, as long ago as the echo takes, with a hall's decay
                     + what it comes to as a rule, by band (learned: a quantile of the difference)

Once for the microphone's own sound, once for what the canceller leaves of it. Where levels stand
out of what is expected in both, somebody speaks; where hardly any does, the frame is explained by
the reference, whatever a detector would say. The delay is found by where levels rise (`delay.py`).
Until it is known nothing is explained.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from micstream.audio.format import SPEECH
from micstream.echo.delay import BEFORE, LONGEST, STEP, DelayFinder, Levels

FRAME: Final = SPEECH.samples(10)

_LOW: Final = (150, 250, 350, 450, 600, 800, 1_000, 1_250, 1_500, 1_800)
_BORDERS: Final = (*_LOW, 2_200, 2_700, 3_300, 4_000, 5_000, 6_500)
"""Of the bands, in Hz."""
BANDS: Final = len(_BORDERS) - 1
_FLOOR_DB: Final = 12.0
"""Level of a band, in dB over a 16-bit step, below which it is nothing: -78 dBFS."""
_KEPT: Final = 1_024
_LOUD_DB: Final = 20.0
"""Of a band of the reference, over that floor: then an echo of it is learned from."""
_FRAMES_TO_LOOK: Final = 8
"""Frames with a band as loud as that, before a delay is looked for in a stretch."""
_DECAY_DB: Final = 0.7
"""A hall's, by frame: 60 dB in 0.86 s."""
_SMEAR: Final = 4
"""Frames: the reference is as loud as in the loudest of them ..."""
_AHEAD: Final = 1
"""... so many of them sooner than the delay says: a reference that arrives over a network moves."""
_SOONER: Final = np.array((0, 3, 5, 7, 9))
"""Frames by which an echo may come sooner for a while: each receiver of a room stretches what it
has for itself. So frames are compared with what is expected when it should come; with ..."""
_AT_ANY_TIME: Final = 2
"""... what is expected so much sooner (place in `_SOONER`), as it may come at once; and with what
has explained the last frames best ..."""
_LATELY: Final = 0.06
"""... some 160 ms of them ..."""
_CLEAR_DB: Final = 0.9
"""... in which no more than this stood out: from a voice one cannot tell when the echo comes."""
_DOUBT_DB: Final = 0.2
"""What comes sooner than it should has to be explained so much better."""
_QUANTILE: Final = 0.35
"""The performer speaks over most of an echo, but not in every band of it."""
_WHILE_SPOKEN: Final = 0.3
"""Less is learned upwards where levels stand out: that may be the performer."""
_LEARN_DB, _AT_FIRST_DB = 0.15, 0.6
"""By frame; and before anything is known."""
_LOOKED_BACK: Final = 200
"""Frames that are learned from at once, when the delay has been found."""
_LEARNT: Final = 30
"""Loud frames that are learned from, before anything is explained."""
_ENOUGH: Final = 50
"""Loud frames, before it counts how the microphone's power follows the reference's ..."""
_FORGOTTEN: Final = 600
"""... over about so many of them."""
_SPARE_DB: Final = 1.0
_LEAST_DB: Final = -15.0
_SMEARED_DB: Final = 2.0
"""So much more than the reference is expected, as its loudest of some frames is."""
_MARGIN_DB: Final = 6.0
_MOST_DB: Final = 12.0
_NOISE_UP_DB, _NOISE_DOWN_DB = 0.02, 0.2
_SPARED_DB: Final = 2.0
"""What stands out of the noise needs so much less."""
_LEFT_SHARE: Final = 0.8
"""What the canceller leaves stands out more easily than the sound as it was."""
_SMOOTH: Final = 0.25
_STANDS_OUT_DB: Final = 0.8
"""Mean over the bands, from which on somebody may speak, and less is learned ..."""
_HOLD: Final = 12
"""... and for so many frames more."""
_ANEW_DB, _RECENT = 1.2, 20
"""It takes more after so many frames in which nobody did: who begins anew does so aloud."""
_SURE_DB, _UNSURE = 2.0, 15
"""Who speaks stands out as much as that at first and every now and then: what does not, for more
frames than these, is an echo that is learned too low. With a frame of the detector that is less
than 200 ms."""
_LIKE, _APART, _AGAIN = 0.25, 0.05, 2
"""Of a delay: its share at least, how much more that is than any other's, and how often it has to
be found again, one time after the other."""

_TRIAL: Final = 300
"""Loud frames in which what was known beforehand has to be found again; else it is forgotten."""
_ELSEWHERE: Final = 6
"""Frames by which the delay may differ, and it is the same hall; else all is learned anew ..."""
_AGAIN_ELSEWHERE: Final = 6
"""... if it is found as often: in a voice's first second many a delay is."""

_GONE: Final = 25
"""Looks with a loud reference in which nothing is found, five seconds: what is found then is
another echo, as where loudspeakers are switched on in mid-show, and is learned anew."""

Samples = npt.NDArray[np.int16]
Loud = npt.NDArray[np.bool_]


class Known(NamedTuple):
    """What a guard has learned of a hall."""

    delay: int
    """Frames by which the echo comes later than the reference."""
    learned: Levels
    """By signal (microphone's, what the canceller leaves of it) and band, in dB."""
    sums: npt.NDArray[np.float64]
    """Of the microphone's power beside the reference's, by kind and band."""


class Guard:
    """Judges frames of 10 ms of microphone, canceller and reference; 16 kHz mono.

    Frames without a reference need not be pushed, if it was silent for `LONGEST` frames before.

    `known`: learned of this hall before. It counts at once, and is forgotten if it is not found
    again in the first seconds of an echo.
    """

    def __init__(self, known: Known | None = None) -> None:
        window = 2 * FRAME
        bins = np.fft.rfftfreq(window, 1 / SPEECH.rate)
        within = [(bins >= low) & (bins < high) for low, high in pairwise(_BORDERS)]
        self._hann = np.hanning(window + 1)[:-1].astype(np.float32)
        scale = 8 / window / float((self._hann**2).sum())
        self._pool = np.array([each / each.sum() * scale for each in within], np.float32).T
        self._finder = DelayFinder()
        self.delay: int | None = None
        """Frames by which the echo comes later than the reference; None: not known."""
        self._seen, self._again = -1, 0
        self._unfound = 0  # looks, since a delay was found
        self._due = STEP + LONGEST + BEFORE
        self._last = np.zeros((3, FRAME), np.float32)
        self._levels: Levels = np.zeros((3, _KEPT, BANDS), np.float32)
        self._expected: Levels = np.zeros((_KEPT, BANDS), np.float32)
        self._count = LONGEST + _SMEAR
        self._decayed = np.zeros((len(_SOONER), BANDS), np.float32)
        self._learned = np.zeros((2, 1, BANDS), np.float32)  # microphone's, what is left of it
        self._noise = np.full(BANDS, 3.0, np.float32)
        self._run = np.zeros(len(_SOONER))  # what stands out, by how much sooner it comes
        self._lately = np.zeros(len(_SOONER))  # the same, over longer
        self._comes = 0  # of these, how it comes just now
        self._sums = np.zeros((5, BANDS))
        self._follows_db = 0.0
        self._known = 0.0  # loud frames that were learned from
        self._hold = self._quiet = self._unsure = 0  # frames
        self._tried = 0.0  # loud frames left to find again what was known beforehand
        self.is_new = False
        """An echo was found that was not known beforehand: until then none was explained."""
        if known is not None:
            self._begin_with(known)

    def _begin_with(self, known: Known) -> None:
        self.delay = known.delay
        self._learned[:, 0], self._sums = known.learned, known.sums.copy()
        self._known, self._tried = _ENOUGH + 1.0, float(_TRIAL)
        self._follow()

    def move(self, frames: int) -> None:
        """The echo comes so much later beside the reference: that is laid sooner."""
        if self.delay is not None:
            self.delay = min(LONGEST, max(0, self.delay + frames))

    @property
    def is_found(self) -> bool:
        """The delay was found in what was heard, and is not from before alone."""
        return self.delay is not None and not self._tried

    @property
    def known(self) -> Known | None:
        """What it has learned by now; None: too little."""
        if self.delay is None or not self.is_found or self._known <= _ENOUGH:
            return None
        return Known(self.delay, self._learned[:, 0].copy(), self._sums.copy())

    @property
    def level_db(self) -> float:
        """Level of the echo beside the reference, in dB."""
        return self._follows_db - _SPARE_DB + _SMEARED_DB

    @property
    def taken_off_db(self) -> float:
        """What the canceller takes off the echo as a rule, in dB."""
        return float((self._learned[0] - self._learned[1])[0, 1:12].mean())

    def push(self, mic: Samples, left: Samples, reference: Samples) -> list[bool]:
        """Whether each of the next frames is explained by the reference.

        All three of the same length, whole frames; `left`: of the microphone's by the canceller.
        """
        frames = len(mic) // FRAME
        levels = self._measure((mic, left, reference), frames)
        at = self._store(levels, frames)
        explained = self._judge(levels, at, frames)
        if self._count >= self._due:
            self._due = self._count + STEP
            if self.delay is not None:
                self._regress(self._count - STEP, self._count)
            self._look()
        return explained

    def _measure(self, signals: Sequence[Samples], frames: int) -> Levels:
        """Levels by signal, frame and band."""
        whole = np.empty((3, (frames + 1) * FRAME), np.float32)
        whole[:, :FRAME] = self._last
        for row, signal in zip(whole, signals, strict=True):
            row[FRAME:] = signal
        self._last = whole[:, -FRAME:]
        parts = whole.reshape(3, frames + 1, FRAME)
        windows = np.concatenate((parts[:, :-1], parts[:, 1:]), axis=2)
        spectra = np.fft.rfft(windows * self._hann)
        power = (spectra.real**2 + spectra.imag**2).astype(np.float32) @ self._pool
        levels: Levels = np.maximum(10 * np.log10(power + 1e-3) - _FLOOR_DB, np.float32(0))
        return levels

    def _store(self, levels: Levels, frames: int) -> int:
        if self._count + frames > _KEPT:
            kept = _KEPT // 2
            self._levels[:, :kept] = self._levels[:, self._count - kept : self._count]
            self._expected[:kept] = self._expected[self._count - kept : self._count]
            self._due -= self._count - kept
            self._count = kept
        at = self._count
        self._count = at + frames
        self._levels[:, at : at + frames] = levels
        return at

    def _judge(self, levels: Levels, at: int, frames: int) -> list[bool]:
        if self.delay is None:
            return [False] * frames
        ahead = min(_AHEAD, self.delay)
        sooner = min(int(_SOONER[-1]), self.delay - ahead)
        first = at - self.delay + ahead
        played = self._levels[2, first - _SMEAR + 1 : first + frames + sooner]
        loudest = played[: frames + sooner]
        for later in range(1, _SMEAR):
            loudest = np.maximum(loudest, played[later : later + frames + sooner])
        either = loudest[np.minimum(_SOONER, sooner) + np.arange(frames)[:, None]]
        expected = np.empty((frames, len(_SOONER), BANDS), np.float32)
        now = self._decayed
        for frame in range(frames):
            now = np.maximum(either[frame], now - _DECAY_DB)
            expected[frame] = now
        self._decayed = now
        self._expected[at : at + frames] = expected[:, 0]
        over = levels[:2, :, None] - expected - self._learned[:, :, None]
        above = levels[:2, :, None] - self._noise + _SPARED_DB
        out = np.minimum(np.minimum(over, above) - _MARGIN_DB, _MOST_DB)
        stands = np.maximum(out, np.float32(0)).sum(axis=3) * np.float32(1 / BANDS)
        last = _SMEAR - 1 - ahead
        self._learn(levels, expected[:, 0], played[last : last + frames] > _LOUD_DB)
        # At its very first the canceller takes off all, the performer's voice too.
        left = stands[1] * _LEFT_SHARE if self.is_found else stands[0]
        loud = expected.reshape(frames, -1).max(axis=1) > _LOUD_DB
        return [
            self._is_explained(each, is_loud)
            for each, is_loud in zip(np.minimum(stands[0], left), loud.tolist(), strict=True)
        ]

    def _is_explained(self, stands: npt.NDArray[np.float32], loud: bool) -> bool:
        self._run += _SMOOTH * (stands - self._run)
        if loud:
            self._lately += _LATELY * (stands - self._lately)
        best = int(self._lately.argmin())
        if self._lately[best] < _CLEAR_DB:
            sooner = self._lately[best] + _DOUBT_DB < self._lately[0]
            self._comes = best if sooner else 0
        at_any_time = self._run[_AT_ANY_TIME] + _DOUBT_DB
        run = float(min(self._run[0], at_any_time, self._run[self._comes]))
        needed = _STANDS_OUT_DB if self._quiet < _RECENT else _ANEW_DB
        self._hold = _HOLD if run > needed else max(0, self._hold - 1)
        self._quiet = 0 if self._hold else self._quiet + 1
        self._unsure = 0 if run > _SURE_DB else self._unsure + 1
        speaks = self._hold > 0 and self._unsure <= _UNSURE
        return loud and not speaks and self._known > _LEARNT

    def _learn(self, levels: Levels, expected: Levels, loud: Loud) -> None:
        """What an echo comes to, by band: of loud frames of the reference."""
        up = _QUANTILE * (_WHILE_SPOKEN if self._hold else 1.0)
        noise = np.where(levels[1] > self._noise, _NOISE_UP_DB, -_NOISE_DOWN_DB)
        self._noise += noise.sum(axis=0).astype(np.float32)
        frames = np.count_nonzero(loud) / BANDS
        if not frames:
            return
        steps = np.where(levels[:2] - expected > self._learned, up, _QUANTILE - 1.0) * loud
        self._known += frames
        # On trial as fast as at first: a hall that is taken for a louder one swallows words.
        known = 0.0 if self._tried else self._known
        step = np.float32(max(_LEARN_DB, _AT_FIRST_DB - known / 100))
        self._learned += step * steps.sum(axis=1, keepdims=True)
        if self._known > _ENOUGH:
            np.minimum(self._learned, np.float32(self._follows_db), out=self._learned)

    def _regress(self, low: int, high: int) -> None:
        """How the microphone's power follows the reference's, the bands taken together.

        The performer's voice follows nothing of it, however much of the time he speaks.
        """
        expected = self._expected[low:high]
        loud = expected > _LOUD_DB
        played = 10 ** (expected * 0.1) * loud
        heard = 10 ** (self._levels[0, low:high] * 0.1) * loud
        new = np.stack((loud, played, heard, played * played, played * heard))
        self._sums *= 1 - float(loud.mean()) * len(loud) / _FORGOTTEN
        self._sums += new.sum(axis=1, dtype=np.float64)
        self._follow()

    def _follow(self) -> None:
        count, mean_of, heard_of, squares, products = self._sums + 1e-9
        scale = count / (mean_of * mean_of)
        both = float(((products - mean_of * heard_of / count) * scale).sum())
        one = float(((squares - mean_of * mean_of / count) * scale).sum())
        slope = 10 * float(np.log10(max(1e-4, both / max(1e-6, one))))
        self._follows_db = max(slope, _LEAST_DB) + _SPARE_DB

    def _look(self) -> None:
        """Look for the delay in the last `STEP` frames, where the reference is loud in them."""
        end = self._count
        mic = self._levels[0, end - STEP - BEFORE : end]
        reference = self._levels[2, end - STEP - LONGEST - BEFORE : end]
        if int((reference.max(axis=1) > _LOUD_DB).sum()) < _FRAMES_TO_LOOK:
            return
        found = self._finder.look(mic, reference)
        if self._tried:
            self._tried -= STEP
            if self._tried <= 0:
                self._forget()
        self._again = self._again + 1 if abs(found.frames - self._seen) <= 1 else 0
        self._seen = found.frames
        on_trial = self._tried > 0
        elsewhere = on_trial and abs(found.frames - (self.delay or 0)) > _ELSEWHERE
        again = _AGAIN_ELSEWHERE if elsewhere else _AGAIN
        if found.share < _LIKE or found.share - found.beside < _APART or self._again < again:
            self._unfound += 1
            return
        if elsewhere or (not on_trial and self._unfound > _GONE):
            self._forget()
        self._unfound = 0
        self._tried = 0.0
        if self.delay is None:
            self.delay = found.frames
            self.is_new = True
            self._look_back()
        elif abs(found.frames - self.delay) > 1:
            self.delay = found.frames

    def _forget(self) -> None:
        """What was learned is of another hall."""
        self.delay = None
        self._learned[:] = 0.0
        self._sums[:] = 0.0
        self._known = self._tried = self._follows_db = 0.0

    def _look_back(self) -> None:
        """Learn at once from what was heard before the delay was known."""
        assert self.delay is not None
        for at in range(max(LONGEST + _SMEAR, self._count - _LOOKED_BACK), self._count, STEP):
            frames = min(STEP, self._count - at)
            self._judge(self._levels[:, at : at + frames], at, frames)
            self._regress(at, at + frames)
