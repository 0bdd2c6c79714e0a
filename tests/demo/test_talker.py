"""The video generator by itself, with a runner that takes pictures as slowly as we say."""

from __future__ import annotations

import asyncio

import numpy as np
from livekit import rtc
from livekit.agents.voice.avatar import AudioSegmentEnd

from micstream.demo.face import Face, character
from micstream.demo.motion import Performer
from micstream.demo.talker import FPS, TalkingFace

RATE = 16_000


async def test_a_segment_ends_also_where_pictures_are_always_late() -> None:
    talker = TalkingFace(RATE, Face(character("avatar-demo"), None), Performer("avatar-demo"))
    pictures = 0
    ended = asyncio.Event()
    late = asyncio.Event()

    async def take() -> None:
        nonlocal pictures
        async for frame in talker:
            if isinstance(frame, rtc.VideoFrame):
                pictures += 1
                if pictures > FPS / 2:
                    late.set()
                await asyncio.sleep(1.5 / FPS)
            elif isinstance(frame, AudioSegmentEnd):
                ended.set()

    taking = asyncio.create_task(take())
    try:
        async with asyncio.timeout(30):
            await late.wait()
            sound = np.zeros(RATE // 5, dtype=np.int16).tobytes()
            await talker.push_audio(rtc.AudioFrame(sound, RATE, 1, RATE // 5))
            await talker.push_audio(AudioSegmentEnd())
            await ended.wait()
    finally:
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)
