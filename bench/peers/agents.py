"""livekit-agents' own parts: its voice activity detector, and its output to an avatar.

`livekit.agents.inference.VAD` (Silero, run locally) with its defaults: 50 ms of speech begin an
utterance, 250 ms of silence end it, 500 ms of prefix. At START_OF_SPEECH the prefix and the speech
so far are pushed into `DataStreamAudioOutput`, then every window until END_OF_SPEECH flushes it.
A prefix that reaches back into what was already sent is shortened, so that nothing is said twice.
"""

from __future__ import annotations

import asyncio

from livekit import rtc
from livekit.agents import vad
from livekit.agents.inference import VAD
from livekit.agents.voice.avatar import DataStreamAudioOutput

from bench.peers.stage import RATE, Frames, run


async def speak(room: rtc.Room, avatar: str, frames: Frames) -> None:
    output = DataStreamAudioOutput(
        room, destination_identity=avatar, sample_rate=RATE, wait_playback_start=True
    )
    stream = VAD().stream()
    feeding = asyncio.create_task(feed(stream, frames))
    sent = 0  # samples, counted as the detector counts them
    async for event in stream:
        if event.type == vad.VADEventType.START_OF_SPEECH:
            speech = bytes(rtc.combine_audio_frames(event.frames).data)
            fresh = min(len(speech) // 2, event.samples_index - sent)
            await output.capture_frame(as_frame(speech[len(speech) - 2 * fresh :]))
            sent = event.samples_index
        elif event.type == vad.VADEventType.INFERENCE_DONE and event.speaking:
            for frame in event.frames:
                await output.capture_frame(frame)
            sent = event.samples_index
        elif event.type == vad.VADEventType.END_OF_SPEECH:
            output.flush()
    await feeding


async def feed(stream: vad.VADStream, frames: Frames) -> None:
    async for pcm in frames:
        stream.push_frame(as_frame(pcm))


def as_frame(pcm: bytes) -> rtc.AudioFrame:
    return rtc.AudioFrame(pcm, RATE, 1, len(pcm) // 2)


if __name__ == "__main__":
    run(speak)
