"""Any rate and channel count to the rate wanted, mono. The filter is libsoxr's."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import soxr

from micstream.audio.channels import RunningBalance, mixed
from micstream.audio.format import AudioFormat
from micstream.audio.levels import FULL_SCALE, to_int16


def mix_down(samples: npt.NDArray[np.int16], channels: int, pick: int = 0) -> npt.NDArray[np.int16]:
    """Interleaved int16 to mono: the mean of all channels, or channel `pick` counted from 1."""
    if pick and channels > 1:
        return np.ascontiguousarray(samples[pick - 1 :: channels])
    return mixed(samples, channels)


class Resampler:
    """A stream of 16-bit PCM in `source` to mono 16-bit PCM at `rate` Hz.

    `pick`: the channel to use, from 1; 0 mixes them. Where they cancel each other when mixed, the
    loudest is taken in their place for as long as they do, and `took` says which.

    The medium quality recipe of libsoxr holds back some 15 ms; speech below 7 kHz comes through
    unchanged. Where nothing is to be done the bytes are handed through as they are.
    """

    def __init__(self, source: AudioFormat, rate: int, *, pick: int = 0) -> None:
        self._source = source
        self._pick = pick
        self._balance = RunningBalance(source) if source.channels > 1 and not pick else None
        self._stream = (
            None
            if source.rate == rate
            else soxr.ResampleStream(source.rate, rate, 1, dtype="float32", quality="MQ")
        )
        self._rest = b""

    @property
    def took(self) -> int:
        """The channel taken, from 1, because mixed they cancelled each other; 0: that never was."""
        return self._balance.ever_taken if self._balance is not None else 0

    def push(self, block: bytes) -> bytes:
        """What `block` makes audible; a sample cut in two waits for its other half."""
        untouched = self._source.channels == 1 and self._stream is None and not self._rest
        if untouched and len(block) % 2 == 0:
            return block
        data = self._rest + block
        whole = len(data) - len(data) % self._source.frame_bytes
        self._rest = data[whole:]
        return self._convert(data[:whole], last=False)

    def finish(self) -> bytes:
        """What the filter still holds. The stream begins anew with the next `push`."""
        self._rest = b""
        tail = self._convert(b"", last=True)
        if self._stream is not None:
            self._stream.clear()
        if self._balance is not None:
            self._balance.begin()
        return tail

    def _convert(self, data: bytes, *, last: bool) -> bytes:
        mono = self._mono(np.frombuffer(data, dtype="<i2"))
        if self._stream is None:
            return mono.tobytes()
        # As floats: into integers libsoxr adds a random dither, so that not even silence is silent.
        floats = mono.astype(np.float32) / FULL_SCALE
        converted: npt.NDArray[np.float32] = self._stream.resample_chunk(floats, last=last)
        return to_int16(converted).tobytes()

    def _mono(self, samples: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
        channels, balance, at = self._source.channels, self._balance, 0
        if balance is None:
            return mix_down(samples, channels, self._pick)
        if balance.runs(len(samples) // channels) == len(samples) // channels:
            return balance.mix(samples)  # as a microphone's blocks come: each is a window
        mono = np.empty(len(samples) // channels, np.int16)
        while at < len(mono):
            size = balance.runs(len(mono) - at)
            mono[at : at + size] = balance.mix(samples[at * channels : (at + size) * channels])
            at += size
        return mono
