"""Taps: a copy of the sound for whoever wants it, as captured and as sent, on one timeline.

Both kinds carry `at`, in monotonic seconds: of captured sound when its first sample was captured,
of sent sound when it was written to the avatar. Nothing is copied, counted or made while nobody
taps. A tap that is read too slowly loses sound, which is counted; it never holds anything up.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Final, Protocol, Self

from micstream.audio.format import SAMPLE_WIDTH, SPEECH

_CAPACITY_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Captured:
    """Sound as a source captured it, before it is cleaned: 16 kHz mono 16-bit PCM."""

    source: str
    """The source's name."""
    channel: int
    """Channel of the source, from 1; 0: all mixed."""
    start: int
    """Sample index on the source's timeline. It jumps where sound was lost, and only there."""
    at: float
    """Monotonic seconds at which its first sample was captured."""
    pcm: bytes
    speaking: bool
    """An utterance was open before it."""
    performer: str = ""
    """Whose it is; empty where there is but one."""
    held: bool = False
    """Another performer has the voice, or had it last: nothing of this is sent."""

    @property
    def end(self) -> int:
        """Sample index one past its last."""
        return self.start + len(self.pcm) // SAMPLE_WIDTH

    @property
    def seconds(self) -> float:
        """Duration."""
        return SPEECH.seconds(len(self.pcm))


@dataclass(frozen=True, slots=True)
class Sent:
    """Sound as it was written to an avatar: mono 16-bit PCM."""

    avatar: str
    """The avatar's identity."""
    utterance: str
    """Id of the utterance, as in events."""
    rate: int
    at: float
    """Monotonic seconds at which it was written."""
    pcm: bytes

    @property
    def seconds(self) -> float:
        """Duration."""
        return len(self.pcm) / (SAMPLE_WIDTH * self.rate)


class Listener(Protocol):
    """Hears captured sound as it comes, in the sound's own way: it must be quick."""

    @property
    def active(self) -> bool:
        """Anything is wanted; else `captured` is not called, and costs nothing."""
        ...

    def captured(self, sound: Captured) -> None:
        """The next piece."""
        ...


class Tap:
    """Copies for one consumer, to be read with `async for`; a context manager, or `close` it.

    The iteration ends when the tap is closed and what it still holds was read.
    """

    def __init__(self, taps: Taps, *, captured: bool, sent: bool, capacity_s: float) -> None:
        self._taps = taps
        self.wants_captured, self.wants_sent = captured, sent
        self.lost_s = 0.0
        """Seconds of sound that were not read in time, of both kinds."""
        self._capacity_s = capacity_s
        self._held: deque[Captured | Sent] = deque()
        self._held_s = 0.0
        self._arrived = asyncio.Event()
        self._closed = False

    def push(self, sound: Captured | Sent) -> None:
        """Hold it for the reader, or count it as lost."""
        if self._held_s + sound.seconds > self._capacity_s:
            self.lost_s += sound.seconds
            return
        self._held.append(sound)
        self._held_s += sound.seconds
        self._arrived.set()

    def taken(self) -> list[Captured | Sent]:
        """Take what has come so far, without waiting."""
        taken = list(self._held)
        self._held.clear()
        self._held_s = 0.0
        return taken

    def close(self) -> None:
        """Tap no more."""
        self._closed = True
        self._taps.remove(self)
        self._arrived.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Captured | Sent:
        while not self._held:
            if self._closed:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        sound = self._held.popleft()
        self._held_s = self._held_s - sound.seconds if self._held else 0.0
        return sound


class Taps:
    """Hub where sound can be tapped. Who captures calls `captured`, who sends calls `sent`."""

    def __init__(self) -> None:
        self._capture: list[Tap] = []
        self._sent: list[Tap] = []

    def tap(
        self, *, captured: bool = True, sent: bool = True, capacity_s: float = _CAPACITY_S
    ) -> Tap:
        """Begin to tap: `with taps.tap() as tap: async for sound in tap: ...`.

        `capacity_s`: seconds of sound held for the reader, both kinds together.
        """
        tap = Tap(self, captured=captured, sent=sent, capacity_s=capacity_s)
        if captured:
            self._capture.append(tap)
        if sent:
            self._sent.append(tap)
        return tap

    def add(self, tap: Tap) -> None:
        """Copy into this one too: for a tap of another make, which takes sound by its `push`."""
        self._capture += [tap] if tap.wants_captured else []
        self._sent += [tap] if tap.wants_sent else []

    def remove(self, tap: Tap) -> None:
        """Copy nothing into this tap any more."""
        self._capture = [other for other in self._capture if other is not tap]
        self._sent = [other for other in self._sent if other is not tap]

    @property
    def active(self) -> bool:
        """Somebody wants captured sound."""
        return bool(self._capture)

    @property
    def wants_sent(self) -> bool:
        """Somebody wants sent sound."""
        return bool(self._sent)

    def captured(self, sound: Captured) -> None:
        """Copy captured sound to those who want it."""
        for tap in self._capture:
            tap.push(sound)

    def sent(self, avatar: str, utterance: str, rate: int, pcm: bytes, at: float) -> None:
        """Copy what was written to an avatar at `at` (monotonic seconds) to those who want it."""
        if self._sent:
            sound = Sent(avatar, utterance, rate, at, pcm)
            for tap in self._sent:
                tap.push(sound)
