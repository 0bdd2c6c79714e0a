"""A double of the SDK and of the server behind it: participants, calls, streams, lost connections.

    server = Server()
    monkeypatch.setattr(rtc, "Room", server.new_room)
    server.join("avatar-a")

Everything takes a little virtual time; what a server may do to us is done by its verbs.
"""

from __future__ import annotations

import asyncio
import datetime
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from livekit import rtc

from micstream.delivery import wire

_HOP_S = 0.01
"""Once there, or back."""
_AGENT = rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
_ACTIVE = rtc.ParticipantState.PARTICIPANT_STATE_ACTIVE


@dataclass(eq=False)
class Participant:
    """Somebody else in the room; `answer`: what it says to `lk.clear_buffer`, None: nothing."""

    identity: str
    sid: str
    joined_at: datetime.datetime
    answer: str | None = "ok"
    state: Any = _ACTIVE
    kind: Any = _AGENT
    attributes: dict[str, str] = field(default_factory=dict)
    track_publications: dict[str, Any] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    streams: list[Stream] = field(default_factory=list)


@dataclass(eq=False)
class Stream:
    """What an avatar got."""

    rate: str
    pcm: bytearray = field(default_factory=bytearray)
    closed: bool = False


class Server:
    """LiveKit's server: at most one participant of an identity, and what it does to us."""

    def __init__(self) -> None:
        self.rooms: list[FakeRoom] = []
        """Those that were made, in order."""
        self.there: list[FakeRoom] = []
        """Those that are in it."""
        self.others: dict[str, Participant] = {}
        self.answers = asyncio.Event()
        """Cleared: it takes connections, and answers nothing."""
        self.answers.set()
        self.refuses = False
        self._sids = itertools.count(1)

    def new_room(self) -> FakeRoom:
        """In place of `rtc.Room()`."""
        room = FakeRoom(self)
        self.rooms.append(room)
        return room

    def join(self, identity: str, **facts: Any) -> Participant:
        """Have somebody join."""
        number = next(self._sids)
        joined = datetime.datetime.fromtimestamp(number, datetime.UTC)
        other = Participant(identity, f"PA_{number}", joined, **facts)
        self.others[identity] = other
        for room in self.there:
            room.emit("participant_connected", other)
        return other

    def leave(self, identity: str) -> None:
        """Have somebody leave."""
        other = self.others.pop(identity)
        for room in self.there:
            room.emit("participant_disconnected", other)

    def lose(self, room: FakeRoom, reason: Any = rtc.DisconnectReason.CONNECTION_TIMEOUT) -> None:
        """End somebody's connection."""
        if room in self.there:
            self.there.remove(room)
            room.emit("disconnected", reason)

    def admit(self, room: FakeRoom) -> None:
        """Let somebody in: whoever was there under that identity is put out."""
        for before in tuple(self.there):
            self.lose(before, rtc.DisconnectReason.DUPLICATE_IDENTITY)
        self.there.append(room)


class FakeRoom:
    """In place of the SDK's room, as far as micstream needs it."""

    empty_timeout = departure_timeout = 0.0

    def __init__(self, server: Server) -> None:
        self.server = server
        self.left = False
        self.local_participant = Me(server)
        self._callbacks: dict[str, list[Callable[..., None]]] = {}

    @property
    def remote_participants(self) -> dict[str, Participant]:
        """Everybody else."""
        return dict(self.server.others)

    def register_byte_stream_handler(self, topic: str, handler: object) -> None:
        """Taken, and never called."""

    def on(self, name: str, callback: Callable[..., None]) -> None:
        """As the SDK's."""
        self._callbacks.setdefault(name, []).append(callback)

    def emit(self, name: str, *arguments: object) -> None:
        """Tell those who have asked for it."""
        for callback in self._callbacks.get(name, ()):
            callback(*arguments)

    async def connect(self, url: str, token: str, options: object) -> None:
        """Join, once the server answers."""
        await asyncio.sleep(_HOP_S)
        await self.server.answers.wait()
        if self.server.refuses:
            raise rtc.ConnectError("no")
        self.server.admit(self)

    async def disconnect(self) -> None:
        """Leave."""
        await asyncio.sleep(_HOP_S)
        self.left = True
        self.server.lose(self, rtc.DisconnectReason.CLIENT_INITIATED)

    async def get_rtc_stats(self) -> Any:
        """It knows nothing."""
        return SimpleNamespace(publisher_stats=[], subscriber_stats=[])


class Me:
    """Our own participant."""

    identity = "me"

    def __init__(self, server: Server) -> None:
        self._server = server
        self.methods: dict[str, Callable[[Any], str]] = {}

    def register_rpc_method(self, method: str, answer: Callable[[Any], str]) -> None:
        """As the SDK's."""
        self.methods[method] = answer

    async def perform_rpc(
        self, *, destination_identity: str, method: str, payload: str, **_: object
    ) -> str:
        """As the SDK's."""
        await asyncio.sleep(2 * _HOP_S)
        other = self._server.others.get(destination_identity)
        if other is None:
            raise rtc.RpcError(rtc.RpcError.ErrorCode.RECIPIENT_NOT_FOUND, "not there")
        other.calls.append(method)
        if other.answer is None:
            await asyncio.Event().wait()
        if method != wire.CLEAR_BUFFER:
            raise rtc.RpcError(rtc.RpcError.ErrorCode.UNSUPPORTED_METHOD, "unknown")
        assert other.answer is not None
        return other.answer

    async def stream_bytes(
        self, *, destination_identities: list[str], attributes: dict[str, str], **_: object
    ) -> _Writer:
        """As the SDK's."""
        await asyncio.sleep(_HOP_S)
        stream = Stream(attributes["sample_rate"])
        self._server.others[destination_identities[0]].streams.append(stream)
        return _Writer(stream)

    def report(self, caller: str, method: str, payload: str = "") -> str:
        """Call us, as an avatar does."""
        said = SimpleNamespace(caller_identity=caller, payload=payload)
        return self.methods[method](said)


class _Writer:
    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    async def write(self, pcm: bytes) -> None:
        await asyncio.sleep(0.001)
        assert not self._stream.closed
        self._stream.pcm += pcm

    async def aclose(self) -> None:
        if self._stream.closed:
            raise RuntimeError("closed already")
        await asyncio.sleep(0.001)
        self._stream.closed = True
