"""Feed: takes events from the send queue and has them sent, no faster than they may be. Pure.

Theory of operation. What is pushed waits in the queue, where the late policy sees it. The next
event is taken only while no operation of ours is under way, an avatar listens and has capacity:

| next | taken once |
|---|---|
| onset | an avatar listens, has capacity and has caught up (see below); then it waits its turn |
| speech | there is capacity for it, in pieces no larger than that |
| end | as speech |

Falling behind: where speech that has begun is held up for as long as would make it late, a live
sender loses what is left of the utterance, and sends nothing more until half of `max_backlog` is
played. Sources that can wait do so: where nobody listens, for `wait_s` seconds.
"""

from __future__ import annotations

import math
from typing import Final

from micstream import notices
from micstream.audio.format import SPEECH
from micstream.delivery.drops import dropped
from micstream.delivery.options import DeliveryOptions
from micstream.delivery.outbox import GRAIN_S, Outbox, earliest
from micstream.delivery.playback import Playback
from micstream.delivery.send_queue import SendQueue
from micstream.delivery.sending import Sending
from micstream.delivery.utterance import OpenUtterance, Request
from micstream.delivery.whole import WholeUtterances
from micstream.events import Warned
from micstream.speech.events import End, EndReason, Onset, SegmentEvent, Speech, Timed

MIN_CAPACITY_S: Final = 0.02
"""Less capacity than this is none."""
IN_TURN_S: Final = 1.0
"""Seconds of sound that may wait here before a source that can wait does so."""
_AMPLE_S: Final = 1.0
"""With less capacity than this beyond the next write each piece is looked at."""
TELL_S: Final = 1.0
"""How often, at most, it is told what is being dropped while somebody speaks."""


class Feed:
    """The send queue, and what becomes of its head."""

    def __init__(
        self, options: DeliveryOptions, outbox: Outbox, playback: Playback, sending: Sending
    ) -> None:
        self.wait_s = math.inf
        """Seconds for which sound of a source that can wait does so where nobody listens."""
        self._loses = options.loses
        self._outbox = outbox
        self._playback = playback
        self._sending = sending
        self._whole = WholeUtterances() if options.whole else None
        self._queue = SendQueue(options.late, after_s=options.late_after_s, bound_s=options.bound_s)
        self._behind = False
        self._warning: Warned | None = None
        """That we fell behind; told once the utterance is closed."""
        self._missing_since: float | None = None
        """Since when sound waits and nobody listens."""
        self._told_at = -math.inf
        self._tell_now = False
        self._ended = False

    @property
    def held_s(self) -> float:
        """Seconds of sound that wait to be sent."""
        return self._queue.held_s

    @property
    def is_idle(self) -> bool:
        """Whether everything that was pushed is sent or dropped, and its stream closed."""
        sending = self._sending
        return self._queue.empty and sending.own is None and not sending.awaits_own

    def accepts(self, alone: bool, now: float) -> bool:
        """Whether a source that can wait may push: see `Delivery.accepts`."""
        if self._queue.held_s <= IN_TURN_S:
            return True
        return not alone and self._playback.is_stalled(now)

    # ---- input ---------------------------------------------------------------------------------

    def push(self, event: SegmentEvent, captured_at: float, now: float, *, ages: bool) -> None:
        """Take an event; see `Delivery.push`."""
        events: list[Timed] = [(event, captured_at)]
        if self._whole:
            events = self._whole.push(event, captured_at)
        for each, at in events:
            self._queue.put(each, at, now, ages=ages)
        if self._ended:
            self._drop_all()

    def interrupt(self, now: float) -> None:
        """Drop everything, and end what is open without its rest."""
        if self._whole:
            self._queue.count_dropped(self._whole.clear(), "interrupted")
        self._queue.clear("interrupted")
        self._sending.withdraw(None)
        self._sending.end(EndReason.INTERRUPT, now)
        self._tell_now = True

    def shut(self) -> None:
        """Drop everything, also what is still to come."""
        self._ended = True
        self._sending.withdraw(None)
        self._drop_all()

    def _drop_all(self) -> None:
        if self._whole:
            self._queue.count_dropped(self._whole.clear(), "ended")
        self._queue.clear("ended")
        self._tell_now = True

    def gathers(self, now: float) -> bool:
        """Whether all that waits is speech of ours that makes no write whole: nothing can be done.

        So it is with four pieces of five, and looking whether anything can is most of their cost.
        """
        own, held_s = self._sending.own, self._queue.held_of_begun_s
        if own is None or own.ending is not None or self._queue.has_dropped:
            return False
        if held_s is None or held_s > IN_TURN_S:  # then whoever waits is told once he may push
            return False
        lacks_s = own.lacks_s
        if self._playback.capacity_s(now) < own.gathered_s + lacks_s + _AMPLE_S:
            return False
        return self._sending.is_busy or held_s < lacks_s - GRAIN_S

    # ---- going on ------------------------------------------------------------------------------

    def advance(self, now: float) -> bool:
        """Do the next thing; whether there was one."""
        failure = self._sending.take_own_failure()
        if failure is not None:
            self._queue.give_up(failure)
        own = self._sending.own
        if self._is_under_way(own):
            self._queue.expire(now)
            return False
        if self._warning is not None:
            self._outbox.tell(self._warning)
            self._warning = None
        if own is not None and self._queue.has_lost_begun:
            self._sending.end(EndReason.AVATAR, now)
            return True
        capacity_s = self._capacity_s(own, now)
        if capacity_s < MIN_CAPACITY_S and own is not None and self._is_held_up(now):
            self._fall_behind(now)
            return True
        if own is not None and self._is_full(own, capacity_s, now):
            own.is_full = True
            return True
        taken = None
        if capacity_s >= MIN_CAPACITY_S:
            taken = self._queue.take(now, SPEECH.samples(1000 * capacity_s))
        if taken is None:
            self._queue.expire(now)
            return False
        event, captured_at = taken
        match event:
            case Onset():
                self._sending.request(
                    Request(
                        captured_at=captured_at,
                        onset_s=event.onset / SPEECH.rate,
                        decided_s=event.decided / SPEECH.rate,
                        source=event.source,
                        cue=event.cue,
                    )
                )
            case Speech():
                assert own is not None
                own.push(event.pcm)
            case End():
                self._sending.end(event.reason, now)
                self._tell_now = True
        return True

    def _is_under_way(self, own: OpenUtterance | None) -> bool:
        """Whether ours waits for its turn, for a result, or to be closed."""
        if own is None:
            return self._sending.awaits_own
        return own.ending is not None or self._sending.is_busy

    def _capacity_s(self, own: OpenUtterance | None, now: float) -> float:
        """Seconds of sound that may be taken from the queue now."""
        capacity_s = self._playback.capacity_s(now)
        if own is not None:
            capacity_s -= own.gathered_s
        elif not self._may_begin(capacity_s, now):
            self._wait_for_avatar(now)
            return 0.0
        self._missing_since = None
        return capacity_s

    def _is_held_up(self, now: float) -> bool:
        return self._loses and self._queue.is_held_up(now)

    def _is_full(self, own: OpenUtterance, capacity_s: float, now: float) -> bool:
        """Whether playing will bring no capacity for the rest of a prebuffer, or of a chunk."""
        if capacity_s >= MIN_CAPACITY_S or self._queue.empty or not own.gathered_s:
            return False
        return self._playback.capacity_at(MIN_CAPACITY_S + own.gathered_s, now) is None

    def _may_begin(self, capacity_s: float, now: float) -> bool:
        if self._behind and capacity_s > MIN_CAPACITY_S:
            self._behind = self._playback.backlog_s(now) > self._playback.max_backlog_s / 2
        return self._playback.listening and not self._behind

    def _wait_for_avatar(self, now: float) -> None:
        """Drop what can wait once nobody has listened for so long."""
        if self._playback.listening or self._queue.empty:
            self._missing_since = None
            return
        if self._missing_since is None:
            self._missing_since = now
        if now >= self._missing_since + self.wait_s:
            self._queue.give_up_patient("no_avatar")

    def _fall_behind(self, now: float) -> None:
        """Lose the rest of the utterance, and send nothing until half of the backlog is played."""
        self._behind = True
        backlog_s, max_s = self._playback.backlog_s(now), self._playback.max_backlog_s
        self._queue.give_up("backlog")
        self._sending.end(EndReason.AVATAR, now)
        self._warning = notices.backlog(backlog_s, max_s)

    # ---- telling -------------------------------------------------------------------------------

    def tell(self, now: float) -> None:
        """Tell what was dropped: at most once a second while somebody speaks; not while closing."""
        if self._is_closing:
            return
        if self._queue.has_dropped:
            soon = self._tell_now or not self._queue.speaking
            if not soon and now < self._told_at + TELL_S:
                return
            self._told_at = now
            for seconds, code in self._queue.take_dropped():
                event = dropped(seconds, code, listening=self._playback.listening)
                self._outbox.tell(event, self._sending.lost_by if code == "avatar_lost" else None)
        self._tell_now = False

    @property
    def _is_closing(self) -> bool:
        own = self._sending.own
        return own is not None and own.ending is not None

    # ---- timers --------------------------------------------------------------------------------

    def next_timer(self, now: float) -> float | None:
        """Monotonic second at which time alone lets it go on."""
        late_at = self._queue.next_timer()
        tells = self._queue.has_dropped and not self._is_closing
        return earliest(
            late_at + GRAIN_S if late_at is not None else None,
            self._told_at + TELL_S if tells else None,
            self._head_timer(now),
        )

    def _head_timer(self, now: float) -> float | None:
        """When the head of the queue may go, or is given up."""
        own = self._sending.own
        if self._queue.empty or self._is_under_way(own):
            return None
        if own is None and not self._playback.listening:
            since = self._missing_since
            return since + self.wait_s if since is not None and self.wait_s < math.inf else None
        gathered_s = own.gathered_s if own is not None else 0.0
        capacity_at = self._playback.capacity_at(MIN_CAPACITY_S + gathered_s, now)
        if own is None:
            half_s = self._playback.max_backlog_s / 2
            caught_up_at = self._playback.backlog_at(half_s, now) if self._behind else None
            return earliest(capacity_at, caught_up_at)
        held_up_at = self._queue.next_held_up() if self._loses else None
        # Held up already, and there is capacity: then it is taken, not lost.
        lost_at = held_up_at + GRAIN_S if held_up_at is not None else None
        return earliest(capacity_at, lost_at if lost_at is not None and lost_at > now else None)
