"""Laws of the viewer, without a server: anybody comes, publishes and goes, at any time.

What is wanted of somebody who publishes it is subscribed to in the end, and nothing else; what is
read is what is taken; all that was opened is closed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, cast
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from livekit import rtc

from micstream.viewer.picture import PictureFeed
from micstream.viewer.sound import SoundFeed
from micstream.viewer.tap import Tap
from micstream.viewer.viewer import Viewer

SOUND, PICTURE = rtc.TrackKind.KIND_AUDIO, rtc.TrackKind.KIND_VIDEO
WHO = ("avatar-a", "avatar-b")


class Track:
    """A track that is subscribed to."""

    def __init__(self, sid: str, kind: int) -> None:
        self.sid, self.kind = sid, kind


class Publication:
    """A track that is published; the server does what it is asked for later."""

    def __init__(self, room: FakeRoom, who: Participant, sid: str, kind: int) -> None:
        self.sid, self.kind = sid, kind
        self.subscribed = False
        self.track: Track | None = None
        self._room, self._who = room, who

    def set_subscribed(self, subscribed: bool) -> None:
        self._room.asked.append(lambda: self._happen(subscribed))

    def _happen(self, subscribed: bool) -> None:
        is_there = self._room.remote_participants.get(self._who.identity) is self._who
        is_there &= self._who.track_publications.get(self.sid) is self
        if not is_there or self.subscribed == subscribed:
            return
        track, self.subscribed = self.track, subscribed
        if subscribed:
            self.track = Track(self.sid, self.kind)
            self._room.emit("track_subscribed", self.track, self, self._who)
        else:
            self.track = None
            self._room.emit("track_unsubscribed", track, self, self._who)


class Participant:
    """Somebody in the room."""

    def __init__(self, identity: str) -> None:
        self.identity = identity
        self.track_publications: dict[str, Publication] = {}


class FakeRoom:
    """What the SDK tells, in its order."""

    def __init__(self) -> None:
        self.remote_participants: dict[str, Participant] = {}
        self.asked: deque[Callable[[], None]] = deque()
        self._handlers: dict[str, list[Callable[..., None]]] = {}
        self._numbers = iter(range(10_000))

    def on(self, name: str, handler: Callable[..., None]) -> None:
        self._handlers.setdefault(name, []).append(handler)

    def emit(self, name: str, *what: object) -> None:
        for handler in self._handlers.get(name, ()):
            handler(*what)

    def serve(self) -> None:
        """Do the next thing that was asked for."""
        if self.asked:
            self.asked.popleft()()

    def come(self, identity: str) -> None:
        if identity not in self.remote_participants:
            self.remote_participants[identity] = Participant(identity)
            self.emit("participant_connected", self.remote_participants[identity])

    def come_publishing(self, identity: str) -> None:
        self.come(identity)
        for kind in (SOUND, PICTURE):
            self.publish(identity, kind)

    def go(self, identity: str) -> None:
        if identity in self.remote_participants:
            self.emit("participant_disconnected", self.remote_participants.pop(identity))

    def publish(self, identity: str, kind: int) -> None:
        if (who := self.remote_participants.get(identity)) is not None:
            made = Publication(self, who, f"TR_{next(self._numbers)}", kind)
            who.track_publications[made.sid] = made
            self.emit("track_published", made, who)

    def unpublish(self, identity: str, kind: int) -> None:
        for each in self.published(identity, kind)[:1]:
            who = self.remote_participants[identity]
            del who.track_publications[each.sid]
            self.emit("track_unpublished", each, who)

    def drop(self, identity: str, kind: int) -> None:
        """The server itself ends a subscription."""
        for each in self.published(identity, kind)[:1]:
            each._happen(False)

    def published(self, identity: str, kind: int) -> list[Publication]:
        who = self.remote_participants.get(identity)
        return (
            [each for each in who.track_publications.values() if each.kind == kind] if who else []
        )


class Readers:
    """What is read now, by sid."""

    def __init__(self) -> None:
        self.now: list[str] = []

    async def items(self, track: Track) -> AsyncGenerator[int, None]:
        self.now.append(track.sid)
        try:
            await asyncio.Event().wait()
            yield 0
        finally:
            self.now.remove(track.sid)


@contextmanager
def reading() -> Iterator[Readers]:
    """In place of the SDK's streams; all are closed in the end."""
    made = Readers()
    with (
        patch.object(SoundFeed, "_items", made.items),
        patch.object(PictureFeed, "_items", made.items),
    ):
        yield made
    assert made.now == []


STEPS = (
    *("come", "come_publishing", "go", "publish", "unpublish", "drop"),
    *("subscribe", "take", "detach", "serve", "serve_one"),
)
steps = st.lists(
    st.tuples(st.sampled_from(STEPS), st.sampled_from(WHO), st.sampled_from((SOUND, PICTURE))),
    min_size=16,  # or they are five, as a rule
    max_size=60,
)


@settings(max_examples=600)
@given(steps=steps)
def test_what_is_wanted_is_subscribed_to_and_what_is_taken_is_read(
    steps: list[tuple[str, str, Any]],
) -> None:
    async def play(readers: Readers) -> None:
        room = FakeRoom()
        viewer = Viewer(cast("rtc.Room", room))
        wanted: set[tuple[str, int]] = set()
        taps: list[tuple[str, int, Tap[Any]]] = []
        for what, who, kind in steps:
            match what:
                case "come" | "come_publishing" | "go":
                    getattr(room, what)(who)
                case "publish" | "unpublish" | "drop":
                    getattr(room, what)(who, kind)
                case "subscribe":
                    viewer.subscribe(who, sound=kind == SOUND, picture=kind == PICTURE)
                    wanted.add((who, kind))
                case "take":
                    tap: Tap[Any] = viewer.listen(who) if kind == SOUND else viewer.watch(who)
                    taps.append((who, kind, tap))
                case "detach" if taps:
                    (*which, tap), asked = taps.pop(), len(room.asked)
                    viewer.detach(tap)
                    if tuple(which) in wanted | {(who, kind) for who, kind, _ in taps}:
                        assert len(room.asked) == asked, "somebody else wants it still"
                case "serve":
                    while room.asked:
                        room.serve()
                    await asyncio.sleep(0)
                case "serve_one":
                    room.serve()
        while room.asked:
            room.serve()
        for _ in range(5):
            await asyncio.sleep(0)
        taken = {(who, kind) for who, kind, _ in taps}
        for who in WHO:
            for kind in (SOUND, PICTURE):
                is_wanted = (who, kind) in wanted | taken
                assert all(each.subscribed == is_wanted for each in room.published(who, kind))
        read = [each.sid for who, kind in taken for each in room.published(who, kind)]
        assert sorted(readers.now) == sorted(read), "each once, and nothing else"
        await viewer.aclose()
        assert readers.now == []
        for _, _, tap in taps:
            assert [item async for item in tap] == [], "all taps end"

    with reading() as readers:
        asyncio.run(play(readers))


async def test_whoever_waits_is_woken_by_whatever_changes() -> None:
    room = FakeRoom()
    viewer = Viewer(cast("rtc.Room", room))
    assert viewer.track("avatar-a") is None
    viewer.subscribe("avatar-a", sound=True)
    waiting = [
        asyncio.create_task(viewer.until(condition))
        for condition in (
            lambda: viewer.find("avatar-a"),
            lambda: viewer.publishes_sound("avatar-a"),
            lambda: viewer.track("avatar-a"),
            lambda: viewer.find("avatar-a") is None,
        )
    ]
    waiting[3].cancel()
    done = []
    happens: tuple[Callable[[], None], ...] = (
        partial(room.come, "avatar-a"),
        partial(room.publish, "avatar-a", SOUND),
        room.serve,
    )
    for step in happens:
        await asyncio.sleep(0)
        step()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        done.append([task.done() for task in waiting[:3]])
    assert done == [[True, False, False], [True, True, False], [True, True, True]]
    await viewer.aclose()
