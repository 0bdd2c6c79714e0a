"""A hall in a loop: performer, sound path, avatar, loudspeakers, and back into the microphone.

Everything but the performer's speech, the hall and the network is the product's own: echo guard,
reference, sound path, detector and cutter. Time is the sound's, so that minutes pass in seconds.
"""

from __future__ import annotations

import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from bench.labelled import Labelled
from micstream.audio.format import SPEECH, AudioFormat
from micstream.doctor.echo import sound
from micstream.echo.echo_guard import HELD_S, EchoGuard
from micstream.echo.guard import Known
from micstream.echo.memory import HallMemory
from micstream.echo.reference import Arriving
from micstream.settings.pieces import DetectionSettings, SoundPathSettings
from micstream.sound_path import make_path
from micstream.sources.source import Block
from micstream.speech.detectors import make_cutter
from micstream.speech.events import End, EndReason, Onset, Speech, Timed
from micstream.speech.presets import TUNINGS

RATE: Final = SPEECH.rate
BLOCK: Final = SPEECH.samples(16)
_FRAME: Final = SPEECH.samples(10)
_NOISE: Final = 26
"""-62 dBFS under everything: a quiet hall."""
_KNEE: Final = 14_000
"""The loudspeaker clips softly from there on."""
_GRACE_S: Final = 0.2

Sound = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Hall:
    """Hall, and the ways to and from it."""

    level_db: float
    """Of the echo in the microphone, beside what the avatar publishes."""
    delay_ms: int
    """From what the avatar publishes to its echo in the microphone."""
    reverb_s: float = 0.6
    """Until a sound has faded by 60 dB."""
    tail_db: float = -3.0
    """All of the reverberation, beside what comes straight."""
    drift_ppm: float = 100.0
    """The loudspeaker's clock runs apart from the microphone's."""
    arrives_ms: int = 20
    """From what the avatar publishes to us: the reference, at its earliest; most blocks come up to
    30 ms later, one in 300 up to 40 ms more."""
    moves_ms: float = 50.0
    """Two receivers of one sound stretch it by turns: in one utterance of six the echo comes sooner
    beside the reference by up to this, or later by half of it; measured with `--real`."""
    avatar_ms: int = 60
    """From what is sent to what the avatar publishes."""
    seed: int = 0
    begins_s: float = 0.0
    """The loudspeakers are switched on so late."""


@dataclass(slots=True)
class Outcome:
    """What became of the performer's speech."""

    begun: int = 0
    """Utterances in which the performer says nothing."""
    prolonged: int = 0
    """Utterances that end more than 200 ms later than the same ones without an echo would, or go on
    over a pause in which they should have ended."""
    lost_percent: float = 0.0
    """Of his speech."""
    cpu_ms: float = 0.0
    """CPU for the guard, in ms a second of sound."""
    held_ms: float = 0.0
    """Sound that the guard holds back at most."""
    where: list[tuple[float, float]] = field(default_factory=list)
    """Seconds at which utterances begin and end that should not, or not there."""


def script(
    files: Sequence[Labelled], seconds: float, seed: int
) -> tuple[Sound, list[tuple[int, int]]]:
    """A performer who says labelled pieces of speech in any order, with short and long pauses."""
    chance = np.random.default_rng(seed)
    pieces = [
        file.samples[each.start : each.end].astype(np.float32)
        for file in files
        for each in file.labels
        if each.end - each.start > RATE // 4
    ]
    said: Sound = np.zeros(round(seconds * RATE), np.float32)
    spans: list[tuple[int, int]] = []
    at = RATE
    while True:
        piece = pieces[chance.integers(len(pieces))]
        rms = float(np.sqrt((piece**2).mean())) + 1.0
        piece = piece * np.float32(2_950 / rms * 10 ** (chance.uniform(-4, 2) / 20))
        if at + len(piece) > len(said) - 3 * RATE:
            return said.clip(-32_000, 32_000), spans
        said[at : at + len(piece)] += piece
        spans.append((at, at + len(piece)))
        low, high = ((0.3, 0.9), (1.2, 3.0), (4.0, 9.0))[chance.choice(3, p=(0.45, 0.35, 0.2))]
        at += len(piece) + round(chance.uniform(low, high) * RATE)


class Speakers:
    """Loudspeakers and hall: what comes back of what was published."""

    def __init__(self, hall: Hall) -> None:
        chance = np.random.default_rng(hall.seed)
        size = min(RATE // 2, round(hall.reverb_s * RATE))
        tail = chance.standard_normal(size) * 10 ** (-3 * np.arange(size) / RATE / hall.reverb_s)
        tail[: SPEECH.samples(2)] = 0
        tail *= 10 ** (hall.tail_db / 20) / np.sqrt((tail**2).sum())
        tail[0] = 1.0
        response = tail / np.sqrt((tail**2).sum()) * 10 ** (hall.level_db / 20)
        self._size = 1 << (size + BLOCK).bit_length()
        self._response = np.fft.rfft(response, self._size)
        self._rest = np.zeros(self._size)

    def play(self, sound: Sound) -> Sound:
        clipped = np.tanh(sound / _KNEE) * _KNEE
        self._rest += np.fft.irfft(np.fft.rfft(clipped, self._size) * self._response, self._size)
        heard, self._rest = self._rest[:BLOCK], np.append(self._rest[BLOCK:], np.zeros(BLOCK))
        return heard.astype(np.float32)


class _Microphone:
    """Source as the sound path sees it."""

    name, format, pick = "hall", AudioFormat(RATE, 1), 0

    def blocks(self) -> Iterator[Block]:
        raise NotImplementedError


class _Memory:
    """What is known of the hall beforehand."""

    def __init__(self, known: Known | None) -> None:
        self._known = known

    def recall(self, source: str) -> Known | None:
        del source
        return self._known

    def keep(self, source: str, known: Known | None) -> None:
        del source, known


class _TimedGuard(EchoGuard):
    """Echo guard whose CPU is counted."""

    cpu_s = 0.0

    def push(self, pcm: bytes, at: float) -> tuple[bytes, bytes]:
        began = time.thread_time()
        done = super().push(pcm, at)
        self.cpu_s += time.thread_time() - began
        return done


class Loop:
    """One evening in one hall, with or without the guard."""

    def __init__(
        self, hall: Hall, said: Sound, *, guarded: bool, known: Known | None = None
    ) -> None:
        self._hall, self._said = hall, said
        self._chance = np.random.default_rng(hall.seed + 1)
        tuning = TUNINGS["hybrid", "room"]
        self._cutter = make_cutter(DetectionSettings("hybrid", tuning, 2, 20))
        self._reference = Arriving()
        self.guard = _TimedGuard(self._reference, _Memory(known)) if guarded else None
        self._path = make_path(self._cutter, SoundPathSettings(False, False), guard=self.guard)
        self._speakers = Speakers(hall)
        self._published: Sound = np.zeros(len(said) + 60 * RATE, np.float32)
        self._head = 0  # sample up to which is published
        self._wire: deque[tuple[float, bytes]] = deque()
        self._wired, self._wired_at = 0, 0.0
        self._begun = 0
        self._moved = [(0, 0.0)]
        """From which sample of what is published the echo comes so many samples later."""
        self.utterances: list[tuple[int, int]] = []

    def play(self, pcm: bytes) -> None:
        """Have the avatar say this after a second, whatever the performer does."""
        self._published[RATE : RATE + len(pcm) // 2] = np.frombuffer(pcm, np.int16)

    def run(self) -> list[tuple[int, int]]:
        """Utterances, first and last sample of each."""
        self._path.open(_Microphone())  # type: ignore[arg-type]
        held, step = b"", 2 * BLOCK
        for low in range(0, len(self._said) - BLOCK + 1, BLOCK):
            held += self._hear(low).tobytes()
            now = (low + BLOCK) / RATE
            while self._wire and self._wire[0][0] <= now:
                arrived, pcm = self._wire.popleft()
                self._reference.push(pcm, arrived)
            step = BLOCK if self._path.is_due(16) else 2 * BLOCK
            if len(held) >= step * 2:
                self._take(self._path.push(Block(held, now)), low + BLOCK)
                held = b""
        self._take(self._path.finish(EndReason.SOURCE_ENDED), len(self._said))
        return self.utterances

    def _hear(self, low: int) -> npt.NDArray[np.int16]:
        """What the microphone hears meanwhile; and what is published comes on its way to us."""
        hall, high = self._hall, low + BLOCK
        place = np.arange(low, high) * (1 - hall.drift_ppm / 1e6) - hall.delay_ms * RATE / 1000
        place -= next(later for since, later in reversed(self._moved) if since <= max(0, place[0]))
        at = np.maximum(place, 0).astype(int)
        share = (place - at).astype(np.float32)
        played = self._published[at] * (1 - share) + self._published[at + 1] * share
        echo = self._speakers.play(np.where(place > 0, played, 0).astype(np.float32))
        if low < hall.begins_s * RATE:
            echo = np.zeros_like(echo)
        noise = self._chance.standard_normal(BLOCK) * _NOISE
        while self._wired + _FRAME <= high:
            late = min(0.030, self._chance.exponential(0.005))
            if self._chance.random() < 1 / 300:
                late += self._chance.uniform(0, 0.040)
            due = (self._wired + _FRAME) / RATE + hall.arrives_ms / 1000 + late
            self._wired_at = max(self._wired_at, due)
            pcm = self._published[self._wired : self._wired + _FRAME].astype("<i2").tobytes()
            self._wire.append((self._wired_at, pcm))
            self._wired += _FRAME
        mixed = self._said[low:high] + echo + noise
        return mixed.clip(-32_768, 32_767).astype(np.int16)

    def _move(self) -> float:
        """By how many samples the echo of the next utterance comes later than it should."""
        most = self._hall.moves_ms * RATE / 1000
        if self._chance.random() > 1 / 6:
            return 0.0
        return float(self._chance.uniform(-most, most / 2))

    def _take(self, happened: Sequence[Timed] | Iterator[Timed], now: int) -> None:
        for event, _ in happened:
            if isinstance(event, Onset):
                self._begun = event.onset
                self._head = max(self._head, now + SPEECH.samples(self._hall.avatar_ms))
                self._moved.append((self._head, self._move()))
            elif isinstance(event, Speech):
                pcm = np.frombuffer(event.pcm, np.int16)
                self._head = max(self._head, now)
                self._published[self._head : self._head + len(pcm)] = pcm
                self._head += len(pcm)
            elif isinstance(event, End):
                self.utterances.append((self._begun, event.end))


def check(hall: Hall) -> Known | None:
    """What `doctor --echo` learns of this hall, at another time, as it is kept."""
    played = sound()
    loop = Loop(
        replace(hall, seed=hall.seed + 7), _silence(3.0 + len(played) / 2 / RATE), guarded=True
    )
    loop.play(played)
    loop.run()
    assert loop.guard is not None
    with tempfile.TemporaryDirectory(prefix="micstream-hall-") as folder:
        place = Path(folder) / "halls.json"
        HallMemory("auto", place).keep("bench", loop.guard.known)
        return HallMemory("auto", place).recall("bench")


def _silence(seconds: float) -> Sound:
    return np.zeros(round(seconds * RATE), np.float32)


def perform(
    hall: Hall,
    said: Sound,
    spans: Sequence[tuple[int, int]],
    *,
    guarded: bool,
    known: Known | None = None,
) -> Outcome:
    """What becomes of what is said in this hall."""
    loop = Loop(hall, said, guarded=guarded, known=known)
    loop.run()
    outcome = judge(loop.utterances, spans, hangover_ms=420)
    if loop.guard is not None:
        outcome.cpu_ms = 1000 * loop.guard.cpu_s / (len(said) / RATE)
        outcome.held_ms = 1000 * HELD_S
    return outcome


def judge(
    utterances: Sequence[tuple[int, int]], spans: Sequence[tuple[int, int]], *, hangover_ms: int
) -> Outcome:
    """Which utterances nobody has begun, or hold on after their speech; what is in none."""
    outcome = Outcome()
    got = np.zeros(max((end for _, end in (*utterances, *spans)), default=0) + 1, np.bool_)
    allowed = SPEECH.samples(hangover_ms + 64) + round(_GRACE_S * RATE)  # 64: two frames of Silero
    for start, end in utterances:
        got[start:end] = True
        inside = [span for span in spans if span[1] > start - RATE // 7 and span[0] < end]
        if not inside:
            outcome.begun += 1
        elif end - max(min(last, end) for _, last in inside) > allowed or any(
            later - max(last, start) > allowed for (_, last), (later, _) in pairwise(inside)
        ):
            outcome.prolonged += 1
        else:
            continue
        outcome.where.append((start / RATE, end / RATE))
    lost = sum(int((~got[start:end]).sum()) for start, end in spans)
    outcome.lost_percent = 100 * lost / max(1, sum(end - start for start, end in spans))
    return outcome
