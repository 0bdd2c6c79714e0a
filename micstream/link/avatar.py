"""Avatar link as a state machine: who stands for the avatar, and whether it listens. Pure.

An avatar is looked for by a pattern; several participants may fit. One at a time is asked whether
it listens (`lk.clear_buffer`: a stock receiver takes that call just before it takes streams, and
what is sent before is lost without an error). It also clears, so it is asked only while nothing
plays.

    state      | means                             | left for
    -----------|-----------------------------------|-----------------------------------------------
    LOST       | we are not in the room            | ABSENT, JOINING, PROBING: connection, seen
    ABSENT     | nobody who fits is there          | JOINING, PROBING: seen
    JOINING    | nobody who fits is active yet     | PROBING: seen
    PROBING    | one is asked, and has not said    | LISTENING: it answers ok, or is taken as it is
               | that it listens                   | BOUND: it rejects us
    BOUND      | it listens to another sender, and | LISTENING: it answers ok
               | is asked every 2 s, for ever      | PROBING: it answers something else, or another
               |                                   | is asked
    LISTENING  | the next word is heard            | SILENT: silent()
               |                                   | ABSENT, JOINING, PROBING: it has left
    SILENT     | it was proved silent, and is      | LISTENING: it answers ok
               | asked until it answers            | PROBING: another is asked

From all of them: LOST by connection(False), ABSENT where nobody is left.

One that answers and was proved to play nothing (`dead`) is told to be silent. It gives way to any
other that listens; where there is none it is still spoken through: that costs nothing, and the
proof may be wrong. `alive` takes it back.

Whom to ask, where several fit: each gets its turn, those first that say that they speak for us. A
turn ends, in favour of the next, when it answers that it is bound, when it has not answered for the
ready timeout, or when it was proved silent; one that is not active has none (the first ones are
waited for a second). Once all have had their turn, they are asked one after the other until one
listens.

One that never has the method is taken by its video after the ready timeout, as it is after twice
that; but only when all have had their turn, and never if it has answered once: then it is one that
answers, and what the SDK shows may be an avatar that has left since.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final

from micstream import events, notices
from micstream.delivery.actions import Answer
from micstream.errors import AvatarUnavailable
from micstream.link.actions import Gone, How, Listening, Probe, Tell
from micstream.link.people import Person, candidates

PROBE_EVERY_S: Final = 0.1
PROBE_BOUND_EVERY_S: Final = 2.0
PROBE_TIMEOUT_S: Final = 1.0
"""What reaches an avatar while it is still joining is lost: better ask again than wait."""
ACTIVE_GRACE_S: Final = 1.0
"""So long one that joined earlier may take to become active before a later one is asked."""

Action = Probe | Listening | Gone | Tell


class State(Enum):
    """Where the link is; see the table above."""

    ABSENT = auto()
    JOINING = auto()
    PROBING = auto()
    LISTENING = auto()
    SILENT = auto()
    BOUND = auto()
    LOST = auto()


@dataclass(slots=True, eq=False)
class _Candidate:
    """One who fits, and what is known of it; times are monotonic seconds."""

    person: Person
    grace_until: float | None = None
    """How long later ones wait for it to become active; None: not, or no more."""
    asked_since: float | None = None
    """Since when it is asked without having said anything of use; None: not yet."""
    due_at: float = 0.0
    """When it may be asked again."""
    bound: bool = False
    silent: bool = False
    bound_told: bool = False
    dead: bool = False
    """It answers, and was proved to play nothing."""

    def begin_anew(self) -> None:
        """Forget how it answered: it gets its turn again."""
        self.asked_since, self.bound, self.silent, self.bound_told = None, False, False, False

    def waited_s(self, now: float) -> float:
        """Seconds since it was first asked; minus infinity before that."""
        return now - self.asked_since if self.asked_since is not None else -math.inf


class Link:
    """Way to one avatar. Input with the time, `actions` out, `next_timer` told."""

    def __init__(self, pattern: str, room: str, ready_timeout_s: float) -> None:
        """Start in LOST. The room's name is for messages; pattern as in `--avatar`."""
        self.pattern = pattern
        self._room = room
        self._timeout_s = ready_timeout_s
        self._connected = False
        self._candidates: list[_Candidate] = []
        self._focus: _Candidate | None = None
        """The one that listens, is asked, or will be asked next."""
        self._listens = False
        self._asking: int | None = None
        self._calls = 0
        self._answered_once: set[str] = set()
        self._silent: dict[str, str] = {}
        """Identities that were proved silent, and as which they had joined then."""
        self._several_told = False
        self._actions: list[Action] = []

    # ---- facts ---------------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """State now."""
        focus = self._focus
        if not self._connected:
            return State.LOST
        if focus is None:
            return State.JOINING if self._candidates else State.ABSENT
        if self._listens:
            return State.LISTENING
        if focus.bound:
            return State.BOUND
        return State.SILENT if focus.silent else State.PROBING

    @property
    def identity(self) -> str | None:
        """Identity of whoever stands for the avatar now: it listens, or is being asked."""
        return self._focus.person.identity if self._focus is not None else None

    @property
    def is_listening(self) -> bool:
        """Whether the next word is heard."""
        return self._listens

    def is_silent(self, identity: str) -> bool:
        """Whether this one was proved silent, and has neither listened nor joined anew since."""
        return identity in self._silent

    def absence(self, waited_s: float | None) -> AvatarUnavailable:
        """Error that says why nobody listens, after so many seconds, and what to do."""
        within = f" within {waited_s:g} s" if waited_s is not None else ""
        hint = "start the avatar, or name it with --avatar and its room with --room"
        if self._focus is not None:
            message, code = f"the avatar {self.pattern} does not listen", "avatar_not_listening"
        else:
            message = f"no avatar: {self.pattern} is not in the room {self._room!r}"
            code = "no_avatar"
        return AvatarUnavailable(message + within, hint=hint, code=code)

    def actions(self) -> list[Action]:
        """Drain what is to be done, in order."""
        drained, self._actions = self._actions, []
        return drained

    def next_timer(self) -> float | None:
        """Time at which `handle_timer` wants to be called; None: not by itself."""
        times = [each.grace_until for each in self._candidates if each.grace_until is not None]
        if self._focus is not None and not self._listens and self._asking is None:
            times.append(self._focus.due_at)
        return min(times, default=None)

    # ---- input ---------------------------------------------------------------------------------

    def connection(self, up: bool) -> None:
        """Take note of the connection: while it is away nobody can be reached, or believed."""
        if not up:
            self._lose()
            self._candidates.clear()
        self._connected = up

    def seen(self, people: Sequence[Person], now: float) -> None:
        """Take note of who is there: everybody who may stand for this avatar, each time anew."""
        if not self._connected:
            return
        known = {each.person.sid: each for each in self._candidates}
        self._candidates = []
        for person in candidates(people, (self.pattern,)):
            if self._silent.get(person.identity) not in (None, person.sid):
                del self._silent[person.identity]
            candidate = known.get(person.sid) or _Candidate(person, now + ACTIVE_GRACE_S)
            candidate.person = person
            if person.active:
                candidate.grace_until = None
            self._candidates.append(candidate)
        if self._focus is not None and self._focus not in self._candidates:
            self._lose()
        self._go_on(now)
        self._tell_several()

    def answered(self, call: int, answer: Answer, now: float) -> None:
        """Take the answer to a probe; one to an older probe says nothing any more."""
        asked = self._focus
        if call != self._asking or asked is None:
            return
        self._asking = None
        asked.due_at = now + PROBE_EVERY_S
        if answer is Answer.OK:
            self._take(asked, "probe")
            return
        asked.bound = answer is Answer.OTHER
        if asked.bound:
            asked.asked_since, asked.due_at = now, now + PROBE_BOUND_EVERY_S
            if not asked.bound_told:
                asked.bound_told = True
                self._warn(notices.bound_to_another(asked.person.identity))
        self._go_on(now)

    def silent(self, now: float) -> None:
        """Take note that the one that listens is proved silent: ask it, or others, anew."""
        focus = self._focus
        if focus is None or not self._listens:
            return
        identity = focus.person.identity
        self._lose()
        focus.silent, focus.asked_since, focus.due_at = True, now, now
        self._answered_once.add(identity)
        self._silent[identity] = focus.person.sid
        self._do(Tell(events.AvatarSilent(identity=identity)))
        self._warn(notices.silent(identity))
        self._go_on(now)

    def dead(self, now: float) -> None:
        """Take note that the one that listens is proved to play nothing, whatever it answers."""
        focus = self._focus
        if focus is None or not self._listens:
            return
        focus.dead = True
        self._silent[focus.person.identity] = focus.person.sid
        self._do(Tell(events.AvatarSilent(identity=focus.person.identity)))
        self._warn(notices.dead(focus.person.identity))
        if any(each.person.active and not each.dead for each in self._candidates):
            self._lose()
            focus.asked_since, focus.due_at = now, now
            self._go_on(now)

    def alive(self) -> None:
        """Take note that the one that was dead plays again."""
        focus = self._focus
        if focus is None or not (self._listens and focus.dead):
            return
        focus.dead = False
        self._silent.pop(focus.person.identity, None)
        self._do(Tell(events.AvatarReady(identity=focus.person.identity, how="heard")))

    def handle_timer(self, now: float) -> None:
        """Ask again, or another."""
        for each in self._candidates:
            if each.grace_until is not None and now >= each.grace_until:
                each.grace_until = None
        self._go_on(now)

    # ---- whom to ask ---------------------------------------------------------------------------

    def _go_on(self, now: float) -> None:
        """Take one, or ask the one whose turn it is."""
        if self._listens or self._asking is not None or not self._connected:
            return
        if (accepted := self._acceptable(now)) is not None:
            self._take(*accepted)
            return
        self._focus = self._next(now)
        if self._focus is not None and now >= self._focus.due_at:
            self._ask(self._focus, now)

    def _next(self, now: float) -> _Candidate | None:
        """Candidate to ask next: whose turn it is; when all had theirs, who waits longest."""
        for each in self._candidates:
            if each.grace_until is not None:
                return None
            if each.person.active and not self._had_turn(each, now):
                return each
        active = [each for each in self._candidates if each.person.active]
        return min(active, key=lambda each: each.due_at, default=None)

    def _had_turn(self, each: _Candidate, now: float) -> bool:
        return each.bound or each.silent or each.dead or each.waited_s(now) >= self._timeout_s

    def _acceptable(self, now: float) -> tuple[_Candidate, How] | None:
        """Candidate to take although it does not answer, once all had their turn."""
        active = [each for each in self._candidates if each.person.active]
        if not all(self._had_turn(each, now) for each in active):
            return None
        mute = [
            each
            for each in active
            if not each.bound and each.person.identity not in self._answered_once
        ]
        for each in mute:
            if each.person.has_video and each.waited_s(now) >= self._timeout_s:
                return each, "video"
        for each in mute:
            if each.waited_s(now) >= 2 * self._timeout_s:
                return each, "active"
        return None

    def _ask(self, candidate: _Candidate, now: float) -> None:
        self._calls += 1
        self._asking = self._calls
        if candidate.asked_since is None:
            candidate.asked_since = now
        self._do(Probe(self._calls, candidate.person.identity))

    # ---- changes -------------------------------------------------------------------------------

    def _take(self, candidate: _Candidate, how: How) -> None:
        """Speak through it from now on."""
        self._tell_passed_over(candidate)
        candidate.begin_anew()
        self._focus, self._listens = candidate, True
        identity = candidate.person.identity
        if not candidate.dead:
            self._silent.pop(identity, None)
        if how == "probe":
            self._answered_once.add(identity)
        else:
            self._warn(notices.unproven(identity, how))
        self._do(Tell(events.AvatarReady(identity=identity, how=how)))
        if candidate.dead:  # there is nobody better
            self._do(Tell(events.AvatarSilent(identity=identity)))
        self._do(Listening(identity, how))

    def _lose(self) -> None:
        """Nobody listens, nor is asked."""
        if self._listens:
            self._do(Gone())
            for each in self._candidates:
                each.begin_anew()
        self._listens, self._focus, self._asking = False, None, None

    # ---- telling -------------------------------------------------------------------------------

    def _tell_passed_over(self, taken: _Candidate) -> None:
        """Tell why another one is taken than the first that fits."""
        first = self._candidates[0]
        if first is taken:
            return
        if first.bound:
            why = "is bound to another sender"
        elif not first.person.active:
            why = "has not become active"
        elif first.dead:
            why = "plays nothing"
        elif first.silent or first.asked_since is not None:
            why = "does not answer"
        else:
            return  # it has come only now
        self._warn(notices.passed_over(first.person.identity, why, taken.person.identity))

    def _tell_several(self) -> None:
        """Tell, once, that several fit."""
        if self._several_told or len(self._candidates) < 2:
            return
        self._several_told = True
        ranked = sorted(self._candidates, key=lambda each: each is not self._focus)
        self._warn(notices.several_avatars([each.person.identity for each in ranked]))

    def _warn(self, warning: events.Warned) -> None:
        name = self.identity or self.pattern
        self._do(Tell(replace(warning, avatar=name)))

    def _do(self, action: Action) -> None:
        self._actions.append(action)
