"""Evidence that the avatar plays what it is sent: its reports, or sound on its track. Pure.

An avatar can answer every call and play nothing any more; an answer proves that its calls are
answered, and no more. What proves that it plays is a report, or sound on its track.

    stage    | means                                 | left for
    ---------|---------------------------------------|----------------------------------------------
    TRUSTED  | it plays, as far as is known          | READING: segments that should be played by
             |                                       | now were not reported (`_bound` of them)
    READING  | its track's meter is being read       | WATCHED: read. TRUSTED: it cannot be read
    WATCHED  | the meter was read; what is sent now  | READING, and then judged: two more were not
             | should move it                        | reported. TRUSTED: a report

Much sound without any report (`LONG_S` of it) counts as those segments do: a long text is one.

Judged: where the meter has moved it plays, and only its reports are missing; it is looked at again
after twenty of them. Where it has not, it is dead: that is told, and it is still sent what is said
(there is nobody better), until a report or the meter says that it lives. That the meter moves is
proof enough at once, and is looked for some seconds after the first reading: as long as its track
is subscribed to, its sound is decoded here.

One that has never reported and publishes no sound gives no evidence, and is trusted. One that has
reported, does so no more and publishes no sound is dead.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from micstream.delivery.actions import Alive, Dead, Listen, Meter, Unlisten
from micstream.delivery.ledger import Segment
from micstream.delivery.outbox import GRAIN_S, Outbox, earliest
from micstream.delivery.playback import Playback

LATE_S: Final = 5.0
"""A report, or sound, that comes so much later than it should is missing."""
FIRST: Final = 1
"""So many segments without a report are a reason to read the meter."""
PROOF: Final = 2
"""So many, all sent since it was read, are the proof."""
HEARD: Final = 20
"""So many are a reason to read it again where it was heard without a report."""
LONG_S: Final = 20.0
"""So much sound is as good as the segments: all of a file may be one."""
_SHORTEST_S: Final = 0.25
"""A segment that is shorter is none: some avatars drop it."""
_AGAIN_S: Final = 1.0
_READINGS: Final = 5
"""How often, and how many times, a meter is asked that cannot be read yet."""
_EARLY_S: Final = 2.0
_EARLY: Final = 3
"""How often, and how many times, it is looked whether the meter has moved already."""
_SOUND: Final = 1e-6
"""Energy (square of the full scale, times seconds) that is sound: 0.1 s at -50 dBFS."""
_HISS: Final = 1e-7
"""Energy a second below which it is silence: -70 dBFS."""


class _Stage(Enum):
    TRUSTED = auto()
    READING = auto()
    WATCHED = auto()


class Evidence:
    """What proves that the avatar which listens plays; the shell reads its meter."""

    def __init__(self, outbox: Outbox, playback: Playback) -> None:
        self._outbox = outbox
        self._playback = playback
        self._number = 0
        self.reset()

    def reset(self) -> None:
        """Begin anew: the avatar is gone, or another listens."""
        self._stage = _Stage.TRUSTED
        self._since = 0.0
        """What should be played by then is settled."""
        self._loud_s = 0.0
        """Sound that had been sent by then, or when the meter was read."""
        self._ripe_at: float | None = None
        """When enough sound for the next step should be played."""
        self._bound = FIRST
        self._base: Meter | None = None
        """The meter as it was when it was first read."""
        self._base_at = 0.0
        self._asked: int | None = None
        self._readings = 0
        self._again_at: float | None = None
        self._early_at: float | None = None
        """When it is looked whether the meter has moved already."""
        self._earlier = 0
        """How many times it was."""
        self._is_early = False
        """That is what it is being read for."""
        self._dead = False

    def presume_dead(self) -> None:
        """Note that the one that listens was proved dead before: that it lives is to be told."""
        self._dead = True

    def advance(self, now: float) -> None:
        """Note reports; have the meter read where it is time."""
        playback = self._playback
        if not playback.listening:
            return
        reported_at = playback.ledger.reported_at
        if reported_at is not None and reported_at > self._since:
            self._trust(reported_at, FIRST)
        loud_s = LONG_S * (self._bound if self._stage is _Stage.TRUSTED else 1)
        if self._ripe_at is None and playback.ledger.loud_s - self._loud_s >= loud_s:
            self._ripe_at = playback.ledger.played_until + LATE_S + GRAIN_S
        if self._again_at is not None and now >= self._again_at:
            self._ask()
        if self._stage is _Stage.READING:
            return
        if self._is_due(now):
            self._readings = 0
            self._ask(early=False)
        elif self._early_at is not None and now >= self._early_at:
            self._readings, self._earlier = 0, self._earlier + 1
            self._ask(early=True)

    def next_timer(self, now: float) -> float | None:
        """Monotonic second at which the meter is to be read."""
        if not self._playback.listening:
            return None
        if self._stage is _Stage.READING:
            return self._again_at
        due_at = self._due_at()
        later = due_at if due_at is not None and due_at > now else None
        return earliest(later, self._early_at)

    def heard(self, number: int, meter: Meter, now: float) -> None:
        """Take what the meter shows."""
        if number != self._asked:
            return
        self._asked = None
        if meter.energy is None:
            self._readings += 1
            if self._readings < _READINGS:
                self._again_at = now + _AGAIN_S
            else:
                self._trust(now, HEARD)
        elif not meter.track and not self._playback.ledger.has_reported:
            self._trust(now, HEARD)
        elif self._base is None or _is_another(self._base, meter):
            self._watch(meter, now)
        elif self._is_early and not self._has_moved(self._base, meter, now):
            self._stage = _Stage.WATCHED
            self._look_early(now)
        else:
            self._judge(self._base, meter, now)

    # ---- steps ---------------------------------------------------------------------------------

    def _due(self) -> list[Segment]:
        """Segments that were not reported, and are evidence."""
        ledger = self._playback.ledger
        if self._stage is _Stage.TRUSTED:
            return ledger.unreported(self._since, _SHORTEST_S)
        unreported = ledger.unreported(self._base_at, _SHORTEST_S)
        return [
            segment
            for segment in unreported
            if (segment.first_written_at or 0.0) >= self._base_at
            and (segment.loud or not (self._base and self._base.track))
        ]

    def _due_at(self) -> float | None:
        due, count = self._due(), self._bound if self._stage is _Stage.TRUSTED else PROOF
        at = due[count - 1].ends_at + LATE_S + GRAIN_S if len(due) >= count else None
        return earliest(at, self._ripe_at)

    def _is_due(self, now: float) -> bool:
        due_at = self._due_at()
        # What is still on its way to the avatar cannot be heard of yet.
        return due_at is not None and now >= due_at and not self._playback.is_late(now)

    def _ask(self, *, early: bool | None = None) -> None:
        self._number += 1
        self._is_early = self._is_early if early is None else early
        self._asked, self._again_at, self._stage = self._number, None, _Stage.READING
        self._early_at = None
        self._outbox.put(Listen(self._number))

    def _watch(self, meter: Meter, now: float) -> None:
        self._stage, self._base, self._base_at = _Stage.WATCHED, meter, now
        self._loud_s, self._ripe_at = self._playback.ledger.loud_s, None
        self._earlier = 0
        if meter.track:
            self._look_early(now)

    def _look_early(self, now: float) -> None:
        self._early_at = now + _EARLY_S if self._earlier < _EARLY else None

    def _has_moved(self, base: Meter, meter: Meter, now: float) -> bool:
        moved = (meter.energy or 0.0) - (base.energy or 0.0)
        return bool(meter.track) and moved >= _SOUND + _HISS * (now - self._base_at)

    def _judge(self, base: Meter, meter: Meter, now: float) -> None:
        if self._has_moved(base, meter, now):
            self._trust(now, HEARD)
            return
        if not self._dead:
            self._dead = True
            self._outbox.put(Dead())
        self._watch(meter, now)

    def _trust(self, since: float, bound: int) -> None:
        if self._dead:
            self._outbox.put(Alive())
        ledger = self._playback.ledger
        if self._stage is not _Stage.TRUSTED and ledger.has_reported:
            self._outbox.put(Unlisten())
        self._stage, self._since, self._bound = _Stage.TRUSTED, since, bound
        self._loud_s, self._ripe_at = ledger.loud_s, None
        self._base = self._asked = self._again_at = self._early_at = None
        self._dead = False


def _is_another(base: Meter, meter: Meter) -> bool:
    """Whether the meter has begun anew: it is of another track, or of the same one once more."""
    return base.track != meter.track or (meter.energy or 0.0) < (base.energy or 0.0)
