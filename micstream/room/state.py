"""What the performer does, told to the avatar: it may look up, nod or hold still.

Source: Avaluma's plugin, which hands on what a livekit-agents session says of its user and its
agent. Here the user is the performer, by the detector's word. The agent is whom the avatar plays:
it speaks from the first sound that is sent until the last of it is played. Reports of playing are
not needed for that: some avatars never make one, and a report of a start may be missing.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final, Literal

from livekit import rtc

from micstream import events
from micstream.delivery import wire
from micstream.room.role import Role
from micstream.speech.events import End, Onset, SegmentEvent

_TICK_S: Final = 0.1
"""How often it is looked whether all is played, once all is sent."""


class AvatarState:
    """The newest state of each kind, told by a task of its own; what is old is never told."""

    def __init__(self, role: Role, which: Literal["on", "user", "agent", "off"]) -> None:
        self._role = role
        self._states: dict[str, str] = {}
        if which in ("on", "user"):
            self._states[wire.USER_STATE] = "listening"
        if which in ("on", "agent"):
            self._states[wire.AGENT_STATE] = "listening"
        self._told: dict[str, str] = {}
        self._unknown: set[str] = set()
        """Calls that this avatar does not have; not tried again until one has joined anew."""
        self._changed = asyncio.Event()
        self._muted = self._speaking = False
        self._open: str | None = None
        """The id of the utterance that is being sent."""

    def heard(self, event: SegmentEvent) -> None:
        """What the segmenter says."""
        match event:
            case Onset():
                self._speaking = True
            case End():
                self._speaking = False
            case _:
                return
        self._tell_user()

    def interrupted(self) -> None:
        """What was being said is over: the segmenter is silent about it."""
        self._speaking = False
        self._tell_user()

    def mute(self, muted: bool) -> None:
        """The microphone's line was closed or opened by hand."""
        self._muted = muted
        self._tell_user()

    def note(self, event: events.Event) -> None:
        """What the monitor says."""
        match event:
            case events.AvatarReady(identity=who) if who == self._role.identity:
                self._told.clear()
                self._unknown.clear()
                self._changed.set()
            case events.UtteranceStarted(id=id, avatar=who) if who in (None, self._role.identity):
                self._open = id
                self._set(wire.AGENT_STATE, "speaking")
            case events.UtteranceEnded(id=id) if id == self._open:
                self._open = None
                self._changed.set()
            case _:
                pass

    async def run(self) -> None:
        """Tell, until cancelled."""
        while self._states:
            ending = self._states.get(wire.AGENT_STATE) == "speaking" and not self._open
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TICK_S if ending else None):
                    await self._changed.wait()
            self._changed.clear()
            if ending and not self._open and self._role.backlog <= 0:
                self._states[wire.AGENT_STATE] = "listening"
            for method in self._states:
                await self._tell(method)

    async def rest(self) -> None:
        """We leave: nobody speaks any more. To be called when `run` has ended."""
        self._set(wire.USER_STATE, "away")
        self._set(wire.AGENT_STATE, "listening")
        await asyncio.gather(*(self._tell(method) for method in self._states))

    def _tell_user(self) -> None:
        speaking = "speaking" if self._speaking else "listening"
        self._set(wire.USER_STATE, "away" if self._muted else speaking)

    def _set(self, method: str, state: str) -> None:
        if method in self._states:
            self._states[method] = state
            self._changed.set()

    async def _tell(self, method: str) -> None:
        state = self._states[method]
        ready = self._role.is_ready and method not in self._unknown
        if not ready or self._told.get(method) == state:
            return
        self._told[method] = state
        try:
            await self._role.call(method, state)
        except rtc.RpcError as error:
            if error.code == rtc.RpcError.ErrorCode.UNSUPPORTED_METHOD:
                self._unknown.add(method)
