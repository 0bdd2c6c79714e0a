"""Delivery to one avatar: from the segment event to the report that it was played. Pure.

Theory of operation. The core is told what happens (`push`, `wrote`, `playback_started`, ...), each
time with the monotonic second at which it does. It decides, and leaves what is to be done as
actions. A shell does three things in every callback, and nothing else:

    hand in      delivery.wrote(stream, True, now)
    drain, act   for action in delivery.actions(): ...
    set a timer  delivery.next_timer(): at that moment, delivery.handle_timer(now)

No input waits, and none raises for what the world does: it may come in any order and at any time.
A timer that comes early, or when there is nothing to do, changes nothing.

    push ─▶ feed (send queue, late policy) ─▶ sending (turns, utterance, stream) ─▶ Open Write Close
              ▲ capacity                          │ sent
            playback (ledger, estimate, prebuffer) ◀┘ ◀─ reports, answers
              ▲ arrived?         ▲ dropped, reported?
            watch ─▶ Call       clearing ─▶ Call      states ─▶ Call     telling ─▶ Tell

After each input every part goes on as far as it can (`_advance`), in this order:

| part | decides |
|---|---|
| `playback` | what is outstanding, what has arrived, how much more may be sent, the prebuffer |
| `watch` | whether what is sent arrives; whether the avatar is silent |
| `evidence` | whether it plays what it gets |
| `sending` | when to open, write how much, reopen and close; who has the turn |
| `feed` | what waits, what is late; when the avatar is too far behind |
| `clearing` | when the avatar has dropped what it was told to drop; to tell it again |
| `leaving` | what leaving still waits for, by one deadline |
| `states`, `telling` | what the avatar is told of the performer; what people are told |
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from micstream.audio.format import AudioFormat
from micstream.delivery import clearing
from micstream.delivery.actions import Action, Answer, Capacity, Ended, Idle, Meter, Silent, Taken
from micstream.delivery.clearing import Clearing
from micstream.delivery.evidence import Evidence
from micstream.delivery.feed import Feed
from micstream.delivery.leaving import Leaving, Parts, Phase
from micstream.delivery.options import DeliveryOptions
from micstream.delivery.outbox import GRAIN_S, Outbox, earliest
from micstream.delivery.playback import Playback
from micstream.delivery.sending import Sending
from micstream.delivery.states import AvatarStates
from micstream.delivery.telling import AbsenceTimer, BacklogTeller
from micstream.delivery.utterance import Request
from micstream.delivery.watch import Watch
from micstream.delivery.wire import Finished
from micstream.speech.events import EndReason, SegmentEvent


class Delivery:
    """Delivery to one avatar, whoever plays it.

    `ids` names utterances, and is shared by the deliveries to all avatars. `name` stands in events
    until one listens: the pattern that it is looked for by.
    """

    def __init__(self, options: DeliveryOptions, ids: Iterator[str], name: str) -> None:
        self._outbox = Outbox(name)
        self._playback = Playback(
            capacity_s=options.capacity_s, prebuffer_ms=options.prebuffer_ms, outbox=self._outbox
        )
        self._watch = Watch(self._outbox, self._playback)
        self._evidence = Evidence(self._outbox, self._playback)
        self._sending = Sending(options, ids, self._outbox, self._playback)
        self._feed = Feed(options, self._outbox, self._playback, self._sending)
        self._clearing = Clearing(options.dialect, self._outbox, self._playback)
        self._states = AvatarStates(options, self._outbox, self._playback)
        self._leaving = Leaving(
            Parts(
                outbox=self._outbox,
                playback=self._playback,
                sending=self._sending,
                feed=self._feed,
                clearing=self._clearing,
                states=self._states,
            )
        )
        self._backlog = BacklogTeller(self._outbox, self._playback)
        self._absence = AbsenceTimer(self._outbox, self._playback)
        self._claims = 0
        self._want_capacity: set[int] = set()
        self._clears = False
        """The avatar is to be told to drop all, once what is open is closed."""
        self._was_idle = True
        self._held_s = 0.0
        self._was_stalled = False
        self._timer: float | None = None

    # ---- facts ---------------------------------------------------------------------------------

    @property
    def listening_to(self) -> str | None:
        """Identity of the avatar that listens; None where none does."""
        return self._playback.listening_to

    @property
    def held_s(self) -> float:
        """Seconds of sound that wait to be sent."""
        return self._feed.held_s

    @property
    def is_idle(self) -> bool:
        """Whether everything pushed is sent or dropped, and its stream closed."""
        return self._feed.is_idle

    @property
    def has_left(self) -> bool:
        """Whether leaving is complete: nothing is left for the avatar to report to us."""
        return self._leaving.phase is Phase.LEFT

    @property
    def sent_s(self) -> float:
        """Seconds of sound sent to the avatar that listens."""
        return self._playback.ledger.sent_s

    def backlog_s(self, now: float) -> float:
        """Estimated seconds of sound sent and not yet played."""
        return self._playback.backlog_s(now)

    def capacity_s(self, now: float) -> float:
        """Seconds of sound that may be sent now; 0 or less: none."""
        return self._playback.capacity_s(now)

    def is_stalled(self, now: float) -> bool:
        """Whether nothing gets through to the avatar just now: then nothing is sent."""
        return self._playback.is_stalled(now)

    def accepts(self, alone: bool, now: float) -> bool:
        """Whether a source that can wait may push more (backpressure); `Taken` says: ask again.

        `alone`: it is for this avatar only. Else it does not wait while nothing gets through.
        """
        return self._feed.accepts(alone, now)

    # ---- sound ---------------------------------------------------------------------------------

    def push(
        self, event: SegmentEvent, captured_at: float, now: float, *, ages: bool = True
    ) -> None:
        """Take an event; `captured_at`, at an onset: monotonic second of its first sample.

        `ages`, at an onset: what waits becomes late; not so for sources that can wait.
        """
        self._states.heard(event)
        self._feed.push(event, captured_at, now, ages=ages)
        due = self._timer is not None and now >= self._timer
        if due or not self._feed.gathers(now):
            self._advance(now)

    def set_wait_for_avatar(self, seconds: float) -> None:
        """Set how long what can wait does so where nobody listens; then it is dropped, and counted.

        For ever, as long as nothing is set.
        """
        self._feed.wait_s = seconds

    def interrupt(self, now: float) -> None:
        """Drop what waits, close what is open, have the avatar drop the rest; `Cleared` ends it."""
        self._states.interrupted()
        self._feed.interrupt(now)
        self._clearing.supersede()
        self._clears = True
        self._advance(now)

    def muted(self, on: bool, now: float) -> None:
        """Note that the gate was closed or opened by hand: the avatar is told."""
        self._states.mute(on)
        self._advance(now)

    # ---- direct utterances ---------------------------------------------------------------------

    def claim(self, rate: int, now: float) -> int:
        """Wait for a turn to speak mono 16-bit PCM at `rate` Hz; `Granted` or `Refused` follows.

        Raises:
            ValueError: no such rate.
        """
        AudioFormat(rate)
        self._claims += 1
        self._sending.request(Request(claim=self._claims, rate=rate))
        self._advance(now)
        return self._claims

    def offer(self, claim: int, pcm: bytes, now: float) -> bool:
        """Take a second of sound at most; `Sent` follows, or `Ended`. False: it has ended."""
        utterance = self._sending.claimed(claim)
        if utterance is None:
            return False
        utterance.push(pcm)
        utterance.owes_sent = True
        self._advance(now)
        return True

    def want_capacity(self, claim: int, now: float) -> None:
        """Ask for `Capacity` as soon as there is any."""
        self._want_capacity.add(claim)
        self._advance(now)

    def end(self, claim: int, reason: EndReason, now: float) -> None:
        """End it: its rest is sent, unless interrupted; `Ended` follows where it had not ended."""
        if self._sending.claimed(claim) is not None:
            self._sending.end(reason, now)
        elif self._sending.withdraw(claim):
            self._outbox.put(Ended(claim, reason))
        self._advance(now)

    # ---- the avatar ----------------------------------------------------------------------------

    def listening(self, identity: str, now: float, *, proven: bool, dead: bool = False) -> None:
        """Note that an avatar listens; `proven`: it has answered a call.

        One that listened before is lost, unless it is the same. `dead`: it was proved to play
        nothing, and there is nobody better.
        """
        if self._playback.listening_to not in (None, identity):
            self._lose(now)
        if not self._playback.listening:
            self._outbox.name = identity
            self._states.renew()
        self._playback.listen(identity, now, proven=proven)
        if dead:
            self._evidence.presume_dead()
        self._advance(now)

    def lost(self, now: float) -> None:
        """Note that it is gone, silent or out of reach: what is open ends, nothing is awaited."""
        self._lose(now)
        self._advance(now)

    def connected(self, up: bool, now: float) -> None:
        """Note whether we are in the room: only there `Absent` is said. Up, if nothing is said."""
        self._absence.connected(up)
        self._advance(now)

    def network(self, gone: bool, now: float) -> None:
        """Note whether anything comes from the server: leaving does not wait in vain."""
        self._leaving.network(gone)
        self._advance(now)

    def playback_started(self, now: float) -> None:
        """Take the avatar's report that a segment is heard."""
        self._playback.started(now)
        self._plays(now)
        self._advance(now)

    def playback_finished(self, report: Finished, now: float) -> None:
        """Take the avatar's report that a segment has ended."""
        self._playback.finished(report, now)
        if not report.interrupted:
            self._plays(now)
        self._advance(now)

    def _plays(self, now: float) -> None:
        if self._sending.current is None and not self._clears:
            self._clearing.plays(now)

    # ---- results -------------------------------------------------------------------------------

    def opened(self, stream: int, ok: bool, now: float) -> None:
        """Take the result of `Open`."""
        self._sending.opened(stream, ok, now)
        self._advance(now)

    def wrote(self, stream: int, ok: bool, now: float) -> None:
        """Take the result of `Write`."""
        self._sending.wrote(stream, ok, now)
        self._advance(now)

    def closed(self, stream: int, ok: bool, now: float) -> None:
        """Take the result of `Close`."""
        self._sending.closed(stream, ok)
        self._advance(now)

    def answered(self, call: int, answer: Answer, now: float) -> None:
        """Take the result of `Call`."""
        self._answer(call, answer, now)
        self._advance(now)

    def heard(self, number: int, meter: Meter, now: float) -> None:
        """Take the result of `Listen`."""
        self._evidence.heard(number, meter, now)
        self._advance(now)

    # ---- leaving -------------------------------------------------------------------------------

    def leave(self, deadline: float | None, now: float) -> None:
        """Hand over what waits, let it play, and leave nothing to be reported; then `Left`.

        `deadline`, a monotonic second: leave by then (None: when all is played, and so much later
        as a report may be). Again, with a nearer one: hurry. See `leaving`.
        """
        self._leaving.leave(deadline, now)
        self._advance(now)

    # ---- output --------------------------------------------------------------------------------

    def actions(self) -> list[Action]:
        """Actions to be done now, in this order; each is handed out once."""
        return self._outbox.drain()

    def next_timer(self) -> float | None:
        """Monotonic second at which `handle_timer` is to be called; None: only after an input."""
        return self._timer

    def handle_timer(self, now: float) -> None:
        """Go on: time has passed."""
        self._advance(now)

    # ---- going on ------------------------------------------------------------------------------

    def _advance(self, now: float) -> None:
        """Let every part go on as far as it can, then say when time alone moves one."""
        for call in self._outbox.overdue(now):
            self._answer(call, Answer.NONE, now)
        while self._step(now):
            pass
        if self.has_left:
            self._lose(now)
            self._absence.connected(False)
        self._tell(now)
        self._timer = None if self.has_left else self._next_timer(now)

    def _step(self, now: float) -> bool:
        self._playback.advance(now)
        self._watch.advance(now)
        self._evidence.advance(now)
        if self._watch.is_silent:
            self._outbox.put(Silent())
            self._lose(now)
        held = self._clears or self._clearing.holds(now)
        went_on = self._sending.advance(now, held=held)
        went_on = self._feed.advance(now) or went_on
        if self._clears and self._sending.current is None:
            self._clears = False
            self._clearing.begin(clearing.ANSWER_S, clearing.REPORT_S, now)
        self._clearing.advance(now)
        went_on = went_on or (held and not (self._clears or self._clearing.holds(now)))
        return self._leaving.advance(now) or went_on

    def _answer(self, call: int, answer: Answer, now: float) -> None:
        if self._outbox.settle(call):
            for part in (self._sending, self._clearing, self._watch):
                part.answered(call, answer, now)
            self._states.answered(call, answer)

    def _lose(self, now: float) -> None:
        if self._playback.listening:
            self._playback.forget()
            self._watch.reset()
            self._evidence.reset()
            self._sending.lost(now)
            self._clearing.lost()

    def _tell(self, now: float) -> None:
        """Tell the avatar, people and whoever waits what is new."""
        current = self._sending.current
        self._states.sending(current.id if current is not None and current.sent else None)
        self._states.advance(now)
        self._feed.tell(now)
        self._absence.advance(now)
        if not self._leaving.is_shut:
            self._backlog.advance(now)
        for claim in sorted(self._want_capacity):
            if self._playback.capacity_s(now) > 0 or self._sending.claimed(claim) is None:
                self._want_capacity.discard(claim)
                self._outbox.put(Capacity(claim))
        held_s, stalled = self._feed.held_s, self._playback.is_stalled(now)
        if held_s < self._held_s or (stalled and not self._was_stalled):
            self._outbox.put(Taken())
        self._held_s, self._was_stalled = held_s, stalled
        if self._feed.is_idle and not self._was_idle:
            self._outbox.put(Idle())
        self._was_idle = self._feed.is_idle

    def _next_timer(self, now: float) -> float | None:
        at = earliest(
            self._outbox.next_timer(),
            self._playback.next_timer(now),
            self._watch.next_timer(now),
            self._evidence.next_timer(now),
            self._sending.next_timer(),
            self._feed.next_timer(now),
            self._clearing.next_timer(now),
            self._leaving.next_timer(now),
            self._states.next_timer(now),
            None if self._leaving.is_shut else self._backlog.next_timer(now),
            self._absence.next_timer(),
            self._playback.capacity_at(GRAIN_S, now) if self._want_capacity else None,
        )
        # Never at once again: a moment that is past already would be a mistake of ours.
        return None if at is None or at == math.inf else max(at, now + GRAIN_S)
