"""One utterance on its way: resampled, gathered, cut into writes, accounted for. Pure.

The first write waits for the prebuffer; after it whole chunks go, counted from the utterance's
start: a receiver that plays frames of 100 ms then has each of them complete as early as it can be.
"""

from __future__ import annotations

from dataclasses import dataclass

from micstream.audio.format import SPEECH, AudioFormat
from micstream.audio.resample import Resampler
from micstream.delivery.ledger import Segment
from micstream.delivery.options import DeliveryOptions
from micstream.speech.events import EndReason


@dataclass(frozen=True, slots=True)
class Request:
    """Who wants a turn to speak: the send queue, or the owner of a direct utterance."""

    claim: int | None = None
    """None: the send queue."""
    rate: int = SPEECH.rate
    captured_at: float | None = None
    """Monotonic second of its first sample; None: when it gets its turn."""
    onset_s: float = 0.0
    decided_s: float = 0.0
    source: str = ""
    """Name of what is spoken: a file, a device."""
    cue: str = ""
    """Name of the cue that it is."""


class OpenUtterance:
    """Utterance that has its turn, and the sound of it that is not yet written."""

    def __init__(
        self,
        request: Request,
        options: DeliveryOptions,
        *,
        name: str,
        segment: Segment,
        prebuffer_ms: int,
    ) -> None:
        self.request = request
        self.name = name
        """The avatar's in events: another may play it when this one ends."""
        self.segment = segment
        """In the ledger; another where its stream had to be reopened."""
        self.ending: EndReason | None = None
        """Why nothing more is taken."""
        self.broken = False
        """No more of it can be heard."""
        self.lost = False
        """The avatar is gone: the ledger has forgotten it."""
        self.pending = b""
        """In the write that is under way."""
        self.owes_sent = False
        """Its owner waits until what is due is written."""
        self.is_full = False
        """There is no capacity for more: what is gathered is due, were it ever so little."""
        self.sent = 0
        """Bytes written, in the avatar's format."""
        self._format = AudioFormat(options.avatar_rate)
        self._source = AudioFormat(request.rate)
        self._pushed = 0
        self._prebuffer = self._format.bytes(prebuffer_ms)
        self._chunk = self._format.bytes(options.chunk_ms)
        self._resampler = Resampler(self._source, options.avatar_rate)
        self._waiting = b""
        self._taken = 0

    @property
    def id(self) -> str:
        """Its name in events."""
        return self.segment.id

    @property
    def sent_s(self) -> float:
        """Seconds of sound written so far."""
        return self._format.seconds(self.sent)

    @property
    def lost_s(self) -> float:
        """Seconds taken and not written."""
        return self._format.seconds(self._taken - self.sent)

    @property
    def gathered_s(self) -> float:
        """Seconds of sound that wait for the next write to be whole."""
        return self._format.seconds(len(self._waiting))

    @property
    def lacks_s(self) -> float:
        """Seconds of sound that the next write lacks: with less nothing is due."""
        return self._format.seconds(self._whole) - self._source.seconds(self._pushed)

    @property
    def _whole(self) -> int:
        """Bytes from its start with which the next write is whole."""
        if self.sent == 0:
            return max(self._prebuffer, 1)
        return (self.sent // self._chunk + 1) * self._chunk

    def seconds(self, size: int) -> float:
        """Seconds that `size` bytes of its sound last."""
        return self._format.seconds(size)

    def push(self, pcm: bytes) -> None:
        """Take more of its sound, in the rate of its request."""
        self._pushed += len(pcm)
        self._gather(self._resampler.push(pcm))

    def end(self, reason: EndReason) -> None:
        """Take nothing more; what is gathered is the rest."""
        self._gather(self._resampler.finish())
        self.ending = reason

    def fail(self) -> None:
        """Note that no more of it can be heard; the reason for its end, where that is one."""
        self.broken = True
        if self.ending is None:
            self.end(EndReason.AVATAR)
        elif self.ending is not EndReason.INTERRUPT and self.lost_s:
            self.ending = EndReason.AVATAR

    def due(self) -> int:
        """Bytes to be written now; all, at its end or where there is no capacity for more."""
        waiting = len(self._waiting)
        if self.broken or self.ending is EndReason.INTERRUPT:
            return 0
        if self.ending is not None or self.is_full:
            return waiting
        if self.sent + waiting < self._whole:
            return 0
        if self.sent == 0:
            return waiting
        return (self.sent + waiting) // self._chunk * self._chunk - self.sent

    def take_due(self) -> bytes:
        """What is due, from now on in the write under way."""
        size, self.is_full = self.due(), False
        self.pending, self._waiting = self._waiting[:size], self._waiting[size:]
        return self.pending

    def wrote(self) -> int:
        """Note that the write under way succeeded; its size in bytes."""
        size, self.pending = len(self.pending), b""
        self.sent += size
        return size

    def _gather(self, pcm: bytes) -> None:
        self._waiting += pcm
        self._taken += len(pcm)
