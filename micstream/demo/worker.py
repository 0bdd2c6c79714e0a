"""The avatar worker itself: livekit-agents' own runner and receiver, with the drawn face.

MICSTREAM_BACKGROUND, as #rrggbb, puts a plain colour behind it, to be keyed out.

It imports livekit-agents, which takes seconds: only the worker's process loads this module.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Coroutine
from typing import Any, TypeAlias

from livekit import rtc
from livekit.agents.voice.avatar import AvatarOptions, AvatarRunner, DataStreamAudioReceiver

from micstream.demo.avatar import ROOM_GONE
from micstream.demo.face import HEIGHT, WIDTH, Face, character
from micstream.demo.face.pen import Colour
from micstream.demo.motion import Performer
from micstream.demo.talker import FPS, TalkingFace
from micstream.room.participant import participant
from micstream.room.proxy import steer_sdk
from micstream.signals import set_on_signals

RATE = 16_000
CONNECT_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 2.0
BACKGROUND = "MICSTREAM_BACKGROUND"
VIEWERS_EVERY_S = 0.5

_Step: TypeAlias = Coroutine[Any, Any, object]


class _Runner(AvatarRunner):  # type: ignore[misc] # livekit.agents is not followed by mypy
    """The runner, but it encodes its picture in one size in place of three.

    That halves what encoding takes. Sizes to choose from are for viewers on slow lines, which the
    demo does not have.
    """

    async def _publish_track(self) -> None:
        async with self._lock:
            await self._room_connected_fut
            participant = self._room.local_participant
            sound = rtc.LocalAudioTrack.create_audio_track("avatar_audio", self._audio_source)
            self._audio_publication = await participant.publish_track(
                sound, rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
            )
            await self._audio_publication.wait_for_subscription()
            picture = rtc.LocalVideoTrack.create_video_track("avatar_video", self._video_source)
            self._video_publication = await participant.publish_track(
                picture,
                rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_CAMERA, simulcast=False),
            )


class _Receiver(DataStreamAudioReceiver):  # type: ignore[misc] # not followed by mypy
    """The receiver, but the runner does not wait for its sender: the face is there before."""

    async def start(self) -> None:
        """Leave it to whoever awaits `found`."""

    async def found(self) -> None:
        """Wait for the sender."""
        await super().start()


async def _hear(receiver: DataStreamAudioReceiver) -> None:
    """Run it until it ends or fails.

    Its task keeps an error to itself, and the runner learns of it only when it next asks for sound.
    """
    if isinstance(receiver, _Receiver):
        await receiver.found()
    await asyncio.wait([receiver._main_atask])
    if receiver._exception is not None:
        raise receiver._exception


async def _mind_viewers(runner: AvatarRunner, face: TalkingFace) -> None:
    """Tell the face, for ever, whether its picture is asked for.

    The first viewer is told of. After that the server says it to the encoder alone, some seconds
    after the last one has gone and at once when one comes; the encoder's figures are where it can
    be read.
    """
    face.watched = False
    try:
        while runner._video_publication is None:  # noqa: ASYNC110 - the runner tells nobody
            await asyncio.sleep(VIEWERS_EVERY_S)
        await runner._video_publication.wait_for_subscription()
        while True:
            for each in await runner._video_publication.track.get_stats():
                if each.WhichOneof("stats") == "outbound_rtp":
                    face.watched = each.outbound_rtp.outbound.active
            await asyncio.sleep(VIEWERS_EVERY_S)
    finally:
        face.watched = True  # what cannot be known must not freeze it


async def run(*, url: str, token: str, sender: str, stock: bool = False) -> str | None:
    """Be the avatar of `sender` until SIGTERM or SIGINT: then None, else the reason of its end.

    `stock`: with livekit-agents' runner and receiver as they are, which others build on.
    """
    stop = asyncio.Event()
    with set_on_signals(stop):
        return await _run(url, token, sender, stop, stock=stock)


async def _run(
    url: str, token: str, sender: str, stop: asyncio.Event, *, stock: bool
) -> str | None:
    try:
        background = colour(os.environ.get(BACKGROUND, ""))
    except ValueError as error:
        return str(error)
    room = participant()
    gone = asyncio.Event()
    room.on("disconnected", lambda *_: gone.set())
    try:
        # It hears by data streams alone, and encodes no picture that nobody watches.
        options = rtc.RoomOptions(auto_subscribe=False, dynacast=True)
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            steer_sdk(url)
            await room.connect(url, token, options)
    except (rtc.ConnectError, TimeoutError) as error:
        return f"cannot join the room: {_one_line(error)}"
    try:
        identity = room.local_participant.identity
        drawn = await asyncio.to_thread(Face, character(identity), background)
        face = TalkingFace(RATE, drawn, Performer(identity))
        _take_states(room, sender, face)
        print("ready", flush=True)  # noqa: T201 - what the parent process waits for
        return await _first_end(_perform(room, sender, face, stock), room, stop, gone)
    finally:
        await _bounded(room.disconnect())


def colour(text: str) -> Colour | None:
    """`#rrggbb` as its three parts; None for an empty text. Raises ValueError for another."""
    if not text:
        return None
    if not re.fullmatch("#[0-9a-fA-F]{6}", text):
        raise ValueError(f"{BACKGROUND} is {text!r}: expected a colour such as #00ff00")
    red, green, blue = bytes.fromhex(text[1:])
    return red, green, blue


def _take_states(room: rtc.Room, sender: str, face: TalkingFace) -> None:
    """Let the face know what the sender tells of the user's state and of the agent's."""

    async def user(call: rtc.RpcInvocationData) -> str:
        if call.caller_identity != sender:
            return "reject"
        face.user = call.payload
        return "ok"

    async def agent(call: rtc.RpcInvocationData) -> str:
        if call.caller_identity != sender:
            return "reject"
        face.agent = call.payload
        return "ok"

    room.local_participant.register_rpc_method("user_state_changed", user)
    room.local_participant.register_rpc_method("agent_state_changed", agent)


async def _first_end(
    performance: _Step, room: rtc.Room, stop: asyncio.Event, gone: asyncio.Event
) -> str | None:
    ends = [asyncio.create_task(each) for each in (performance, stop.wait(), gone.wait())]
    try:
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            return None
        if gone.is_set() or not room.isconnected():  # the runner may have noticed first
            return ROOM_GONE
        try:
            await ends[0]
        except Exception as error:
            return f"the avatar's runner died: {_one_line(error)}"
        return "the avatar's runner ended"
    finally:
        for each in ends:
            each.cancel()
        await asyncio.gather(*ends, return_exceptions=True)


async def _perform(room: rtc.Room, sender: str, face: TalkingFace, stock: bool = False) -> None:
    """Play what `sender` sends; returns or raises when any part of the runner has ended."""
    receiver = (DataStreamAudioReceiver if stock else _Receiver)(room, sender_identity=sender)
    runner = (AvatarRunner if stock else _Runner)(
        room,
        audio_recv=receiver,
        video_gen=face,
        options=AvatarOptions(
            video_width=WIDTH,
            video_height=HEIGHT,
            video_fps=FPS,
            audio_sample_rate=RATE,
            audio_channels=1,
        ),
    )
    await runner.start()
    hearing = asyncio.create_task(_hear(receiver))
    complete = asyncio.create_task(runner.wait_for_complete())
    viewers = asyncio.create_task(_mind_viewers(runner, face))
    try:
        await asyncio.wait({complete, hearing}, return_when=asyncio.FIRST_COMPLETED)
        await (hearing if hearing.done() else complete)
    finally:
        for each in (complete, hearing, viewers):
            each.cancel()
        await _bounded(runner.aclose())
        await asyncio.gather(complete, hearing, viewers, return_exceptions=True)


async def _bounded(closing: _Step) -> None:
    """A close that fails or hangs must not keep the process."""
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await closing
    except Exception as error:
        print(f"while closing: {_one_line(error)}", file=sys.stderr)  # noqa: T201


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
