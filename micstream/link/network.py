"""Network watch as a state machine: where nothing comes from the server, the network is gone. Pure.

The SDK takes some fifteen seconds to notice that. Its statistics say when the last packet came, and
a look at them costs a quarter of a millisecond. While sound is sent the server acknowledges it
several times a second; while none is, a byte to ourselves, which the server hands to nobody, is
acknowledged too. Whether the avatar answers plays no part in it.

    state | a packet came lately                | nothing came for a while
    ------|-------------------------------------|----------------------------------------------------
    IDLE  | -                                   | -
    HERE  | look again when it may be stale     | nudge; after `NUDGES` of them, and GONE_S: GONE
    GONE  | HERE, told                          | nudge
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from micstream import events, notices
from micstream.link.actions import Look, NetworkGone, Nudge, Tell

FRESH_S: Final = 0.35
"""A packet as young as this says that all is well; the server may wait 0.2 s with its answer."""
STEP_S: Final = 0.1
GONE_S: Final = 0.7
"""Nothing for so long, and for the time that a packet takes there and back: it is gone. A jitter of
0.2 s each way stays below that."""
NUDGES: Final = 4
"""And so many bytes to ourselves were not acknowledged: one or two may be lost on their way, and
one that was sent before this program stood still proves nothing."""
AWAY_S: Final = 0.5
"""How often it is asked for once it is gone: less than `GONE_S`, for its answer to be seen."""

Action = Look | Nudge | NetworkGone | Tell


class State(Enum):
    """Whether anything comes."""

    IDLE = auto()
    """Not watched: we are not connected, or the SDK has noticed itself."""
    HERE = auto()
    GONE = auto()


class NetworkWatch:
    """Watch over the way to the server, while the SDK holds it to be connected."""

    def __init__(self) -> None:
        self._state = State.IDLE
        self._gone = False
        self._nudges = 0
        self._look_at: float | None = None
        self._actions: list[Action] = []

    @property
    def state(self) -> State:
        """State now."""
        return self._state

    @property
    def is_gone(self) -> bool:
        """Whether nothing comes, as was told; also when the SDK has noticed since."""
        return self._gone

    def actions(self) -> list[Action]:
        """Drain what is to be done, in order. A `Look` or a `Nudge` is one at a time."""
        drained, self._actions = self._actions, []
        return drained

    def next_timer(self) -> float | None:
        """Time at which `handle_timer` wants to be called; None: not by itself."""
        return self._look_at

    def start(self, now: float) -> None:
        """Begin: we are connected, as the SDK says."""
        self._state, self._nudges = State.HERE, 0
        self._set_gone(False)
        self._look_at = now

    def stop(self) -> None:
        """End: the SDK has noticed by itself, or we leave. What is under way says nothing."""
        self._state, self._look_at = State.IDLE, None

    def seen(self, quiet_s: float, round_trip_s: float, now: float) -> None:
        """Take a look's result: seconds since the last packet, seconds there and back."""
        if self._state is State.IDLE:
            return
        gone = self._state is State.GONE
        if quiet_s < (GONE_S if gone else FRESH_S):
            self._nudges = 0
            if gone:
                self._state = State.HERE
                self._set_gone(False)
                self._actions.append(Tell(events.Connection(state="connected", attempt=0)))
            self._look_at = now + max(STEP_S, FRESH_S - quiet_s)
            return
        if not gone and self._nudges >= NUDGES and quiet_s >= GONE_S + round_trip_s:
            self._state = State.GONE
            self._set_gone(True)
            self._actions.append(Tell(notices.network_gone()))
        self._nudges += 1
        self._actions.append(Nudge())

    def unknown(self, now: float) -> None:
        """Take note that the SDK does not know: it joins anew, or has no packet yet."""
        if self._state is not State.IDLE:
            self._look_at = now + AWAY_S

    def nudged(self, now: float) -> None:
        """Take note that the byte is out, or could not be sent: the statistics will say."""
        if self._state is not State.IDLE:
            self._look_at = now + (AWAY_S if self._state is State.GONE else STEP_S)

    def handle_timer(self, now: float) -> None:
        """Look."""
        if self._look_at is not None and now >= self._look_at:
            self._look_at = None
            self._actions.append(Look())

    def _set_gone(self, gone: bool) -> None:
        if gone is not self._gone:
            self._gone = gone
            self._actions.append(NetworkGone(gone))
