"""Echo guard of one sound path: the echo taken out, and told where there was nothing else."""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np

from micstream.audio.device_name import normal
from micstream.audio.format import SAMPLE_WIDTH, SPEECH
from micstream.echo.canceller import DELAY, FRAME, Canceller
from micstream.echo.delay import LONGEST
from micstream.echo.guard import Guard, Known, Samples
from micstream.echo.reference import Reference
from micstream.sources.source import Source

_LONGEST: Final = 20 * FRAME * SAMPLE_WIDTH
"""Bytes that are taken at a time: the guard looks for the delay in so many frames."""
_LOUD: Final = 50
"""Samples of the reference above it, -56 dBFS, may come back as an echo ..."""
_LINGERS: Final = 150
"""... for so many frames after it."""


class Memory(Protocol):
    """What is kept of halls from one show to the next."""

    def recall(self, source: str) -> Known | None:
        """What was learned at this source, if that is not long ago."""
        ...

    def keep(self, source: str, known: Known | None) -> None:
        """Keep it; None: nothing was learned this time."""
        ...


class EchoGuard:
    """Takes the reference's echo out of 16 kHz mono 16-bit PCM; what it hands out stands where it
    stood.

    Up to 18 ms are held back. Where the reference has been silent for 1.5 s nothing is done to the
    sound, and it is handed out as late. Each sound path has its own.

    Raises:
        MicstreamError: the canceller cannot be made, or failed.
    """

    def __init__(self, reference: Reference, memory: Memory | None = None) -> None:
        self.reference = reference
        self.guard = Guard()
        self._memory = memory
        self.source = ""
        """The first that was opened, with its channel; empty: none was."""
        self._moved = False
        """Another one was opened since: nobody knows of which what is learned is true."""
        self._laid = self._laid_now
        self.heard = 0
        """Samples in whose time the reference was loud, or had just been."""
        self._missed = 0
        self._canceller = Canceller()
        self.reset()

    def reset(self) -> None:
        """Begin anew: another opening of the microphone. What was learned of the hall is kept."""
        self._mic = self._beside = b""  # what fills no frame yet
        self._late: Samples = np.zeros(DELAY, np.int16)  # the microphone's own, to be handed out
        self._lingers = 0
        self._runs = 0  # turns since the canceller has begun to run again
        self._taken = 0  # samples
        self._given = -DELAY  # samples; below zero: still to be dropped
        self._silent = 0  # samples handed out by then are zeros

    @property
    def heard_s(self) -> float:
        """Seconds of sound in whose time the reference was loud, or had just been."""
        return self.heard / SPEECH.rate

    @property
    def taken_s(self) -> float:
        """Seconds of sound taken in this opening."""
        return self._taken / SPEECH.rate

    @property
    def is_loud(self) -> bool:
        """The reference is loud, or was within 1.5 s."""
        return self._lingers > 0

    @property
    def missed_s(self) -> float:
        """Seconds of those for which the reference was not there in time."""
        return self._missed / SPEECH.rate

    @property
    def level_db(self) -> float | None:
        """Level of the echo beside the reference, in dB; None: none was found."""
        return self.guard.level_db if self.guard.is_found else None

    @property
    def is_new(self) -> bool:
        """An echo was found that was not known beforehand: until then none was explained."""
        return self.guard.is_new

    @property
    def known(self) -> Known | None:
        """What was learned of the hall, its delay counted from the sound's arrival."""
        known = None if self._moved else self.guard.known
        if known is None:
            return None
        return known._replace(delay=min(LONGEST, known.delay + self._laid))

    @property
    def _laid_now(self) -> int:
        """Frames by which the reference is laid later than it arrives."""
        return round(self.reference.late / FRAME)

    def masked(self, sound: bytes, mask: bytes) -> bytes:
        """Sound with silence where its mask is 0."""
        return mask_of(sound, mask)

    def open(self, source: Source) -> None:
        """Learn which source the sound comes from now; the first tells which hall it is."""
        self.reference.open(source)
        name = f"{normal(source.name)} {source.pick}"
        if not self.source:
            self.source, self._laid = name, 0
            if self._memory is not None:
                self.guard = Guard(self._memory.recall(self.source))
            self._lay()
        self._moved |= name != self.source

    def keep(self) -> None:
        """Keep what was learned of the hall, for the next one at the same source."""
        if self._memory is not None and self.source:
            self._memory.keep(self.source, self.known)

    def _lay(self) -> None:
        """The reference is laid later, or sooner, than it was: so much sooner the echo comes."""
        laid, self._laid = self._laid, self._laid_now
        if laid != self._laid:
            self.guard.move(laid - self._laid)

    def hear(self, block: bytes) -> None:
        """Take a block of that source, with all its channels, before its sound is pushed."""
        self.reference.hear(block)

    def push(self, pcm: bytes, at: float) -> tuple[bytes, bytes]:
        """Sound without its echo that `pcm`, captured at monotonic `at`, completes; and its mask.

        The mask is as long: a sample of it is -1, or 0 where the reference explains the sound.
        """
        samples = len(pcm) // SAMPLE_WIDTH
        self._taken += samples
        self._mic += pcm
        missed = self.reference.missed
        self._beside += self.reference.take(samples, at)
        if self.is_loud:  # what is missing of a silence is missed by nobody
            self._missed += self.reference.missed - missed
        size = len(self._mic) - len(self._mic) % (FRAME * SAMPLE_WIDTH)
        if not size:
            return b"", b""
        mic, self._mic = self._mic[:size], self._mic[size:]
        beside, self._beside = self._beside[:size], self._beside[size:]
        if size <= _LONGEST:
            return self._trim(*self._process(mic, beside))
        parts = [
            self._trim(*self._process(mic[at : at + _LONGEST], beside[at : at + _LONGEST]))
            for at in range(0, size, _LONGEST)
        ]
        return b"".join(sound for sound, _ in parts), b"".join(mask for _, mask in parts)

    def finish(self) -> tuple[bytes, bytes]:
        """All that is still held back; the opening is over."""
        self.reference.finish()
        missing = self._taken - max(0, self._given)
        if not missing:
            return b"", b""
        padding = bytes((-(-(missing + DELAY) // FRAME) * FRAME) * SAMPLE_WIDTH)
        padding = padding[: len(padding) - len(self._mic)]
        mic, beside = self._mic + padding, (self._beside + padding)
        self._mic = self._beside = b""
        sound, mask = self._trim(*self._process(mic, beside[: len(mic)]))
        return sound[: missing * SAMPLE_WIDTH], mask[: missing * SAMPLE_WIDTH]

    def silence_rest(self) -> None:
        """Silence what is held back, where it stands."""
        self._silent = self._taken

    def input_for(self, position: int) -> int:
        """Samples that had to go in before the first `position` came out."""
        return min(-(-(position + DELAY) // FRAME) * FRAME, self._taken)

    def _process(self, mic: bytes, beside: bytes) -> tuple[Samples, Samples]:
        """Whole frames, late by `DELAY`, and their mask."""
        heard = np.frombuffer(mic, np.int16)
        played = np.frombuffer(beside, np.int16)
        frames = len(heard) // FRAME
        late = np.concatenate((self._late, heard))
        self._late, late = late[len(heard) :], late[: len(heard)]
        was = self._lingers > 0
        if int(played.max()) > _LOUD:
            self._lingers = _LINGERS
        mask = np.full(len(heard), -1, np.int16)
        if not self._lingers and not was:
            self._runs = 0
            return late, mask
        self._lingers = max(0, self._lingers - frames)
        self.heard += len(heard)
        self._lay()
        left = np.frombuffer(self._canceller.process(mic, beside), np.int16)
        for number, explained in enumerate(self.guard.push(heard, left, played)):
            if explained:
                mask[number * FRAME : (number + 1) * FRAME] = 0
        self._runs += 1
        if self._runs == 1 or not self.guard.is_found:
            # The canceller's begins with what was before its pause; and at its very first it takes
            # off all, the performer's voice too.
            self._runs = 1
            return late, mask
        if self._runs == 2 or not self._lingers:
            return _blend(late, left, into_left=self._lingers > 0), mask
        return left, mask

    def _trim(self, sound: Samples, mask: Samples) -> tuple[bytes, bytes]:
        early = max(0, min(len(sound), -self._given))
        silent = max(0, min(len(sound), self._silent - self._given) - early)
        self._given += len(sound)
        rest = sound[early + silent :].tobytes()
        return bytes(silent * SAMPLE_WIDTH) + rest, mask[early:].tobytes()


def _blend(late: Samples, left: Samples, *, into_left: bool) -> Samples:
    share = np.linspace(0, 1, len(late), dtype=np.float32)
    share = share if into_left else 1 - share
    return np.rint(late + share * (left.astype(np.float32) - late)).astype(np.int16)


def mask_of(sound: bytes, mask: bytes) -> bytes:
    """Sound with silence where its mask is 0."""
    return (np.frombuffer(sound, np.int16) & np.frombuffer(mask, np.int16)).tobytes()


HELD_S: Final = (DELAY + FRAME) / SPEECH.rate
"""Seconds of sound that are held back at most."""
