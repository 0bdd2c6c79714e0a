"""Whether channels cancel each other when they are mixed: one is the other upside down.

A balanced line on a stereo input, or a "wide" effect, gives the left channel and its negative.
Their mean is silence, and a voice in it is never found.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

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
