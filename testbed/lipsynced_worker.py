"""The worker of `testbed.lipsynced`. It imports livekit-agents: only its own process loads this."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator
from typing import Any

from livekit import rtc
from livekit.agents.voice.avatar import (
    AudioSegmentEnd,
    AvatarOptions,
    AvatarRunner,
    DataStreamAudioReceiver,
)

from micstream.demo import worker
from micstream.demo.face import Canvas, Face, Pose, character
from micstream.demo.motion import Performer
from micstream.demo.talker import AHEAD_S, CATCH_UP_S, END_EARLY_S, TalkingFace
from micstream.room.participant import participant
from micstream.room.proxy import steer_sdk
from micstream.signals import set_on_signals
from testbed.mouths import SIZES, Acting, Errors, Mouth, Pcm
from testbed.speech import MONOLOGUE, samples
from testbed.talking_pictures import placed

RATE = worker.RATE


class StampedFrame(rtc.VideoFrame):
    """A picture that knows when it was made."""

    def __init__(self, width: int, height: int, data: bytes) -> None:
        super().__init__(width, height, rtc.VideoBufferType.I420, data)
        self.made_us = time.time_ns() // 1000


class FaultyFace(TalkingFace):
    """The demo's face with errors: the sound is held back as long as the mouth is to be early."""

    def __init__(self, face: Face, errors: Errors, other: Pcm) -> None:
        super().__init__(RATE, face, Performer(errors.seed))
        self._errors = errors
        self._mouth = Mouth(errors, RATE, other)
        self._acting = Acting(self._mouth, errors)
        self._held: deque[tuple[float, rtc.AudioFrame]] = deque()
        self._ended = False
        self._first: Canvas | None = None

    def clear_buffer(self) -> None:
        """Drop what has not gone on, and shut the mouth."""
        super().clear_buffer()
        self._held.clear()
        self._mouth.clear()
        self._ended = False

    async def _frames(self) -> AsyncGenerator[Any, None]:
        clock = asyncio.get_running_loop().time
        frame_s = 1 / self._errors.fps
        # The runner publishes before it takes the first one: the others are counted from there.
        yield self._picture(clock(), 0.0)
        start = clock()
        next_picture = start + frame_s
        while True:
            now = clock()
            if self._held and self._held[0][0] <= now:
                yield self._held.popleft()[1]
            elif self._pieces and self._heard_until - now < AHEAD_S:
                self._take(now)
            elif self._ending and not self._pieces and not self._ended:
                self._ended = True
                self._mouth.end(self._heard_until + self._errors.held_s)
            elif self._is_over(now):
                self._ending = self._ended = False
                yield AudioSegmentEnd()
                self._gone_on()
            elif now >= next_picture:
                yield self._picture(now, now - start)
                next_picture = max(next_picture + frame_s, clock() - CATCH_UP_S)
            else:
                await self._wait(until=self._next_turn(next_picture), now=now)

    def _is_over(self, now: float) -> bool:
        heard_until = self._heard_until + self._errors.held_s
        return self._ended and not self._held and heard_until - now < END_EARLY_S

    def _next_turn(self, next_picture: float) -> float:
        turns = [next_picture, *(due for due, _ in self._held)]
        if self._pieces:
            turns.append(self._heard_until - AHEAD_S)
        elif self._ending:
            turns.append(self._heard_until + self._errors.held_s - END_EARLY_S)
        return min(turns)

    def _take(self, now: float) -> None:
        """Take the next piece; it goes on when it has been held for long enough."""
        piece = self._pieces.popleft()
        self._heard_until = max(self._heard_until, now) + piece.size / RATE
        self._mouth.hear(piece, self._heard_until + self._errors.held_s)
        frame = rtc.AudioFrame(piece.tobytes(), RATE, 1, piece.size)
        self._held.append((now + self._errors.held_s, frame))
        self._gone_on()

    def _picture(self, now: float, age: float) -> rtc.VideoFrame:
        pose = self._acting.pose(now, age)
        canvas = self._first or self._face.draw(pose if self._errors.mouth != "still" else Pose())
        if self._errors.mouth == "still":
            self._first = canvas
        width, height = SIZES[self._errors.size]
        sizes = ((width, height), *[(width // 2, height // 2)] * 2)
        planes = (
            placed(plane, size, self._errors, age, unit)
            for plane, size, unit in zip(canvas.planes, sizes, (2, 1, 1), strict=True)
        )
        return StampedFrame(width, height, b"".join(plane.tobytes() for plane in planes))


class _Picture:
    """The video source: stamps each frame, and hands it on so much later."""

    def __init__(self, source: rtc.VideoSource, late_s: float) -> None:
        self._source, self._late_s = source, late_s

    def capture_frame(self, frame: StampedFrame) -> None:
        """Take a frame, as rtc.VideoSource does."""
        if self._late_s:
            asyncio.get_running_loop().call_later(self._late_s, self._send, frame)
        else:
            self._send(frame)

    def _send(self, frame: StampedFrame) -> None:
        # Without a time of its own the SDK finds the stamp of no frame again.
        stamp = rtc.FrameMetadata(user_timestamp=frame.made_us)
        due_us = time.monotonic_ns() // 1000
        self._source.capture_frame(frame, timestamp_us=due_us, metadata=stamp)


class _Sound:
    """The audio source, but it hands on so much later."""

    def __init__(self, source: rtc.AudioSource, late_s: float) -> None:
        self._source, self._late_s = source, late_s
        self._held: asyncio.Queue[tuple[float, rtc.AudioFrame]] = asyncio.Queue()
        self._pump = asyncio.create_task(self._hand_on())

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        """Take some sound, as rtc.AudioSource does."""
        due = asyncio.get_running_loop().time() + self._late_s
        self._held.put_nowait((due, frame))

    async def _hand_on(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            due, frame = await self._held.get()
            await asyncio.sleep(max(0.0, due - clock()))
            await self._source.capture_frame(frame)

    def end(self) -> None:
        """Hand on nothing more."""
        self._pump.cancel()


class _Runner(AvatarRunner):  # type: ignore[misc] # livekit.agents is not followed by mypy
    """The runner, but its picture is stamped, and picture or sound goes out late."""

    def __init__(self, errors: Errors, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        late_s = errors.transport_ms / 1000
        self._av_sync._video_source = _Picture(self._video_source, max(0.0, late_s))
        self._late_sound = _Sound(self._audio_source, -late_s) if late_s < 0 else None
        if self._late_sound is not None:
            self._av_sync._audio_source = self._late_sound

    async def _publish_track(self) -> None:
        async with self._lock:
            await self._room_connected_fut
            me = self._room.local_participant
            sound = rtc.LocalAudioTrack.create_audio_track("avatar_audio", self._audio_source)
            self._audio_publication = await me.publish_track(
                sound, rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
            )
            await self._audio_publication.wait_for_subscription()
            picture = rtc.LocalVideoTrack.create_video_track("avatar_video", self._video_source)
            # One size: what is put in is to be seen in the size that was asked for.
            options = rtc.TrackPublishOptions(
                source=rtc.TrackSource.SOURCE_CAMERA,
                simulcast=False,
                frame_metadata_features=[rtc.FrameMetadataFeature.FMF_USER_TIMESTAMP],
            )
            self._video_publication = await me.publish_track(picture, options)

    async def aclose(self) -> None:
        """Close it."""
        if self._late_sound is not None:
            self._late_sound.end()
        await super().aclose()


async def run(*, url: str, token: str, sender: str, errors: Errors) -> str | None:
    """Be the avatar of `sender` until SIGTERM or SIGINT: then None, else the reason of its end."""
    stop, gone = asyncio.Event(), asyncio.Event()
    with set_on_signals(stop):
        room = participant()
        room.on("disconnected", lambda *_: gone.set())
        face = await asyncio.to_thread(Face, character(errors.seed))
        async with asyncio.timeout(worker.CONNECT_TIMEOUT_S):
            steer_sdk(url)
            await room.connect(url, token, rtc.RoomOptions(auto_subscribe=False))
        print("ready", flush=True)  # noqa: T201 - what the parent process waits for
        try:
            return await worker._first_end(_perform(room, sender, face, errors), room, stop, gone)
        finally:
            await worker._bounded(room.disconnect())


async def _perform(room: rtc.Room, sender: str, face: Face, errors: Errors) -> None:
    """Play what `sender` sends; returns or raises when any part of the runner has ended."""
    receiver = DataStreamAudioReceiver(room, sender_identity=sender)
    width, height = SIZES[errors.size]
    runner = _Runner(
        errors,
        room,
        audio_recv=receiver,
        video_gen=FaultyFace(face, errors, samples(MONOLOGUE)),
        options=AvatarOptions(
            video_width=width,
            video_height=height,
            video_fps=errors.fps,
            audio_sample_rate=RATE,
            audio_channels=1,
        ),
    )
    await runner.start()
    hearing = asyncio.create_task(worker._hear(receiver))
    complete = asyncio.create_task(runner.wait_for_complete())
    try:
        await asyncio.wait({complete, hearing}, return_when=asyncio.FIRST_COMPLETED)
        await (hearing if hearing.done() else complete)
    finally:
        for each in (complete, hearing):
            each.cancel()
        await worker._bounded(runner.aclose())
        await asyncio.gather(complete, hearing, return_exceptions=True)
