"""The video generator of the demo's avatar: sound in, sound and a moving face out.

The runner of livekit-agents takes frames from here one by one and pushes them on; what it asks:

- Sound goes on at once, in short pieces, and never much ahead of what is heard: so pictures are
  never held up behind it. Pictures follow a clock of their own and show the mouth as it is heard
  while they are shown: what is handed on but not yet heard tells what the mouth is about to do.
- `push_audio` returns only when what it brought has gone through. The runner notes "is playing"
  when it *reads* a frame; were it to read ahead, a short segment would end without a report.
- A segment's end goes on when its last sound is heard, so that the report tells the truth; before
  any picture, which may be due all the time where the runner takes them a little too slowly.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncGenerator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from livekit import rtc
from livekit.agents.voice.avatar import AudioSegmentEnd, VideoGenerator

from micstream.demo.face import HEIGHT, WIDTH, Face
from micstream.demo.lips import PIECE_S, SHUT, Lips, Shape
from micstream.demo.motion import Performer, mood_of

FPS = 25
AHEAD_S = 0.07  # sound handed on but not yet heard; the runner's own queue takes 0.1
END_EARLY_S = 0.01
CATCH_UP_S = 0.12  # pictures that are late by no more than this are still made

Frame: TypeAlias = rtc.AudioFrame | rtc.VideoFrame | AudioSegmentEnd


class TalkingFace(VideoGenerator):  # type: ignore[misc] # livekit.agents is not followed by mypy
    """Mono sound at `rate` and pictures of the face; sound of any other format is converted.

    `user` and `agent` are what the sender last told of their states, empty where it told nothing.
    `watched`: whether anybody sees the pictures; while nobody does, the last one is sent again.
    """

    def __init__(self, rate: int, face: Face, performer: Performer) -> None:
        self.user = self.agent = ""
        self.watched = True
        self._rate = rate
        self._face, self._performer = face, performer
        self._lips = Lips(rate)
        self._resampler: tuple[int, rtc.AudioResampler] | None = None
        self._pieces: deque[npt.NDArray[np.int16]] = deque()
        self._ending = False
        self._arrived = asyncio.Event()
        self._through = asyncio.Event()
        self._heard_until = 0.0
        self._shapes: deque[tuple[float, Shape]] = deque()  # until when, which
        self._voiced_at = -math.inf
        self._last_picture: rtc.VideoFrame | None = None

    async def push_audio(self, frame: rtc.AudioFrame | AudioSegmentEnd) -> None:
        """Take one frame of sound, or a segment's end; returns when it has gone through."""
        if isinstance(frame, AudioSegmentEnd):
            self._add(self._flush())
            self._ending = True
        else:
            self._add(self._convert(frame))
        if not self._pieces and not self._ending:
            return  # the resampler still holds it
        self._through.clear()
        self._arrived.set()
        await self._through.wait()

    def clear_buffer(self) -> None:
        """Drop what has not gone on."""
        self._pieces.clear()
        self._ending = False
        self._resampler = None
        self._through.set()

    def __aiter__(self) -> AsyncGenerator[Frame, None]:
        return self._frames()

    async def _frames(self) -> AsyncGenerator[Frame, None]:
        clock = asyncio.get_running_loop().time
        start = next_picture = clock()
        while True:
            now = clock()
            if self._pieces and self._heard_until - now < AHEAD_S:
                yield self._sound(now)
                self._gone_on()
            elif self._ending and not self._pieces and self._heard_until - now < END_EARLY_S:
                self._ending = False
                yield AudioSegmentEnd()
                self._gone_on()
            elif now >= next_picture:
                yield self._picture(now, now - start)
                next_picture = max(next_picture + 1 / FPS, clock() - CATCH_UP_S)
            else:
                await self._wait(until=self._next_turn(next_picture), now=now)

    def _next_turn(self, next_picture: float) -> float:
        if self._pieces:
            return min(next_picture, self._heard_until - AHEAD_S)
        if self._ending:
            return min(next_picture, self._heard_until - END_EARLY_S)
        return next_picture

    async def _wait(self, *, until: float, now: float) -> None:
        self._arrived.clear()
        try:
            # A millisecond more, so that the turn has surely come.
            async with asyncio.timeout(max(0.0, until - now) + 0.001):
                await self._arrived.wait()
        except TimeoutError:
            pass

    def _gone_on(self) -> None:
        if not self._pieces and not self._ending:
            self._through.set()

    def _sound(self, now: float) -> rtc.AudioFrame:
        piece = self._pieces.popleft()
        self._heard_until = max(self._heard_until, now) + piece.size / self._rate
        self._shapes.append((self._heard_until, self._lips.hear(piece)))
        return rtc.AudioFrame(piece.tobytes(), self._rate, 1, piece.size)

    def _picture(self, now: float, age: float) -> rtc.VideoFrame:
        shape = self._shape(now)
        if shape.openness:
            self._voiced_at = now
        if self.watched or self._last_picture is None:
            mood = mood_of(now - self._voiced_at, self.user, self.agent)
            canvas = self._face.draw(self._performer.at(age, shape, mood))
            self._last_picture = rtc.VideoFrame(
                WIDTH, HEIGHT, rtc.VideoBufferType.I420, canvas.data
            )
        return self._last_picture

    def _shape(self, now: float) -> Shape:
        """The mouth between this picture and the next: the mean of what is heard meanwhile."""
        while self._shapes and self._shapes[0][0] <= now:
            self._shapes.popleft()
        shown = [shape for until, shape in self._shapes if until - PIECE_S < now + 1 / FPS]
        if not shown:
            return SHUT
        openness, width = np.mean(shown, axis=0).tolist()
        return Shape(openness, width)

    def _add(self, samples: npt.NDArray[np.int16]) -> None:
        step = round(self._rate * PIECE_S)
        self._pieces.extend(samples[at : at + step] for at in range(0, samples.size, step))

    def _convert(self, frame: rtc.AudioFrame) -> npt.NDArray[np.int16]:
        samples = np.frombuffer(frame.data, dtype=np.int16)
        if frame.num_channels > 1:
            samples = samples.reshape(-1, frame.num_channels).mean(axis=1).astype(np.int16)
        if frame.sample_rate == self._rate:
            return samples
        if self._resampler is None or self._resampler[0] != frame.sample_rate:
            self._resampler = (
                frame.sample_rate,
                rtc.AudioResampler(frame.sample_rate, self._rate, num_channels=1),
            )
        return _joined(self._resampler[1].push(bytearray(samples.tobytes())))

    def _flush(self) -> npt.NDArray[np.int16]:
        """Take what the resampler still holds; the next segment gets a new one."""
        resampler, self._resampler = self._resampler, None
        return _joined(resampler[1].flush() if resampler else [])


def _joined(frames: list[rtc.AudioFrame]) -> npt.NDArray[np.int16]:
    parts = [np.frombuffer(frame.data, dtype=np.int16) for frame in frames]
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int16)
