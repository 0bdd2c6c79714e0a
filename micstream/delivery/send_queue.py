"""Send queue: what waits to be sent, and what becomes of it when it waits too long. Pure.

Sound waits while no avatar listens, while a write blocks, or while the avatar has more than it can
play. Once an utterance has begun to be sent it is never late: what is left of it goes on, or is
given up as a whole. Before that, the policy decides:

    drop    what waited longer than `after_s` is dropped from the utterance's start up to a pause
            after which nothing is that old; all of it where there is no such pause, unless it goes
            on for as long again when it could be sent: then it is joined where it is
    queue   everything is kept
    latest  what waited longer than `after_s` is dropped as soon as a newer utterance is whole

In all of them at most `bound_s` of sound waits; the oldest gives way, by whole utterances or up to
a pause. A pause is 120 ms or more, at least 20 dB below the utterance's own mean: below a fricative
and longer than the closure of a plosive, so that no cut falls into a word. Where a room is too
noisy for that (or it is music), half a word is lost rather than all that is still to come. Sound of
a source that can wait is never late; where it goes on all the same, as another avatar takes it, at
most `PATIENT_S` waits, and then the oldest utterance gives way.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from micstream.audio.format import SPEECH
from micstream.audio.levels import rms_db
from micstream.delivery.options import Policy
from micstream.events import DropCode
from micstream.speech.events import End, Onset, SegmentEvent, Speech, Timed

_PIECE: Final = SPEECH.samples(20)
PAUSE: Final = SPEECH.samples(120)
"""Samples of quiet that make a pause."""
KEPT: Final = SPEECH.samples(60)
"""Samples of a pause that are kept before what follows it."""
PATIENT_S: Final = 600.0
"""Seconds of sound of sources that can wait, for an avatar to which nothing gets through."""
_PATIENT: Final = SPEECH.samples(1000 * PATIENT_S)
QUIET_DB: Final = 20.0
"""So far below the utterance's mean power sound is quiet."""


@dataclass(slots=True)
class _Part:
    start: int
    pcm: bytes
    at: float
    """When it came."""
    db: float

    @property
    def samples(self) -> int:
        return len(self.pcm) // 2


@dataclass(slots=True, eq=False)
class _Utterance:
    onset: Onset
    captured_at: float
    ages: bool
    parts: deque[_Part] = field(default_factory=deque)
    held: int = 0
    """Samples in `parts`."""
    end: End | None = None
    begun: bool = False
    """Its onset was handed out."""
    lost: DropCode | None = None
    """Why nothing more of it is wanted."""
    skipping: DropCode | None = None
    """Why its start is being dropped up to a pause; `parts` are the quiet that may become one."""
    quiet: int = 0
    """Samples of that quiet, also those that were dropped."""
    asked_at: float | None = None
    """When, while its start was being dropped, it could have been sent."""
    power: float = 0.0
    heard: int = 0

    @property
    def waits(self) -> bool:
        """Whether it can be late."""
        return self.ages and not self.begun

    def is_quiet(self, part: _Part) -> bool:
        """Whether it may belong to a pause, as far as the utterance was heard."""
        return part.db <= 10 * math.log10(self.power / self.heard) - QUIET_DB

    def push(self, part: _Part) -> None:
        self.parts.append(part)
        self.held += part.samples

    def pop(self) -> _Part:
        part = self.parts.popleft()
        self.held -= part.samples
        return part

    def begin_here(self) -> None:
        """What was before is gone: it starts with what is held."""
        skipped = self.parts[0].start - self.onset.start
        start = self.onset.start + skipped
        self.onset = Onset(start, start, max(start, self.onset.decided))
        self.captured_at += skipped / SPEECH.rate
        self.skipping = None


class SendQueue:
    """Segment events that wait to be sent: put at one end, taken in order at the other."""

    def __init__(self, policy: Policy, *, after_s: float, bound_s: float) -> None:
        self._policy = policy
        self._after_s = after_s
        self._bound = SPEECH.samples(1000 * bound_s)
        self._queue: deque[_Utterance] = deque()
        self._open: _Utterance | None = None  # the one that speech is added to
        self._begun: _Utterance | None = None  # the one that was begun last
        self._dropped: Counter[DropCode] = Counter()

    @property
    def empty(self) -> bool:
        """Whether nothing is left to be taken."""
        return not self._queue

    @property
    def held_s(self) -> float:
        """Seconds of sound that wait."""
        return sum(utterance.held for utterance in self._queue) / SPEECH.rate

    @property
    def held_of_begun_s(self) -> float | None:
        """Seconds that wait of the utterance begun last; None where more waits than its sound."""
        if len(self._queue) != 1 or self._queue[0] is not self._begun:
            return None
        return self._begun.held / SPEECH.rate if self._begun.end is None else None

    @property
    def speaking(self) -> bool:
        """Whether more is to come of the utterance that was put last."""
        return self._open is not None

    @property
    def has_lost_begun(self) -> bool:
        """Whether what was left of the utterance begun last was dropped: its end will not come."""
        return self._begun is not None and bool(self._begun.lost)

    @property
    def has_dropped(self) -> bool:
        """Whether something was dropped since `take_dropped`."""
        return any(self._dropped.values())

    def is_held_up(self, now: float) -> bool:
        """Whether what is next would be late, had its utterance not begun already."""
        return bool(self._queue) and self._queue[0].ages and self._is_late(self._queue[0], now)

    def next_held_up(self) -> float | None:
        """Monotonic second after which `is_held_up` holds, where nothing is taken until then."""
        head = self._queue[0] if self._queue else None
        return self._late_at(head) if head is not None and head.ages else None

    def next_timer(self) -> float | None:
        """Monotonic second after which `expire` has something to drop."""
        if self._policy == "queue":
            return None
        waiting = [u for u in self._queue if u.waits]
        if self._policy == "latest":
            waiting = [u for u in waiting if u.end is not None][:-1]
        late_at = (self._late_at(utterance) for utterance in waiting)
        return min((at for at in late_at if at is not None), default=None)

    def put(self, event: SegmentEvent, captured_at: float, now: float, *, ages: bool) -> None:
        """Take an event; `ages` (at an onset): its source does not wait for us."""
        match event:
            case Onset():
                self._open = _Utterance(event, captured_at, ages)
                self._queue.append(self._open)
            case Speech():
                self._add(event, now)
            case End():
                self._end(event)
        self.expire(now)

    def take(self, now: float, limit: int = 1 << 30) -> Timed | None:
        """The next event, with at most `limit` (1 or more) samples of speech; None: none yet."""
        self.expire(now)
        if not self._queue:
            return None
        head = self._queue[0]
        if head.skipping:
            head.asked_at = now if head.asked_at is None else head.asked_at
            return None
        if not head.begun:
            head.begun = True
            self._begun = head
            return head.onset, head.captured_at
        if head.parts:
            return _speech(head, limit), 0.0
        if head.end is not None:
            self._queue.popleft()
            return head.end, 0.0
        return None

    def expire(self, now: float) -> None:
        """Drop what is too late by now, and what is too much."""
        late = [u for u in self._queue if u.waits and self._is_late(u, now)]
        if self._policy == "drop":
            for utterance in late:
                while self._is_late(utterance, now):
                    self._skip(utterance, "late", now)
        elif self._policy == "latest":
            whole = [u for u in self._queue if u.waits and u.end is not None]
            for utterance in whole[:-1]:
                if utterance in late:
                    self._lose(utterance, "late")
        while self._held(ages=True) > self._bound:
            self._make_room(now)
        while self._held(ages=False) > _PATIENT:
            self._lose(self._gives_way(ages=False), "overflow")

    def give_up(self, why: DropCode) -> None:
        """Drop what is left of the utterance that has begun, and what is still to come of it."""
        if self._queue and self._queue[0].begun:
            self._lose(self._queue[0], why)

    def give_up_patient(self, why: DropCode) -> None:
        """The same for all utterances whose source waits."""
        for utterance in tuple(self._queue):
            if not utterance.ages:
                self._lose(utterance, why)

    def clear(self, why: DropCode) -> None:
        """Drop everything, also what is still to come of the open utterance."""
        for utterance in tuple(self._queue):
            self._lose(utterance, why)

    def count_dropped(self, samples: int, why: DropCode) -> None:
        """Count sound that was dropped before it came here."""
        self._dropped[why] += samples

    def take_dropped(self) -> list[tuple[float, DropCode]]:
        """Seconds that were dropped since the last time, and why; none is dropped uncounted."""
        told = [(samples / SPEECH.rate, why) for why, samples in self._dropped.items() if samples]
        self._dropped.clear()
        return told

    # ---- one event -----------------------------------------------------------------------------

    def _add(self, speech: Speech, now: float) -> None:
        utterance = self._open
        if utterance is None or utterance.lost:
            why = utterance.lost if utterance is not None else None
            self._dropped[why or "interrupted"] += len(speech.pcm) // 2
        elif not utterance.ages:
            utterance.push(_Part(speech.start, speech.pcm, now, 0.0))
        else:
            for part in _pieces(speech, now):
                utterance.power += 10 ** (part.db / 10) * part.samples
                utterance.heard += part.samples
                self._hold(utterance, part, now)

    def _end(self, end: End) -> None:
        utterance, self._open = self._open, None
        if utterance is None or utterance.lost:
            return
        utterance.end = end
        if utterance.skipping:  # and no pause came in it: none of it is left
            self._lose(utterance, utterance.skipping)

    # ---- dropping ------------------------------------------------------------------------------

    def _is_late(self, utterance: _Utterance, now: float) -> bool:
        late_at = self._late_at(utterance)
        return late_at is not None and now > late_at

    def _late_at(self, utterance: _Utterance) -> float | None:
        if utterance.skipping or not utterance.parts:
            return None
        return utterance.parts[0].at + self._after_s

    def _make_room(self, now: float) -> None:
        oldest = self._gives_way(ages=True)
        if oldest.waits and oldest.end is None and not oldest.skipping:
            self._skip(oldest, "overflow", now)
        else:
            self._lose(oldest, "overflow")

    def _held(self, *, ages: bool) -> int:
        """Samples that wait; `ages`: of sources that do not wait for us, else of those that can."""
        return sum(u.held for u in self._queue if u.ages is ages)

    def _gives_way(self, *, ages: bool) -> _Utterance:
        """The oldest of these: one that has begun only where there is no other."""
        held = [u for u in self._queue if u.ages is ages and u.held]
        return next((u for u in held if not u.begun), held[0])

    def _skip(self, utterance: _Utterance, why: DropCode, now: float) -> None:
        """Drop its start up to the next pause; all of it where there is none."""
        parts, utterance.parts = utterance.parts, deque()
        utterance.held, utterance.quiet, utterance.skipping = 0, 0, why
        utterance.asked_at = None
        for part in parts:
            self._hold(utterance, part, now)
        if utterance.skipping and utterance.end is not None:
            self._lose(utterance, why)

    def _hold(self, utterance: _Utterance, part: _Part, now: float) -> None:
        if not utterance.skipping:
            utterance.push(part)
        elif utterance.is_quiet(part):
            utterance.quiet += part.samples
            utterance.push(part)
            while utterance.held - utterance.parts[0].samples >= KEPT:
                self._dropped[utterance.skipping] += utterance.pop().samples
        elif utterance.quiet >= PAUSE or self._is_overdue(utterance, now):
            utterance.push(part)
            utterance.begin_here()
        else:
            self._dropped[utterance.skipping] += utterance.held + part.samples
            utterance.parts.clear()
            utterance.held = utterance.quiet = 0

    def _is_overdue(self, utterance: _Utterance, now: float) -> bool:
        """Whether it could have been sent for long enough to join it without a pause."""
        return utterance.asked_at is not None and now - utterance.asked_at >= self._after_s

    def _lose(self, utterance: _Utterance, why: DropCode) -> None:
        self._queue.remove(utterance)
        self._dropped[why] += utterance.held
        utterance.lost = why


def _pieces(speech: Speech, now: float) -> Iterator[_Part]:
    for at in range(0, len(speech.pcm), 2 * _PIECE):
        pcm = speech.pcm[at : at + 2 * _PIECE]
        yield _Part(speech.start + at // 2, pcm, now, rms_db(pcm))


def _speech(utterance: _Utterance, limit: int) -> Speech:
    """What is held of it, up to `limit` samples."""
    start, run, size = utterance.parts[0].start, [], 0
    while utterance.parts and size < limit:
        part = utterance.pop()
        if size + part.samples > limit:
            cut = limit - size
            rest = _Part(part.start + cut, part.pcm[2 * cut :], part.at, part.db)
            utterance.parts.appendleft(rest)
            utterance.held += rest.samples
            part = _Part(part.start, part.pcm[: 2 * cut], part.at, part.db)
        run.append(part.pcm)
        size += part.samples
    return Speech(start, b"".join(run))
