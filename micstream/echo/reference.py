"""Reference of an echo guard: what the loudspeakers play, sample by sample beside the microphone.

Two kinds: another channel of the same device, which runs with the microphone's clock (`Beside`),
and a sound that arrives over the network, late by turns and with a clock of its own (`Arriving`).
"""

from __future__ import annotations

from collections import deque
from typing import Final, Protocol

from micstream.audio.format import SAMPLE_WIDTH, SPEECH
from micstream.audio.resample import Resampler
from micstream.errors import AudioDeviceError
from micstream.sources.source import Source

_KEPT: Final = SPEECH.samples(2_000)
_LOOK: Final = 500
"""Blocks looked back on for how late they come: five seconds ..."""
_EACH: Final = 50
"""... each time that so many have come."""
_NEARLY_ALL: Final = 0.98
_LATE: Final = SPEECH.samples(20)
"""How late blocks may come, before more is known ..."""
_SPARE: Final = SPEECH.samples(3)
"""... then this is added to what nearly all of them do."""
_MOST: Final = SPEECH.samples(200)
_APART: Final = SPEECH.samples(12)
"""So far clocks may run apart before the reference is laid anew: the canceller follows by itself,
and has to learn anew whenever it is moved."""


class Reference(Protocol):
    """What the loudspeakers play, as far as a guard asks for it."""

    def open(self, source: Source) -> None:
        """Learn which source the microphone's blocks come from now."""

    def hear(self, block: bytes) -> None:
        """Take a block of that source, all its channels."""

    def take(self, samples: int, at: float) -> bytes:
        """The sound beside the microphone's next `samples`, captured at monotonic `at`."""
        ...

    def finish(self) -> None:
        """Learn that the source has ended."""

    @property
    def missed(self) -> int:
        """Samples that were not there when they were wanted."""
        ...

    @property
    def late(self) -> int:
        """Samples by which it is laid later than it was played."""
        ...


class Beside:
    """Reference on channel `channel` (from 1) of the microphone's own device."""

    missed = late = 0

    def __init__(self, channel: int) -> None:
        self._channel = channel
        self._resampler: Resampler | None = None
        self._held = b""

    def open(self, source: Source) -> None:
        """Learn which source the microphone's blocks come from now."""
        if self._channel > source.format.channels:
            raise AudioDeviceError(
                f"{source.name!r} has no channel {self._channel}: it was opened with "
                f"{source.format.channels}",
                hint="--echo-guard channel:N names a channel of the microphone's own device",
                code="no_channel",
            )
        self._resampler = Resampler(source.format, SPEECH.rate, pick=self._channel)
        self._held = b""

    def hear(self, block: bytes) -> None:
        """Take a block of that source, all its channels."""
        if self._resampler is not None:
            self._held += self._resampler.push(block)

    def take(self, samples: int, at: float) -> bytes:
        """The sound of the next `samples`; the same filter holds back as much of both channels."""
        del at
        size = samples * SAMPLE_WIDTH
        taken, self._held = self._held[:size], self._held[size:]
        return taken + bytes(size - len(taken))

    def finish(self) -> None:
        """Learn that the source has ended."""
        if self._resampler is not None:
            self._held += self._resampler.finish()


class Arriving:
    """Reference that arrives from elsewhere: 16 kHz mono, block by block.

    A block can arrive late and never early: the earliest of the last seconds tells when the sound
    was there. It is laid as much later as nearly all blocks come late, so that it is there in time.
    """

    def __init__(self) -> None:
        self.missed = 0
        """Samples that were not there when they were wanted."""
        self._held = bytearray()
        self.break_off()

    @property
    def late(self) -> int:
        """Samples by which it is laid later than it comes at the earliest."""
        return self._late

    def break_off(self) -> None:
        """Nothing more comes of this sound; another may, with another clock."""
        self._held.clear()
        self._end = 0  # samples that came, one past the last
        self._offsets: deque[float] = deque(maxlen=_LOOK)  # arrival less place, in samples
        self._earliest = 0.0
        self._late = _LATE
        self._come = 0  # blocks
        self._next: int | None = None  # place of the sample that is wanted next

    def push(self, pcm: bytes, arrived: float) -> None:
        """Take a block that arrived at this monotonic second."""
        self._held += pcm
        self._end += len(pcm) // SAMPLE_WIDTH
        offset = arrived * SPEECH.rate - self._end
        self._earliest = min(self._earliest, offset) if self._offsets else offset
        self._offsets.append(offset)
        self._come += 1
        if self._come % _EACH == 0:
            self._look_back()
        if len(self._held) > 2 * _KEPT * SAMPLE_WIDTH:
            del self._held[: len(self._held) - _KEPT * SAMPLE_WIDTH]

    def _look_back(self) -> None:
        ranked = sorted(self._offsets)
        self._earliest = ranked[0]
        late = min(_MOST, round(ranked[int(len(ranked) * _NEARLY_ALL)] - ranked[0]) + _SPARE)
        if not self._late - _APART < late <= self._late:
            self._late = late

    def open(self, source: Source) -> None:
        """Another opening of the microphone: laid anew."""
        del source
        self._next = None

    def hear(self, block: bytes) -> None:
        """Nothing: it does not come with the microphone."""

    def finish(self) -> None:
        """Nothing: it does not end with the microphone."""

    def take(self, samples: int, at: float) -> bytes:
        """The sound beside the microphone's next `samples`, captured at monotonic `at`.

        Silence where nothing is there, or not yet.
        """
        size = samples * SAMPLE_WIDTH
        if not self._offsets:
            return bytes(size)
        ideal = round(at * SPEECH.rate - self._earliest) - self._late
        if self._next is None or abs(ideal - self._next) > _APART:
            self._next = ideal
        low = self._next
        self._next = high = low + samples
        first = self._end - len(self._held) // SAMPLE_WIDTH
        start, end = max(low, first), min(high, self._end)
        if end <= start:
            self.missed += samples
            return bytes(size)
        self.missed += samples - (end - start)
        pcm = bytes(self._held[(start - first) * SAMPLE_WIDTH : (end - first) * SAMPLE_WIDTH])
        return bytes((start - low) * SAMPLE_WIDTH) + pcm + bytes((high - end) * SAMPLE_WIDTH)
