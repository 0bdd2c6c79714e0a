"""Silero's judgement, hastened where webrtcvad agrees, and a second opinion where it is unsure.

Silero needs two frames to be sure of an onset, webrtcvad hears a voice within 30 ms, and much else
besides; a whisper has no pitch, and Silero does not take it for speech at all. So, of the frames
that begin an utterance, by Silero's probability, webrtcvad's vote and the speech presence:

| Silero | webrtcvad | presence | |
|---|---|---|---|
| sure | speech | likely | an onset at once |
| sure, for the second time | | likely | an onset |
| unsure | | likely, three times in a row | an onset: a whisper, a hoarse or a very quiet voice |
| sure of silence | | not asked | none |

Once it has begun Silero alone says that it goes on; or the presence, where it goes on as it began.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import Final, Protocol

from micstream.audio.format import SPEECH
from micstream.audio.framer import Framer
from micstream.speech.presence import SpeechPresence
from micstream.speech.silero import FRAME_SAMPLES, Model, SileroDetector, Spare
from micstream.speech.webrtc import SettledVad

MODE: Final = 2
_QUICK_MS: Final = 10
QUICK_BYTES: Final = SPEECH.samples(_QUICK_MS) * 2
_AGREE: Final = 3
_OF: Final = 4
"""Frames of 10 ms that webrtcvad must call speech, of the newest."""
VOTES: Final = 10
"""Of which the presence is told the share that is speech."""
_HASTENED: Final = 1.1
"""Of `on`: what Silero must say where it is believed at once."""
LIKELY: Final = 0.6
"""Of `on`: a presence above it is likely."""
_AGAIN: Final = 3
"""So many frames in a row that are likely begin an utterance without Silero."""
_SILENT: Final = 0.02
"""What Silero is so sure of is silence, or no voice."""
_NOT_YET: Final = 0.9
"""Of `on`: what is said of a frame that may be speech."""


class Presence(Protocol):
    """The second opinion: see `SpeechPresence`."""

    def push(self, frame: bytes, said: float) -> None:
        """The next frame, and the network's probability for it."""
        ...

    def probability(self, agreed: float) -> float:
        """Of the last frame; `agreed`: share of the newest short frames that are speech."""
        ...

    def reset(self) -> None:
        """Another stream begins."""
        ...


class HybridDetector:
    """Frames of 32 ms; `on` is the probability that begins an utterance. `near_db`: see Silero's.

    Raises:
        UsageError: Silero's package is not installed.
    """

    frame_samples = FRAME_SAMPLES

    def __init__(
        self,
        *,
        on: float = 0.5,
        near_db: float | None = None,
        model: Model | None = None,
        presence: Presence | None = None,
        spare: Spare | None = None,
    ) -> None:
        self._silero = SileroDetector(on=on, near_db=near_db, model=model, spare=spare)
        self._presence = presence or SpeechPresence()
        self._on = on
        self._begin()

    def _begin(self) -> None:
        self._webrtc = SettledVad(MODE)
        self._framer = Framer(QUICK_BYTES)
        self._votes: deque[bool] = deque(maxlen=VOTES)
        self._before = (0.0, 0.0)
        self._answer = 0.0
        self._in_a_row = 0

    def probability(self, frame: bytes) -> float:
        """Silero's probability, lifted to `on` or held below it as the others say."""
        for quick in self._framer.push(frame):
            self._votes.append(self._webrtc.is_speech(quick))
        said = self._silero.probability(frame)
        self._presence.push(frame, said)
        self._answer = self._judge(said)
        self._before = (self._before[1], said)
        return self._answer

    def _judge(self, said: float) -> float:
        on = self._on
        sure = said >= on
        likely = self._likely(said, goes_on=sure and self._answer >= on)
        self._in_a_row = self._in_a_row + 1 if likely else 0
        if self._silero.far:
            return min(said, _NOT_YET * on)
        if self._in_a_row >= _AGAIN:
            return max(said, on)
        if not sure:
            return said
        hastened = said >= _HASTENED * on and self._agreed
        return said if likely and (hastened or max(self._before) >= on) else _NOT_YET * on

    def _likely(self, said: float, *, goes_on: bool) -> bool:
        """Whether the frame is likely speech; where that is clear it is not worked out."""
        if goes_on or said < _SILENT:
            return goes_on
        share = sum(self._votes) / VOTES
        return self._presence.probability(share) >= LIKELY * self._on

    @property
    def _agreed(self) -> bool:
        return sum(islice(reversed(self._votes), _OF)) >= _AGREE

    def reset(self) -> None:
        """Begin anew."""
        self._silero.reset()
        self._presence.reset()
        self._begin()
