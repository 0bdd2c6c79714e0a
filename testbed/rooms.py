"""Participants of a real room: one that hears, and one that stands in for the avatar."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Protocol

from livekit import api, rtc

from micstream.viewer.sound import RATE, Samples
from micstream.viewer.viewer import Viewer

TOPIC = "lk.audio_stream"
CLEAR_BUFFER = "lk.clear_buffer"
STARTED, FINISHED = "lk.playback_started", "lk.playback_finished"
ARRIVED = "micstream.arrived"
"""Called by senders, registered by nobody: the answer says that what was sent before has come."""
METHODS = (CLEAR_BUFFER, STARTED, FINISHED, "user_state_changed", "agent_state_changed")

_RECORDED_S = 24 * 3600.0
"""As long as the longest soak."""


class Server(Protocol):
    """A LiveKit server, by its address and key."""

    @property
    def url(self) -> str: ...  # noqa: D102
    @property
    def api_key(self) -> str: ...  # noqa: D102
    @property
    def api_secret(self) -> str: ...  # noqa: D102


def token(
    server: Server,
    room: str,
    identity: str,
    *,
    kind: str = "standard",
    attributes: dict[str, str] | None = None,
) -> str:
    """A token of this server that may do everything in one room."""
    return (
        api.AccessToken(server.api_key, server.api_secret)
        .with_kind(kind)  # type: ignore[arg-type] # a Literal upstream
        .with_identity(identity)
        .with_attributes(attributes or {})
        .with_grants(api.VideoGrants(room_join=True, room=room))
        .to_jwt()
    )


@asynccontextmanager
async def joined(
    server: Server,
    room: str,
    identity: str,
    *,
    kind: str = "standard",
    auto_subscribe: bool = False,
    prepare: Callable[[rtc.Room], None] = lambda _: None,
) -> AsyncIterator[rtc.Room]:
    """A participant in the room; `prepare` registers event handlers before it joins."""
    participant = rtc.Room()
    prepare(participant)
    async with _member(
        participant, server, token(server, room, identity, kind=kind), auto_subscribe
    ):
        yield participant


@asynccontextmanager
async def _member(
    participant: rtc.Room, server: Server, pass_: str, auto_subscribe: bool = False
) -> AsyncIterator[None]:
    """In the room within the context."""
    await participant.connect(server.url, pass_, rtc.RoomOptions(auto_subscribe=auto_subscribe))
    try:
        yield
    finally:
        await participant.disconnect()


class Bystander(Viewer):
    """A viewer that records one avatar's sound, and counts what ought never to reach a viewer."""

    RATE = RATE

    def __init__(self, room: rtc.Room, avatar: str) -> None:
        super().__init__(room)
        self.avatar = avatar
        self.strays: list[str] = []
        self.recording = self.record_sound(avatar, max_s=_RECORDED_S)
        room.on("data_received", lambda packet: self.strays.append(f"data {packet.topic}"))
        room.register_byte_stream_handler(TOPIC, self._stray_stream)

    @property
    def sound(self) -> Samples:
        """All that the avatar has said (and its silences), mono at 16 kHz."""
        return self.recording.sound

    @property
    def listening(self) -> bool:
        """Whether it is subscribed to the avatar's sound and gets it."""
        return self.recording.is_receiving

    def heard_seconds(self) -> float:
        """Seconds of what was heard that are not silence."""
        return self.recording.loud_s()

    async def made_up_s(self) -> float:
        """Seconds of it that nobody said: its jitter buffer filled gaps, on a machine that is slow.

        What stands for silence is not counted. Source: W3C webrtc-stats, inbound RTP streams.
        """
        track = self.track(self.avatar)
        assert track is not None, "it is not subscribed to the avatar's sound"
        made_up = 0.0
        for each in await track.get_stats():
            if each.HasField("inbound_rtp"):
                got = each.inbound_rtp.inbound
                filled = got.concealed_samples - got.silent_concealed_samples
                filled += got.inserted_samples_for_deceleration
                rate = got.total_samples_received / max(got.total_samples_duration, 1e-3)
                made_up += filled / max(rate, 1.0)
        return made_up

    def silent_for(self) -> float:
        """Seconds of silence at the end of what was heard so far."""
        return self.recording.silent_s()

    def first_heard_at(self, since: float = 0.0) -> float | None:
        """Unix second at which the first sound since then arrived."""
        return self.recording.first_loud_at(since)

    @property
    def shows_picture(self) -> bool:
        """Whether the avatar has published a picture."""
        return self.publishes_picture(self.avatar)

    def joined(self) -> None:
        """Look who is there; answer what is called."""
        super().joined()
        for method in METHODS:
            self.room.local_participant.register_rpc_method(method, self._stray_call)

    def _stray_stream(self, reader: rtc.ByteStreamReader, sender: str) -> None:
        self.strays.append(f"stream {reader.info.name} of {sender}")
        reader.close()

    async def _stray_call(self, call: rtc.RpcInvocationData) -> str:
        self.strays.append(f"call of {call.caller_identity}")
        return "ok"


@asynccontextmanager
async def viewing(server: Server, room: str, identity: str = "viewer") -> AsyncIterator[Viewer]:
    """A viewer in the room, of kind standard, under this identity; subscribed to nothing."""
    participant = rtc.Room()
    viewer = Viewer(participant)
    async with _member(participant, server, token(server, room, identity)):
        viewer.joined()
        try:
            yield viewer
        finally:
            await viewer.aclose()


@asynccontextmanager
async def bystander(
    server: Server, room: str, *, avatar: str = "avatar-test", identity: str = "viewer"
) -> AsyncIterator[Bystander]:
    """A viewer in the room, of kind standard, subscribed to the sound of `avatar` alone."""
    participant = rtc.Room()
    viewer = Bystander(participant, avatar)
    async with _member(participant, server, token(server, room, identity)):
        viewer.joined()
        try:
            yield viewer
        finally:
            await viewer.aclose()


@dataclass
class ReceivedStream:
    """One byte stream as it came. `info` has topic, name, attributes and stream_id."""

    info: rtc.ByteStreamInfo
    sender: str
    opened_at: float
    chunks: list[bytes] = field(default_factory=list)
    chunk_times: list[float] = field(default_factory=list)
    closed_at: float | None = None
    error: str | None = None

    @property
    def payload(self) -> bytes:
        """All bytes received so far."""
        return b"".join(self.chunks)

    @property
    def closed(self) -> bool:
        """Whether the sender closed it in order."""
        return self.closed_at is not None


class WireAvatar:
    """A scriptable stand-in for an avatar: records the wire, reports playback only when told to.

    `clear_answer` is what `lk.clear_buffer` answers; None leaves the method unregistered, "reject"
    is the answer of an avatar bound to another sender. One that `plays` reports each stream as
    played when it is closed. `calls` holds every call: (method, payload, caller). Streams of all
    senders are taken.
    """

    def __init__(
        self,
        server: Server,
        room: str,
        *,
        identity: str = "avatar-wire",
        kind: str = "agent",
        clear_answer: str | None = "ok",
        publish_tracks: bool = False,
        plays: bool = False,
    ) -> None:
        self.identity = identity
        self.plays = plays
        self.clear_answer = clear_answer
        self.streams: list[ReceivedStream] = []
        self.calls: list[tuple[str, str, str]] = []
        self.room: rtc.Room | None = None
        self._server, self._name, self._kind = server, room, kind
        self._publish_tracks = publish_tracks
        self._readers: set[asyncio.Task[None]] = set()
        self._thawed = asyncio.Event()

    @property
    def clears(self) -> int:
        """How often `lk.clear_buffer` was called."""
        return sum(method == CLEAR_BUFFER for method, _, _ in self.calls)

    async def join(self) -> None:
        """Join, or come back under the same identity; what was recorded is kept."""
        self.room = rtc.Room()
        self.room.register_byte_stream_handler(TOPIC, self._opened)
        pass_ = token(self._server, self._name, self.identity, kind=self._kind)
        options = rtc.RoomOptions(auto_subscribe=False)
        await self.room.connect(self._server.url, pass_, options)
        self.answer_clear(self.clear_answer)
        if self._publish_tracks:
            await self.publish_tracks()

    async def leave(self) -> None:
        """Leave in order; streams that are open end with an error in their record."""
        if self.room is not None:
            room, self.room = self.room, None
            self._thawed.set()
            await room.disconnect()
            await asyncio.gather(*self._readers)
            self._readers.clear()

    def answer_clear(self, answer: str | None) -> None:
        """Answer `lk.clear_buffer` so from now on; None: not registered."""
        self.clear_answer = answer
        me = self._me()
        if answer is None:
            me.unregister_rpc_method(CLEAR_BUFFER)
        else:
            me.register_rpc_method(CLEAR_BUFFER, self._cleared)

    def register(self, method: str, answer: str = "ok") -> None:
        """Answer another method too, such as `user_state_changed`; calls are recorded."""

        async def answering(call: rtc.RpcInvocationData) -> str:
            self.calls.append((method, call.payload, call.caller_identity))
            return answer

        self._me().register_rpc_method(method, answering)

    def freeze(self) -> None:
        """Be there and answer nothing any more, as a program that hangs; until `thaw`."""
        self.plays = False
        self._thawed.clear()

        async def hanging(call: rtc.RpcInvocationData) -> str:
            self.calls.append((call.method, call.payload, call.caller_identity))
            await self._thawed.wait()
            return "ok"

        for method in (CLEAR_BUFFER, ARRIVED):
            self._me().register_rpc_method(method, hanging)

    def thaw(self) -> None:
        """Play and answer again."""
        self._thawed.set()
        self.plays = True
        self._me().unregister_rpc_method(ARRIVED)
        self.answer_clear("ok")

    async def report_started(self, to: str) -> str:
        """Tell the sender that a segment is being played; returns its answer."""
        return await self.call(to, STARTED, "")

    async def report_finished(
        self, to: str, position: float, *, interrupted: bool = False, **more: object
    ) -> str:
        """Tell the sender that a segment ended; `more` are further fields of the payload."""
        payload = {"playback_position": position, "interrupted": interrupted, **more}
        return await self.call(to, FINISHED, json.dumps(payload))

    async def call(self, to: str, method: str, payload: str) -> str:
        """Call any method of any participant; raises rtc.RpcError."""
        return await self._me().perform_rpc(
            destination_identity=to, method=method, payload=payload, response_timeout=5
        )

    async def publish_tracks(self) -> None:
        """Publish a silent audio and an empty video track, as an avatar does."""
        sound, picture = rtc.AudioSource(16_000, 1), rtc.VideoSource(64, 48)
        me = self._me()
        await me.publish_track(rtc.LocalAudioTrack.create_audio_track("avatar_audio", sound))
        await me.publish_track(rtc.LocalVideoTrack.create_video_track("avatar_video", picture))

    def _me(self) -> rtc.LocalParticipant:
        assert self.room is not None, "join first"
        return self.room.local_participant

    async def _cleared(self, call: rtc.RpcInvocationData) -> str:
        self.calls.append((CLEAR_BUFFER, call.payload, call.caller_identity))
        assert self.clear_answer is not None
        return self.clear_answer

    def _opened(self, reader: rtc.ByteStreamReader, sender: str) -> None:
        record = ReceivedStream(reader.info, sender, time.time())
        self.streams.append(record)
        self._readers.add(asyncio.create_task(self._read(reader, record)))

    async def _read(self, reader: rtc.ByteStreamReader, record: ReceivedStream) -> None:
        try:
            async for chunk in reader:
                record.chunks.append(chunk)
                record.chunk_times.append(time.time())
            record.closed_at = time.time()
            if self.plays and self.room is not None:
                await self._report(record)
        except ConnectionError as error:
            record.error = str(error)

    async def _report(self, record: ReceivedStream) -> None:
        bytes_a_second = 2 * int((record.info.attributes or {})["sample_rate"])
        with suppress(rtc.RpcError):  # the sender may be gone
            await self.report_started(record.sender)
            if self.room is not None:  # nor may we ourselves be there any more
                await self.report_finished(record.sender, len(record.payload) / bytes_a_second)


@asynccontextmanager
async def wire_avatar(
    server: Server,
    room: str,
    *,
    identity: str = "avatar-wire",
    kind: str = "agent",
    clear_answer: str | None = "ok",
    publish_tracks: bool = False,
    plays: bool = False,
) -> AsyncIterator[WireAvatar]:
    """A WireAvatar that has joined, and that leaves at the end if it is still there."""
    avatar = WireAvatar(
        server,
        room,
        identity=identity,
        kind=kind,
        clear_answer=clear_answer,
        publish_tracks=publish_tracks,
        plays=plays,
    )
    await avatar.join()
    try:
        yield avatar
    finally:
        await avatar.leave()
