"""States told to the avatar: what the performer does; it may look up, nod or hold still. Pure.

Source: Avaluma's plugin, which hands on what a livekit-agents session says of its user and its
agent. Here the user is the performer, by the detector's word. The agent is whom the avatar plays:
it speaks from the first sound that is sent until the last of it is played. Reports of playing are
not needed for that: some avatars never make one, and a report of a start may be missing.

| method | `speaking` | `listening` | `away` |
|---|---|---|---|
| `user_state_changed` | from an onset to its end | else | muted by hand; we leave |
| `agent_state_changed` | from the first write until all is played | else | |

One call of each kind at a time, and then its newest state; what is old is never told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from micstream.delivery.actions import Answer
from micstream.delivery.options import DeliveryOptions
from micstream.delivery.outbox import Outbox
from micstream.delivery.playback import Playback
from micstream.speech.events import End, Onset, SegmentEvent

ANSWER_S: Final = 1.0
"""How long an avatar may take to answer; what comes later is not waited for."""


@dataclass(slots=True)
class _Told:
    """One kind of state."""

    method: str
    state: str = "listening"
    told: str | None = None
    call: int | None = None
    unsupported: bool = False
    """The avatar does not have the call; not tried again until one listens anew."""


class AvatarStates:
    """The newest state of each kind that is to be told."""

    def __init__(self, options: DeliveryOptions, outbox: Outbox, playback: Playback) -> None:
        self._outbox = outbox
        self._playback = playback
        self._user = _Told(options.dialect.user_state_method)
        self._agent = _Told(options.dialect.agent_state_method)
        kinds = {"on": (self._user, self._agent), "user": (self._user,), "agent": (self._agent,)}
        self._kinds = kinds.get(options.states, ())
        self._muted = self._speaking = False
        self._open: str | None = None
        """The id of the utterance that is being sent."""

    @property
    def is_told(self) -> bool:
        """Whether no answer is awaited, and nothing is left to be told."""
        return not any(kind.call is not None or self._is_due(kind) for kind in self._kinds)

    # ---- input ---------------------------------------------------------------------------------

    def heard(self, event: SegmentEvent) -> None:
        """Take what the segmenter says."""
        match event:
            case Onset():
                self._speaking = True
            case End():
                self._speaking = False
            case _:
                return
        self._set_user()

    def interrupted(self) -> None:
        """Note that what was being said is over: the segmenter is silent about it."""
        self._speaking = False
        self._set_user()

    def mute(self, muted: bool) -> None:
        """Note that the gate was closed or opened by hand."""
        self._muted = muted
        self._set_user()

    def sending(self, id: str | None) -> None:
        """Note which utterance is being sent, once something of it is; None: none is."""
        self._open = id
        if id is not None:
            self._agent.state = "speaking"

    def renew(self) -> None:
        """Tell all of it to an avatar that has begun to listen."""
        for kind in self._kinds:
            kind.told, kind.call, kind.unsupported = None, None, False

    def rest(self) -> None:
        """Tell that nobody speaks any more: we leave."""
        self._user.state, self._agent.state = "away", "listening"

    def answered(self, call: int, answer: Answer) -> None:
        """Take the answer to a call: it matters only where the avatar does not have it."""
        for kind in self._kinds:
            if kind.call == call:
                kind.call = None
                kind.unsupported = answer is Answer.UNSUPPORTED

    def _set_user(self) -> None:
        speaking = "speaking" if self._speaking else "listening"
        self._user.state = "away" if self._muted else speaking

    # ---- going on ------------------------------------------------------------------------------

    def advance(self, now: float) -> None:
        """Tell what is new."""
        if self._ends and self._playback.backlog_s(now) <= 0:
            self._agent.state = "listening"
        for kind in self._kinds:
            if kind.call is None and self._is_due(kind):
                kind.told = kind.state
                kind.call = self._outbox.call(kind.method, kind.state, ANSWER_S, now)

    def next_timer(self, now: float) -> float | None:
        """Monotonic second at which all is played."""
        return self._playback.backlog_at(0.0, now) if self._ends and self._kinds else None

    @property
    def _ends(self) -> bool:
        """Whether all is sent, and the last of it may still be played."""
        return self._open is None and self._agent.state == "speaking"

    def _is_due(self, kind: _Told) -> bool:
        return self._playback.listening and not kind.unsupported and kind.told != kind.state
