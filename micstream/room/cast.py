"""All avatars that we speak through, and which of them has the voice."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any

from micstream.errors import UsageError
from micstream.events import Voice
from micstream.monitor import Monitor
from micstream.room.room import AvatarRoom
from micstream.room.speaker import Speaker
from micstream.room.state import AvatarState
from micstream.settings import Settings
from micstream.speech.events import Onset, SegmentEvent


class Cast:
    """A speaker for each role, so that one that is slow or absent holds up no other.

    What is said goes to those that have the voice: all, or one. Who got an utterance's onset gets
    all of that utterance.

    Raises:
        UsageError: the voice is to be with one that is not there.
    """

    def __init__(self, room: AvatarRoom, monitor: Monitor, settings: Settings) -> None:
        self._roles = room.roles
        self._monitor = monitor
        self._speakers = tuple(Speaker(role, settings) for role in room.roles)
        self._states = tuple(AvatarState(role, settings.avatar_state) for role in room.roles)
        for speaker, state in zip(self._speakers, self._states, strict=True):
            speaker.on_event = state.heard
            monitor.listen(state.note)
        try:
            self._voice = self._chosen(settings.route)
        except ValueError as error:
            raise UsageError(
                f"--voice {settings.route}: {error}",
                hint=f"expected 0 (all of them) to {len(self._roles)}, in the order of --avatar",
                code="no_such_avatar",
            ) from None
        self._hearing = self._voice
        """Who gets what is left of the utterance."""

    def __len__(self) -> int:
        return len(self._roles)

    @property
    def held_s(self) -> float:
        """Seconds of sound that wait to be sent, where most do."""
        return max(speaker.held_s for speaker in self._speakers)

    def work(self) -> Iterator[Coroutine[Any, Any, None]]:
        """The speakers' tasks: each speaks until cancelled."""
        return (speaker.run() for speaker in self._speakers)

    def beside(self) -> Iterator[Coroutine[Any, Any, None]]:
        """And those that tell: the avatars what the performer does, us how the avatars are."""
        yield from (state.run() for state in self._states)
        for role in self._roles:
            yield role.tell_backlog()
            yield role.tell_absence()

    # ---- the voice -----------------------------------------------------------------------------

    def give_voice(self, number: int) -> None:
        """To one, by its place from 1 up, or to all (0); from the next onset on.

        Raises:
            ValueError: there are not so many.
        """
        self._voice = self._chosen(number)
        self.tell_voice()

    def would_change(self, number: int) -> bool:
        """Whether that gives it to others than those who have it; raises as `give_voice`."""
        return self._chosen(number) != self._voice

    def tell_voice(self) -> None:
        """Say who has it, where that is a question."""
        if len(self._roles) > 1:
            having = tuple(
                role.pattern
                for role, speaker in zip(self._roles, self._speakers, strict=True)
                if speaker in self._voice
            )
            self._monitor.emit(Voice(avatars=having))

    def _chosen(self, number: int) -> tuple[Speaker, ...]:
        if not 0 <= number <= len(self._speakers):
            raise ValueError(f"avatars: {len(self._speakers)}; there is no {number}")
        return self._speakers[number - 1 : number] if number else self._speakers

    # ---- what is said --------------------------------------------------------------------------

    def put(self, event: SegmentEvent, captured_at: float, *, ages: bool = True) -> None:
        """As `Speaker.put`, to whoever has the voice."""
        for speaker in self._hears(event):
            speaker.put(event, captured_at, ages=ages)

    async def put_in_turn(
        self, event: SegmentEvent, captured_at: float, *, patience: float
    ) -> None:
        """As `Speaker.put_in_turn`; while another listens, none that gets nothing is waited for."""
        hearing = self._hears(event)
        for speaker in hearing:
            alone = not any(other.is_heard for other in hearing if other is not speaker)
            await speaker.put_in_turn(
                event, captured_at, patience=patience if alone else 0.0, alone=alone
            )

    def mute(self, muted: bool) -> None:
        """The microphone's line was closed or opened by hand."""
        for state in self._states:
            state.mute(muted)

    async def join(self) -> None:
        """Until everything taken is sent or dropped."""
        await asyncio.gather(*(speaker.join() for speaker in self._speakers))

    async def interrupt(self) -> None:
        """Have every avatar stop, also one that only plays what is left of it."""
        for state in self._states:
            state.interrupted()
        await asyncio.gather(*(speaker.interrupt() for speaker in self._speakers))

    async def rest(self) -> None:
        """We leave: see `AvatarState.rest`."""
        await asyncio.gather(*(state.rest() for state in self._states))

    def _hears(self, event: SegmentEvent) -> tuple[Speaker, ...]:
        if isinstance(event, Onset):
            self._hearing = self._voice
        return self._hearing
