"""Connection to the room as a state machine: attempts, losses, and who has a say. Pure.

Each attempt to join has a number, and only one is the adopted one. What any other says changes
nothing: one that was given up and succeeds later is left again.

    state        | joined        | join failed, no | reconnecting | reconnected | disconnected
                 |               | answer in time  |              |             |
    -------------|---------------|-----------------|--------------|-------------|-----------------
    CONNECTING   | CONNECTED, Up | first: CLOSED   | -            | -           | kept: LOST once
                 |               | later: LOST     |              |             | it has joined
    CONNECTED    | Discard it    | -               | RECONNECTING | -           | LOST, or CLOSED
                 |               |                 | Down         |             | (see `Cause`)
    RECONNECTING | Discard it    | -               | -            | CONNECTED   | LOST, or CLOSED
                 |               |                 |              | Up          |
    LOST         | Discard it    | -               | -            | -           | -
    CLOSED       | Discard it    | -               | -            | -           | -

From LOST each pause of the backoff leads to CONNECTING, once no attempt that was given up can come
back any more (that is waited for, within bounds); `close` leads to CLOSED from everywhere.

An attempt of ours that was given up may join late and put the adopted one out. So while there is
one, `Cause.TAKEN` is a loss like any other. Otherwise it is the end: two that both come back would
put each other out in turn, for ever. What a person has done on purpose is the end too: who was
removed, or whose room was deleted, does not come back unasked (`stay`).
"""

from __future__ import annotations

import math
from enum import Enum, auto
from typing import Final

from micstream import notices
from micstream.backoff import Backoff
from micstream.errors import ConnectionFailed, MicstreamError
from micstream.events import Connection as Told
from micstream.link.actions import Discard, Down, Failed, Join, Tell, Up

RETRY_S: Final = (0.5, 1.0, 2.0, 4.0, 5.0)
"""Pauses before each attempt after a loss."""
CONNECT_S: Final = 15.0
"""Timeout of an attempt; the SDK itself may go on with it for longer."""
STRAY_S: Final = 20.0
"""Longest wait for an attempt that was given up to be out of the room."""
STRAY_SAID_S: Final = 10.0
"""So long after it was, the server may still tell us that it had put us out."""

Action = Join | Discard | Up | Down | Failed | Tell


class Cause(Enum):
    """Why the SDK's room has ended."""

    LOST = auto()
    """The network, the server, or nothing that is told."""
    TAKEN = auto()
    """Somebody joined under our identity."""
    REMOVED = auto()
    """Somebody with the server's API key put us out."""
    DELETED = auto()
    """Somebody with the server's API key deleted the room."""


class State(Enum):
    """Where the connection is."""

    CONNECTING = auto()
    CONNECTED = auto()
    RECONNECTING = auto()
    """The SDK joins anew by itself."""
    LOST = auto()
    """The SDK has given up; the next attempt is ours."""
    CLOSED = auto()
    """For good: we have left, or were put out."""


class Connection:
    """Our place in one room. Input with the time, `actions` out, `next_timer` told."""

    def __init__(self, identity: str, server: str, room: str = "", *, stay: bool = False) -> None:
        """Start in LOST, idle until `start`; identity, server (as shown), room are for messages.

        `stay`: come back also where we were removed, or the room was deleted.
        """
        self._identity, self._server, self._room = identity, server, room
        self._stay = stay
        self._state = State.LOST
        self._attempt = 0
        self._number = 1  # as it is told: from 1 again after each loss
        self._was_in = False
        self._ended_early: Cause | None = None
        self._backoff = Backoff(*RETRY_S)
        self._retry_at = math.inf
        self._give_up_at = math.inf
        self._strays: dict[int, float] = {}
        """Attempts that were given up and may yet join, and how long they are waited for."""
        self._stray_said_until = -math.inf
        self._failure: MicstreamError | None = None
        self._actions: list[Action] = []

    # ---- facts ---------------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """State now."""
        return self._state

    @property
    def failure(self) -> MicstreamError | None:
        """Error that closed the connection for good, if one has."""
        return self._failure

    @property
    def adopted(self) -> int | None:
        """Number of the attempt whose room is ours; None while there is none."""
        there = self._state in (State.CONNECTED, State.RECONNECTING)
        return self._attempt if there else None

    def actions(self) -> list[Action]:
        """Drain what is to be done, in order."""
        drained, self._actions = self._actions, []
        return drained

    def next_timer(self) -> float | None:
        """Time at which `handle_timer` wants to be called; None: not by itself."""
        if self._state is State.CONNECTING:
            return self._give_up_at
        if self._state is State.LOST and self._retry_at < math.inf:
            return max(self._retry_at, *self._strays.values(), -math.inf)
        return None

    # ---- input ---------------------------------------------------------------------------------

    def start(self, now: float) -> None:
        """Begin the first attempt."""
        self._join(now)

    def joined(self, attempt: int, now: float) -> None:
        """Take the room that this attempt has joined, if it is the one waited for."""
        if attempt != self._attempt or self._state is not State.CONNECTING:
            if attempt not in self._strays and attempt != self.adopted:
                self._discard(attempt, now)
            return
        self._state, self._was_in = State.CONNECTED, True
        self._backoff.reset()
        self._tell("connected", self._number)
        self._do(Up(attempt))
        if self._ended_early is not None:  # it was over before we knew that it had begun
            self.disconnected(attempt, self._ended_early, now=now)

    def join_failed(self, attempt: int, error: MicstreamError, now: float) -> None:
        """Try again later, but for the first one, which ends it."""
        if attempt != self._attempt or self._state is not State.CONNECTING:
            return
        if not self._was_in:
            self._fail(error)
            return
        self._do(Tell(notices.trouble(error)))
        self._state = State.LOST
        self._retry_at = now + self._backoff.next_s()

    def reconnecting(self, attempt: int, now: float) -> None:
        """Take note that the SDK has lost the server and joins anew by itself."""
        del now
        if attempt == self.adopted and self._state is State.CONNECTED:
            self._tell("reconnecting", 1)
            self._go_down()
            self._state = State.RECONNECTING

    def reconnected(self, attempt: int, now: float) -> None:
        """Take note that the SDK has succeeded in that."""
        del now
        if attempt == self.adopted and self._state is State.RECONNECTING:
            self._state = State.CONNECTED
            self._tell("connected", 1)
            self._do(Up(attempt))

    def disconnected(self, attempt: int, cause: Cause, *, now: float) -> None:
        """Take note that the room is left, and why."""
        if attempt == self._attempt and self._state is State.CONNECTING:
            self._ended_early = cause
        if attempt != self.adopted:
            return
        self._go_down()
        if cause is Cause.TAKEN and not self._may_be_our_own(now):
            self._fail(notices.identity_in_use(self._identity))
            return
        if cause in (Cause.REMOVED, Cause.DELETED):
            error = notices.put_out(self._identity, self._room, deleted=cause is Cause.DELETED)
            if not self._stay:
                self._fail(error)
                return
            self._do(Tell(notices.comes_back(error)))
        self._state = State.LOST
        self._number = 0
        self._tell("lost", 0)
        self._retry_at = now + self._backoff.next_s()

    def discarded(self, attempt: int, now: float) -> None:
        """Take note that an attempt which was given up is out of the room, and stays out."""
        if self._strays.pop(attempt, None) is not None:
            self._stray_said_until = now + STRAY_SAID_S

    def close(self, now: float) -> None:
        """Leave the room, or do not join it any more."""
        if self._state is State.CLOSED:
            return
        self._go_down()
        if self._state in (State.CONNECTING, State.CONNECTED, State.RECONNECTING):
            self._discard(self._attempt, now)
        self._state = State.CLOSED

    def handle_timer(self, now: float) -> None:
        """Give up an attempt that takes too long, or begin the next."""
        if self._state is State.CONNECTING and now >= self._give_up_at:
            self._discard(self._attempt, now)
            self.join_failed(self._attempt, self._no_answer(), now)
            return
        due = self.next_timer()
        if self._state is State.LOST and due is not None and now >= due:
            self._join(now)

    # ---- steps ---------------------------------------------------------------------------------

    def _join(self, now: float) -> None:
        self._attempt += 1
        if self._was_in:
            self._number += 1
        self._state, self._ended_early = State.CONNECTING, None
        self._give_up_at, self._retry_at = now + CONNECT_S, math.inf
        self._tell("connecting", self._number)
        self._do(Join(self._attempt))

    def _go_down(self) -> None:
        if self._state is State.CONNECTED:
            self._do(Down())

    def _discard(self, attempt: int, now: float) -> None:
        self._strays[attempt] = now + STRAY_S
        self._do(Discard(attempt))

    def _may_be_our_own(self, now: float) -> bool:
        return bool(self._strays) or now < self._stray_said_until

    def _fail(self, error: MicstreamError) -> None:
        self._state, self._failure = State.CLOSED, error
        self._do(Failed(error))

    def _no_answer(self) -> ConnectionFailed:
        return ConnectionFailed(
            f"{self._server} does not answer within {CONNECT_S:.0f} s",
            hint="check LIVEKIT_URL and the network; micstream doctor looks closer",
            code="server_unreachable",
        )

    def _tell(self, state: str, attempt: int) -> None:
        self._do(Tell(Told(state=state, attempt=attempt)))  # type: ignore[arg-type]

    def _do(self, action: Action) -> None:
        self._actions.append(action)
