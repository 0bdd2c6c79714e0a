"""Echo canceller: WebRTC's, in LiveKit's package, with the reference that it is given.

Measured, not documented:

- It takes several frames of 10 ms in one call; each call costs as much as a frame does.
- Its sound comes 127 samples (8 ms) late, with or without an echo. That much of its first output is
  dropped, so that sample n out is sample n in.
- It finds the delay between reference and echo by itself, from none up to half a second.
"""

from __future__ import annotations

from typing import Final

from livekit import rtc

from micstream.audio.format import SAMPLE_WIDTH, SPEECH
from micstream.errors import MicstreamError

FRAME: Final = SPEECH.samples(10)
DELAY: Final = 127
"""Samples by which what it hands out is late."""


class Canceller:
    """Takes out of one microphone's sound what comes from the reference; 16 kHz mono 16 bits.

    Raises:
        MicstreamError: the module cannot be made.
    """

    def __init__(self) -> None:
        self._module: rtc.AudioProcessingModule | None = None
        try:
            self._module = rtc.AudioProcessingModule(echo_cancellation=True)
        except RuntimeError as error:
            raise _failed(error) from None

    def process(self, pcm: bytes, reference: bytes) -> bytes:
        """Sound without its echo, late by `DELAY`; both whole frames of `FRAME`, as many.

        Raises:
            MicstreamError: the module failed; it is let go.
        """
        if self._module is None:
            raise _failed(RuntimeError("it has failed before"))
        samples = len(pcm) // SAMPLE_WIDTH
        inside = rtc.AudioFrame(bytearray(pcm), SPEECH.rate, 1, samples)
        beside = rtc.AudioFrame(bytearray(reference), SPEECH.rate, 1, samples)
        try:
            self._module.process_reverse_stream(beside)
            self._module.process_stream(inside)
        except RuntimeError as error:
            self._module = None
            raise _failed(error) from None
        return inside.data.tobytes()


def _failed(error: RuntimeError) -> MicstreamError:
    return MicstreamError(
        f"the echo cannot be taken out: {error}", hint="leave out --echo-guard", code="echo_guard"
    )
