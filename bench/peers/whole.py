"""A whole utterance at a time, as the documentation of external audio does it in its example.

webrtcvad finds speech in frames of 20 ms; what is spoken is collected until 500 ms of silence, and
then sent as one stream: open, one write, close. It keeps nothing from before the first voiced
frame, which spares it the delay of a pre-roll and can cost it the beginning of a word.
"""

from __future__ import annotations

import secrets

import webrtcvad
from livekit import rtc

from bench.peers.stage import FRAME_MS, RATE, Frames, run

MODE = 2
SILENCE_MS = 500


async def speak(room: rtc.Room, avatar: str, frames: Frames) -> None:
    vad = webrtcvad.Vad(MODE)
    utterance = bytearray()
    silent_ms = 0
    async for frame in frames:
        if vad.is_speech(frame, RATE):
            silent_ms = 0
        elif not utterance:
            continue
        else:
            silent_ms += FRAME_MS
        utterance += frame
        if silent_ms >= SILENCE_MS:
            await send(room, avatar, bytes(utterance))
            utterance.clear()
            silent_ms = 0


async def send(room: rtc.Room, avatar: str, pcm: bytes) -> None:
    writer = await room.local_participant.stream_bytes(
        f"AUDIO_{secrets.token_hex(4)}",
        topic="lk.audio_stream",
        destination_identities=[avatar],
        attributes={"sample_rate": str(RATE), "num_channels": "1"},
    )
    await writer.write(pcm)
    await writer.aclose()


if __name__ == "__main__":
    run(speak)
