"""Whether channels cancel each other when they are mixed: one is the other upside down.

A balanced line on a stereo input, or a "wide" effect, gives the left channel and its negative.
Their mean is silence, and a voice in it is never found.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from micstream.audio.format import AudioFormat

_CANCELLED: Final = 10 ** (-15 / 10)
"""Power of the mix, as a share of the channels' mean power, below which they cancel each other:
-15 dB. Two channels that have nothing in common give -3 dB, equal ones 0 dB."""
_HEARD: Final = 10 ** (-60 / 10)
"""Mean power of a channel, full scale 1, below which there is nothing to judge."""


class ChannelBalance:
    """Powers of interleaved 16-bit channels and of their mix, over all that was pushed."""

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._powers: npt.NDArray[np.float64] = np.zeros(channels)
        self._mixed = 0.0
        self._frames = 0

    def push(self, pcm: bytes) -> None:
        """Whole frames of all channels."""
        table = np.frombuffer(pcm, dtype="<i2").reshape(-1, self._channels) / 32768.0
        self._powers += np.einsum("ij,ij->j", table, table)
        mix = table.mean(axis=1)
        self._mixed += float(mix.dot(mix))
        self._frames += len(table)

    def channel_to_take(self) -> int:
        """The loudest channel, from 1, where the mix would cancel them; else 0: mix them."""
        if self._channels == 1 or self._frames == 0:
            return 0
        mean = float(self._powers.mean())
        if mean / self._frames < _HEARD or self._mixed > _CANCELLED * mean:
            return 0
        return int(self._powers.argmax()) + 1


_WINDOW_MS: Final = 32
"""In step with the microphone's blocks: fewer windows cost less."""
_FORGOTTEN_S: Final = 1.0
"""Time constant of what is known of the channels."""
_SURE_WINDOWS: Final = 3
"""With sound in them, before anything is judged: a single one may be a click."""
_EXACT: Final = 10 ** (-40 / 10)
"""As a share, the mix of channels that are each other's exact opposite: one window will do."""
_TOLD_WINDOWS: Final = 16
"""With sound in them, half a second, before anybody is told: two microphones may lie apart by half
a wave for as long as a vowel lasts."""
_APART: Final = 10 ** (-6 / 10)
"""Above this share the mix is used again."""
_SETTLED_WINDOWS: Final = 32
"""One after the other with sound and nothing to find, a second: then one in a few is judged."""
_SPARED: Final = 8
"""Of so many windows one is then judged; each again as soon as one of them is found apart."""


def mixed(samples: npt.NDArray[np.int16], channels: int) -> npt.NDArray[np.int16]:
    """Interleaved 16-bit samples to mono: the mean of all channels."""
    if channels == 1:
        return samples
    if channels == 2:  # as nearly always: the same, several times as fast
        both: npt.NDArray[np.float32] = np.add(samples[0::2], samples[1::2], dtype=np.float32)
        both *= np.float32(0.5)
        return np.rint(both, out=both).astype(np.int16)
    mean: npt.NDArray[np.float64] = samples.reshape(-1, channels).mean(axis=1).round()
    return mean.astype(np.int16)


class RunningBalance:
    """The channel to take of a stream that is heard as it comes; goes by what was, never by what
    will be.

    Judged at fixed places, windows of 32 ms, so that it does not matter how the stream is divided
    into blocks; fewer of them once nothing was found for a while, as each costs. Offsets are left
    out: what stands still is not heard.
    """

    def __init__(self, format: AudioFormat) -> None:
        self._channels = format.channels
        self._window = format.samples(_WINDOW_MS)
        self._ones: npt.NDArray[np.float64] = np.ones(self._window)
        self._keep = 1.0 - _WINDOW_MS / 1000 / _FORGOTTEN_S
        self.taken = 0
        """The channel to take, from 1; 0: mix them."""
        self.ever_taken = 0
        """The first one that was taken for half a second of sound or longer; 0: none."""
        self.begin()

    def begin(self) -> None:
        """Forget all: another stream begins."""
        self.taken = 0
        self._powers = [0.0] * self._channels
        self._mixed = 0.0
        self._heard = self._taking = self._settled = self._spare = 0
        self._clear()

    def _clear(self) -> None:
        # Of the window that has begun. Sums of integers: how it is divided does not change them.
        self._frames = 0
        self._sums = [0.0] * self._channels
        self._squares = [0.0] * self._channels
        self._square = 0.0

    def runs(self, frames: int) -> int:
        """How many of the next `frames` are of the window that has begun: the choice holds so
        long."""
        return min(frames, self._window - self._frames)

    def mix(self, samples: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
        """Interleaved samples to mono, no more frames than `runs` allows; what is learned of them
        is for what comes after."""
        taken, count = self.taken, self._channels
        if self._spare:
            self._frames += len(samples) // count
            if self._frames == self._window:
                self._spare -= 1
                self._frames = 0
            return mixed(samples, count)
        each = [samples[number::count] for number in range(count)]
        # Two that are the same, as a microphone of one channel comes: either of them is the mix.
        same = count == 2 and np.array_equal(each[0], each[1])
        exact = [channel.astype(np.float64) for channel in (each[:1] if same else each)]
        ones = self._ones[: len(each[0])]
        sums = [float(channel.dot(ones)) for channel in exact]
        squares = [float(channel.dot(channel)) for channel in exact]
        if same:
            mono = np.ascontiguousarray(each[0])
            self._learn(sums * 2, squares * 2, 4 * squares[0], len(mono))
            return mono
        total = exact[0] + exact[1]
        for channel in exact[2:]:
            total += channel
        self._learn(sums, squares, float(total.dot(total)), len(total))
        return np.ascontiguousarray(each[taken - 1]) if taken else mixed(samples, count)

    def _learn(self, sums: list[float], squares: list[float], square: float, frames: int) -> None:
        self._sums = [before + now for before, now in zip(self._sums, sums, strict=True)]
        self._squares = [before + now for before, now in zip(self._squares, squares, strict=True)]
        self._square += square
        self._frames += frames
        if self._frames == self._window:
            self._judge()
            self._clear()

    def _judge(self) -> None:
        size, full = self._frames, self._frames * 32768.0**2
        powers = [
            (square - sum_ * sum_ / size) / full
            for square, sum_ in zip(self._squares, self._sums, strict=True)
        ]
        mix = (self._square - sum(self._sums) ** 2 / size) / full / self._channels**2
        power = sum(powers) / self._channels
        if power < _HEARD:
            return
        self._heard += 1
        self._powers = [
            self._keep * before + now for before, now in zip(self._powers, powers, strict=True)
        ]
        self._mixed = self._keep * self._mixed + mix
        share = self._mixed / (sum(self._powers) / self._channels)
        sure = share < (_CANCELLED if self._heard >= _SURE_WINDOWS else _EXACT)
        if share > _APART:
            self.taken = 0
        elif sure and not self.taken:
            self.taken = self._powers.index(max(self._powers)) + 1
        self._taking = self._taking + 1 if self.taken else 0
        if self._taking >= _TOLD_WINDOWS:
            self.ever_taken = self.ever_taken or self.taken
        alike = mix > _APART * power and not self.taken
        self._settled = self._settled + 1 if alike else 0
        if self._settled >= _SETTLED_WINDOWS:
            self._spare = _SPARED - 1
