"""Speech behind a closed gate: whether somebody speaks, and nothing of it is sent. Pure."""

from __future__ import annotations

from typing import Final

from micstream.audio.format import SPEECH

_SPOKEN: Final = SPEECH.samples(600)
"""So much voiced sound is a word or two; a cough is less."""
_FORGETS: Final = 4
"""A pause takes back a quarter of its length: what is spread over an hour is noise."""


class Unheard:
    """Judges one closing of the gate, frame by frame."""

    def __init__(self) -> None:
        self._voiced = 0
        self.spoken = False
        """Somebody has spoken; it stays so."""

    def push(self, samples: int, *, voiced: bool) -> None:
        """Take a frame of so many samples, as the detector judges it."""
        self._voiced += samples if voiced else -(samples // _FORGETS)
        self._voiced = max(0, self._voiced)
        self.spoken = self.spoken or self._voiced >= _SPOKEN
