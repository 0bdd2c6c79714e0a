"""A detector that says what it was told, and a source whose every sample can be told apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from micstream.speech.events import End, EndReason, Onset, SegmentEvent, Speech

FRAME = 160
FRAME_MS = 10


class ScriptedDetector:
    """Frames of 10 ms; hears speech where the script says so, and none after its end."""

    frame_samples = FRAME

    def __init__(self, script: Sequence[bool]) -> None:
        self._script = script
        self.heard: list[bytes] = []
        self.resets = 0

    def probability(self, frame: bytes) -> float:
        """The script's next word."""
        assert len(frame) == FRAME * 2
        at = len(self.heard)
        self.heard.append(frame)
        return 1.0 if at < len(self._script) and self._script[at] else 0.0

    def reset(self) -> None:
        """Counted; the script goes on."""
        self.resets += 1


def script(decisions: str) -> list[bool]:
    """`"..##"`, as in tests/support/marks.py."""
    return [decision == "#" for decision in decisions]


def ramp(samples: int) -> bytes:
    """No two stretches of it are alike within 65,536 samples, and none is zero."""
    return (np.arange(samples) % 65_535 + 1).astype("<u2").tobytes()


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
