"""A detector that says what it was told, and a source whose every sample can be told apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from micstream.speech.cutter import Cutter, Gate
from micstream.speech.events import End, EndReason, Onset, SegmentEvent, Speech
from micstream.speech.segmenter import SegmenterOptions

FRAME = 160
FRAME_MS = 10


class ScriptedDetector:
    """Frames of 10 ms; as likely speech as the script says (True: surely), and none after it."""

    frame_samples = FRAME

    def __init__(self, script: Sequence[float]) -> None:
        self._script = script
        self.heard: list[bytes] = []
        self.resets = 0

    def probability(self, frame: bytes) -> float:
        """The script's next word."""
        assert len(frame) == FRAME * 2
        at = len(self.heard)
        self.heard.append(frame)
        return float(self._script[at]) if at < len(self._script) else 0.0

    def reset(self) -> None:
        """Counted; the script goes on."""
        self.resets += 1


def script(decisions: str) -> list[bool]:
    """`"..##"`, as in tests/support/marks.py."""
    return [decision == "#" for decision in decisions]


def ramp(samples: int) -> bytes:
    """No two stretches of it are alike within 65,536 samples, and none is zero."""
    return (np.arange(samples) % 65_535 + 1).astype("<u2").tobytes()


def through_gates(
    cutter: Cutter, source: bytes, turns: Sequence[tuple[Gate, int]]
) -> tuple[list[SegmentEvent], npt.NDArray[np.bool_]]:
    """All events of `source`, each gate in force for so many samples; which samples it shut out."""
    events: list[SegmentEvent] = []
    secret = np.zeros(len(source) // 2, dtype=bool)
    at = 0
    for gate, samples in turns:
        events += cutter.set_gate(gate)
        events += cutter.push(source[at * 2 : (at + samples) * 2])
        secret[at : at + samples] = gate is Gate.CLOSED
        at = min(at + samples, secret.size)
    events += cutter.finish()
    return events, secret


def utterances(events: Sequence[SegmentEvent], source: bytes) -> list[tuple[Onset, End]]:
    """Onset and end of each utterance, once every law that binds them was found to hold.

    An utterance's sound is the source's slice; utterances do not overlap; positions grow; one
    that was cut at the limit goes on with the very next sample.
    """
    found: list[tuple[Onset, End]] = []
    onset: Onset | None = None
    pcm = bytearray()
    decided = 0
    for event in events:
        match event:
            case Onset():
                assert onset is None, "an onset within an utterance"
                assert 0 <= event.start <= event.onset <= event.decided
                assert decided <= event.decided
                decided = event.decided
                if found:
                    before = found[-1][1]
                    assert before.end <= event.start, "it reaches into the one before"
                    if before.reason is EndReason.MAX_LENGTH:
                        assert before.end == event.start
                onset, pcm = event, bytearray()
            case Speech():
                assert onset is not None, "sound outside of any utterance"
                assert event.start == onset.start + len(pcm) // 2, "a gap, or a repeat"
                assert event.pcm
                pcm += event.pcm
            case End():
                assert onset is not None, "an end without an onset"
                assert decided <= event.decided
                assert onset.start <= event.speech_end <= event.end <= event.decided
                assert 0 <= event.voiced <= event.end - onset.start
                assert bytes(pcm) == source[onset.start * 2 : event.end * 2]
                decided = event.decided
                found.append((onset, event))
                onset = None
    assert onset is None, "an utterance without an end"
    return found


def mottled(seed: int, samples: int) -> bytes:
    """Noise whose loudness changes every few frames, by up to 60 dB: something to trace."""
    chance = np.random.default_rng(seed)
    steps = -(-samples // 400)
    loudness = 10 ** chance.uniform(0, 3, steps)
    return (
        (chance.normal(0, 3, steps * 400) * loudness.repeat(400)).astype("<i2")[:samples].tobytes()
    )


SMALL = SegmenterOptions(
    onset_ms=30,
    onset_window_ms=50,
    pre_roll_ms=20,
    hangover_ms=50,
    tail_ms=20,
    min_speech_ms=40,
    max_length_ms=1_000,
    search_ms=100,
)

RUNS = st.lists(st.tuples(st.booleans(), st.integers(1, 30)), max_size=14)
SCRIPTS = st.one_of(
    RUNS.map(lambda runs: [voiced for voiced, frames in runs for _ in range(frames)]),
    st.lists(st.booleans(), max_size=200),
)
"""Runs of speech and of none, or any mixture."""


def _milliseconds(numbers: tuple[int, ...]) -> SegmenterOptions:
    onset, more, pre_roll, hangover, tail, least, longest, search = numbers
    return SegmenterOptions(
        onset_ms=onset * FRAME_MS,
        onset_window_ms=(onset + more) * FRAME_MS,
        pre_roll_ms=pre_roll * FRAME_MS,
        hangover_ms=hangover * FRAME_MS,
        tail_ms=tail * FRAME_MS,
        min_speech_ms=least * FRAME_MS,
        # As the settings demand: longer than window and pre-roll together.
        max_length_ms=(onset + more + pre_roll + longest) * FRAME_MS,
        search_ms=search * FRAME_MS,
    )


OPTIONS = st.tuples(
    st.integers(1, 6),
    st.integers(0, 6),
    st.integers(0, 10),
    st.integers(1, 30),
    st.integers(0, 30),
    st.integers(0, 20),
    st.integers(1, 60),
    st.integers(0, 40),
).map(_milliseconds)
"""Segmenter options of few frames."""
