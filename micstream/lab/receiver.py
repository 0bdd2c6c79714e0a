"""A receiver that plays nothing: it is the avatar of a room, and looks at what it is sent.

Shell of `traffic`: hands in what the SDK tells, with the time, tells what comes of it, sends the
reports, and sets one timer.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, Literal

from livekit import rtc

from micstream.delivery import wire
from micstream.errors import ConnectionFailed
from micstream.events import Event
from micstream.lab.seen import Inspected, Inspecting, ParticipantSeen
from micstream.lab.traffic import Report, Traffic
from micstream.room import token
from micstream.room.address import server_url
from micstream.room.connect import TOKEN_LIFE, enter
from micstream.room.joining import say_goodbye
from micstream.room.participant import participant
from micstream.room.redact import guard_sdk_log
from micstream.settings.pieces import ConnectionSettings
from micstream.tasks import task_group

_ANSWER_S: Final = 10.0
"""For so long a stock avatar waits for the answer to a report."""
_OVERTAKES_S: Final = 0.3
_REPORTS: Final = 1_000
_METHODS: Final = (wire.CLEAR_BUFFER, wire.USER_STATE, wire.AGENT_STATE)
_KINDS: Final = {
    rtc.ParticipantKind.PARTICIPANT_KIND_AGENT: "agent",
    rtc.ParticipantKind.PARTICIPANT_KIND_STANDARD: "standard",
    rtc.ParticipantKind.PARTICIPANT_KIND_INGRESS: "ingress",
    rtc.ParticipantKind.PARTICIPANT_KIND_EGRESS: "egress",
    rtc.ParticipantKind.PARTICIPANT_KIND_SIP: "sip",
}
Tell = Callable[[Event], None]


def kind_of(who: rtc.Participant) -> str:
    """Kind of a participant, by its name."""
    return _KINDS.get(who.kind, "other")


class Receiver:
    """The avatar's place in a room; `tell` gets what is seen."""

    def __init__(self, room: rtc.Room, tell: Tell, *, chunks: bool) -> None:
        self._room = room
        self._tell = tell
        self._traffic = Traffic(time.monotonic(), chunks=chunks)
        self._reports: asyncio.Queue[Report] = asyncio.Queue(_REPORTS)
        self._tasks: asyncio.TaskGroup | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._lost = asyncio.Event()
        self._there: set[str] = set()
        self._last: dict[str, asyncio.Event] = {}
        """Of each sender, whether its latest stream has been read to its end."""
        self._unread: list[tuple[rtc.ByteStreamReader, str]] = []
        room.register_byte_stream_handler(wire.AUDIO_TOPIC, self._on_stream)
        room.on("participant_connected", self._on_join)
        room.on("participant_disconnected", self._on_leave)
        room.on("participant_attributes_changed", self._on_attributes)
        room.on("disconnected", lambda *_: self._lost.set())

    async def look(self) -> None:
        """Look until the room is lost.

        Raises:
            ConnectionFailed: it is.
        """
        async with task_group() as self._tasks:
            reporting = self._tasks.create_task(self._report())
            try:
                for stream, sender in self._unread:
                    self._tasks.create_task(self._read(stream, sender))
                me = self._room.local_participant
                for method in _METHODS:
                    me.register_rpc_method(method, self._on_call)
                for who in self._room.remote_participants.values():
                    self._on_join(who)
                await self._show_tracks()
                await self._lost.wait()
                raise ConnectionFailed(
                    "the room was lost, or somebody took us out of it",
                    hint="check the network and the server; micstream doctor looks closer",
                    code="room_lost",
                )
            finally:
                reporting.cancel()
                if self._timer is not None:
                    self._timer.cancel()

    def summary(self) -> Inspected:
        """What was seen, in numbers."""
        return self._traffic.summary()

    async def _show_tracks(self) -> None:
        """Publish a sound and a picture: some senders wait for those of the avatar."""
        me = self._room.local_participant
        sound, picture = rtc.AudioSource(16_000, 1), rtc.VideoSource(64, 48)
        await me.publish_track(rtc.LocalAudioTrack.create_audio_track("avatar_audio", sound))
        await me.publish_track(rtc.LocalVideoTrack.create_video_track("avatar_video", picture))

    # ---- what the SDK tells --------------------------------------------------------------------

    def _on_join(self, who: rtc.RemoteParticipant) -> None:
        if who.identity not in self._there:
            self._there.add(who.identity)
            self._tell(seen(who, "joined"))
            self._traffic.joined(who.identity, kind_of(who), time.monotonic())
            self._act()

    def _on_leave(self, who: rtc.RemoteParticipant) -> None:
        self._there.discard(who.identity)
        self._traffic.left(who.identity, time.monotonic())
        self._act()
        self._tell(seen(who, "left"))

    def _on_attributes(self, _: object, who: rtc.Participant) -> None:
        if isinstance(who, rtc.RemoteParticipant):
            self._tell(seen(who, "changed"))

    def _on_stream(self, reader: rtc.ByteStreamReader, sender: str) -> None:
        if self._tasks is not None:
            self._tasks.create_task(self._read(reader, sender))
        else:  # as we join
            self._unread.append((reader, sender))

    async def _read(self, reader: rtc.ByteStreamReader, sender: str) -> None:
        info = reader.info
        before, closed = self._last.get(sender), asyncio.Event()
        self._last[sender] = closed
        attributes = {str(k): str(v) for k, v in (info.attributes or {}).items()}
        now = time.monotonic()
        self._traffic.met(sender, now)
        if before is not None:
            # The news of a new stream may come before the end of the last, which was sent first.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_OVERTAKES_S):
                    await before.wait()
        size = info.size or None  # 0 where it was not announced
        self._traffic.opened(info.stream_id, sender, info.name, attributes, size, now)
        self._act()
        stream, whole = info.stream_id, True
        try:
            async for chunk in reader:
                self._traffic.data(stream, chunk, time.monotonic())
                self._act()
        except Exception:  # the SDK raises kinds of its own where a stream breaks off
            whole = False
        closed.set()
        self._traffic.closed(stream, time.monotonic(), whole=whole)
        self._act()

    async def _on_call(self, call: rtc.RpcInvocationData) -> str:
        now = time.monotonic()
        self._traffic.met(call.caller_identity, now)
        answer = self._traffic.called(call.method, call.payload, call.caller_identity, now)
        self._act()
        return answer

    # ---- what comes of it ----------------------------------------------------------------------

    def _on_timer(self) -> None:
        self._traffic.handle_timer(time.monotonic())
        self._act()

    def _act(self) -> None:
        for each in self._traffic.drain():
            if isinstance(each, Report):
                with contextlib.suppress(asyncio.QueueFull):  # nobody answers any more
                    self._reports.put_nowait(each)
            else:
                self._tell(each)
        if self._timer is not None:
            self._timer.cancel()
        at = self._traffic.next_timer()
        loop = asyncio.get_running_loop()
        late = None if at is None else max(0.0, at - time.monotonic())
        self._timer = None if late is None else loop.call_later(late, self._on_timer)

    async def _report(self) -> None:
        """Send the reports, one after the other, as they are in order only so."""
        while True:
            report = await self._reports.get()
            answer, unsupported = await self._call(report)
            is_there = report.to in self._room.remote_participants
            if answer is None and not unsupported and not is_there:
                # The server tells of joining and leaving in turns: who was brief was never told of.
                self._traffic.left(report.to, time.monotonic())
            self._traffic.reported(report, answer, unsupported=unsupported)
            self._act()

    async def _call(self, report: Report) -> tuple[str | None, bool]:
        method, payload = wire.PLAYBACK_STARTED, ""
        if report.kind == "finished":
            method = wire.PLAYBACK_FINISHED
            said = {"playback_position": report.position_s, "interrupted": report.interrupted}
            payload = json.dumps(said)
        try:
            answer = await self._room.local_participant.perform_rpc(
                destination_identity=report.to,
                method=method,
                payload=payload,
                response_timeout=_ANSWER_S,
            )
        except rtc.RpcError as error:
            missing = error.code == rtc.RpcError.ErrorCode.UNSUPPORTED_METHOD
            failed = error.code == rtc.RpcError.ErrorCode.APPLICATION_ERROR
            return (f"an error: {error.message}" if failed else None), missing
        except Exception:  # the SDK asserts that it still has the room
            return None, False
        return answer, False


def seen(
    who: rtc.RemoteParticipant, state: Literal["joined", "left", "changed"]
) -> ParticipantSeen:
    """A participant who came, went, or has other attributes."""
    attributes = {str(k): str(v) for k, v in (who.attributes or {}).items()}
    return ParticipantSeen(
        identity=who.identity, kind=kind_of(who), state=state, attributes=attributes or None
    )


@asynccontextmanager
async def receiving(
    connection: ConnectionSettings, identity: str, tell: Tell, *, chunks: bool
) -> AsyncIterator[Receiver]:
    """The avatar's place in the connection's room, as `identity`, until the context ends.

    Raises:
        UsageError: the settings do not suffice.
        ConnectionFailed: the server is not reached or does not let us in.
    """
    guard_sdk_log()
    room = participant()
    receiver = Receiver(room, tell, chunks=chunks)
    await _join(room, connection, identity)
    tell(Inspecting(room=connection.room, how="avatar", identity=identity))
    try:
        yield receiver
    finally:
        await say_goodbye(room)


async def _join(room: rtc.Room, connection: ConnectionSettings, identity: str) -> None:
    url = server_url(connection)
    api_key, api_secret = connection.keys()
    pass_ = token.mint_avatar(
        api_key=api_key,
        api_secret=api_secret,
        room=connection.room,
        identity=identity,
        sender=None,
        ttl=TOKEN_LIFE,
    )
    await enter(room, url, pass_, identity)
