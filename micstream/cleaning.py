"""High pass, noise suppression and automatic gain: WebRTC's, in LiveKit's package.

The module takes exactly 10 ms at a time and works in place; instances given the same sound give
the same bytes. Measured, not documented:

- The noise suppression delays by 6 ms (the overlap of its transform). That much of its first output
  is dropped, so that sample n out is sample n in, cleaned. It switches the high pass on by itself.
- The high pass (100 Hz) turns the phase of what is below 250 Hz besides: no shift could mend that.
- The gain begins at +12 dB and settles within three seconds, at about -23 dBFS for speech.
"""

from __future__ import annotations

from typing import Final

from livekit import rtc

from micstream.audio.format import SAMPLE_WIDTH, SPEECH
from micstream.audio.framer import Framer
from micstream.errors import MicstreamError

_FRAME: Final = SPEECH.samples(10)
_DELAY: Final = SPEECH.samples(6)
"""Delay of the noise suppression; the other parts have none."""


class Cleaner:
    """Cleans one stream of 16 kHz mono 16-bit PCM; what it hands out stands where it stood.

    The same bytes give the same result however they are divided. Up to 16 ms are held back. Each
    stream needs its own: noise floor and gain are learned from what went in.

    Raises:
        MicstreamError: the module failed; nothing is handed out from then on.
    """

    def __init__(
        self, *, high_pass: bool = True, noise_suppression: bool = True, gain: bool = True
    ) -> None:
        self._parts = {
            "high_pass_filter": high_pass,
            "noise_suppression": noise_suppression,
            "auto_gain_control": gain,
        }
        self._delay = _DELAY if noise_suppression else 0
        self._module: rtc.AudioProcessingModule | None = None
        self.reset()

    def reset(self) -> None:
        """Begin anew: another stream, of which nothing is known.

        Raises:
            MicstreamError: the module failed.
        """
        self._framer = Framer(_FRAME * SAMPLE_WIDTH)
        self._taken = 0  # bytes
        self._given = -self._delay * SAMPLE_WIDTH  # bytes; below zero: still to be dropped
        self._silent = 0  # bytes handed out by then are zeros
        self._module = None
        try:
            self._module = rtc.AudioProcessingModule(**self._parts)
        except RuntimeError as error:
            raise _failed(error) from None

    def push(self, pcm: bytes) -> bytes:
        """Clean sound that `pcm` completes: as many bytes as went in, less those held back."""
        self._taken += len(pcm)
        return self._clean(pcm)

    def finish(self) -> bytes:
        """All that is still held back. The stream is over, and the module let go."""
        missing = self._taken - max(0, self._given)
        padding = bytes((_FRAME + self._delay) * SAMPLE_WIDTH)
        tail = self._clean(padding)[:missing] if missing else b""
        self._module = None
        return tail

    def silence_rest(self) -> None:
        """Silence what is held back, where it stands."""
        self._silent = self._taken

    def input_for(self, position: int) -> int:
        """Samples that had to go in before the first `position` came out."""
        frames = -(-(position + self._delay) // _FRAME)
        return min(frames * _FRAME, self._taken // SAMPLE_WIDTH)

    def _clean(self, pcm: bytes) -> bytes:
        cleaned = b"".join([self._process(frame) for frame in self._framer.push(pcm)])
        early = max(0, min(len(cleaned), -self._given))
        silent = max(0, min(len(cleaned), self._silent - self._given) - early)
        self._given += len(cleaned)
        return bytes(silent) + cleaned[early + silent :]

    def _process(self, frame: bytes) -> bytes:
        if self._module is None:
            return b""
        inside = rtc.AudioFrame(bytearray(frame), SPEECH.rate, 1, _FRAME)
        try:
            self._module.process_stream(inside)
        except RuntimeError as error:
            self._module = None
            raise _failed(error) from None
        return inside.data.tobytes()


def _failed(error: RuntimeError) -> MicstreamError:
    return MicstreamError(
        f"the sound cannot be cleaned: {error}", hint="leave out --clean", code="cleaning"
    )
