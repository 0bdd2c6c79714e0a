"""An avatar that is a test pattern: a number in every picture, a beep with every 25th."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from livekit import rtc
from PIL import Image

from micstream.demo.server import LocalServer
from testbed.rooms import token

FPS = 25
RATE = 48_000
BITS = 16
CELL = 40
"""Pixels: the number's bits are squares of it, black or white, at the top left."""
BEEP_HZ, BEEP_S = 1000, 0.08
SWAY = 12
"""Pixels to either side."""
PIECE_S, PIECES = 0.01, 4
"""Sound is sent in pieces, so many to a picture."""

FACE = Path(__file__).resolve().parents[1] / "assets/face.png"

Pixels = npt.NDArray[np.uint8]


def with_number(picture: Pixels, number: int) -> Pixels:
    """The picture with the number in its corner."""
    for bit in range(BITS):
        picture[:CELL, bit * CELL : (bit + 1) * CELL, :3] = 255 * (number >> bit & 1)
    return picture


def number_of(luma: Pixels) -> int:
    """The number in a picture's brightness (rows, columns), whatever a codec did to it."""
    middle = luma[CELL // 2, CELL // 2 : BITS * CELL : CELL]
    return sum(1 << bit for bit, light in enumerate(middle) if light > 127)


def backdrop(width: int, height: int, tint: tuple[int, int, int]) -> Pixels:
    """The drawn face in the middle of a plane of this colour; RGBA."""
    whole = Image.new("RGB", (width, height), tint)
    drawn = Image.open(FACE).convert("RGB").resize((height * 4 // 3 // 2, height // 2))
    whole.paste(drawn, ((width - drawn.width) // 2, (height - drawn.height) // 2))
    return np.asarray(whole.convert("RGBA")).copy()


@asynccontextmanager
async def pictured(
    server: LocalServer,
    room: str,
    identity: str = "avatar-test",
    *,
    kind: str = "agent",
    size: tuple[int, int] = (1280, 720),
    tint: tuple[int, int, int] = (46, 58, 110),
    picture: bool = True,
) -> AsyncIterator[rtc.Room]:
    """Such a participant: it sends, in step, from its joining until the context ends."""
    participant = rtc.Room()
    options = rtc.RoomOptions(auto_subscribe=False)
    await participant.connect(server.url, token(server, room, identity, kind=kind), options)
    sending = asyncio.create_task(send_pattern(participant, size, tint, picture=picture))
    try:
        yield participant
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await participant.disconnect()


async def send_pattern(
    participant: rtc.Room,
    size: tuple[int, int],
    tint: tuple[int, int, int],
    *,
    picture: bool = True,
    swaying: bool = False,
) -> None:
    """Publish the pattern, until cancelled; one that sways moves all of the picture."""
    # Without a queue: a beep is on its way when its picture is.
    sound, shown = rtc.AudioSource(RATE, 1, queue_size_ms=0), rtc.VideoSource(*size)
    me = participant.local_participant
    await me.publish_track(rtc.LocalAudioTrack.create_audio_track("avatar_audio", sound))
    if picture:
        # In one size: which is sent of several is the encoder's affair on a busy machine, and the
        # number is to be read in the picture's own.
        whole = rtc.TrackPublishOptions(simulcast=False)
        await me.publish_track(rtc.LocalVideoTrack.create_video_track("avatar_video", shown), whole)
    plane = backdrop(*size, tint)
    begun = time.monotonic()
    piece = 0
    while True:
        due = begun + piece * PIECE_S
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        if piece % PIECES == 0:
            number = piece // PIECES
            aside = round(SWAY * np.sin(2 * np.pi * number / (4 * FPS))) if swaying else 0
            moved = np.roll(plane, aside, axis=1) if aside else plane
            buffer = with_number(moved, number % (1 << BITS)).tobytes()
            frame = rtc.VideoFrame(*size, rtc.VideoBufferType.RGBA, buffer)
            shown.capture_frame(frame, timestamp_us=int(due * 1e6))
        await sound.capture_frame(_sound(piece))
        piece += 1


def _sound(piece: int) -> rtc.AudioFrame:
    """10 ms of sound: a beep begins with every 25th picture."""
    size = round(PIECE_S * RATE)
    seconds = (piece % (PIECES * FPS) * size + np.arange(size)) / RATE
    beep: Any = 12_000 * np.sin(2 * np.pi * BEEP_HZ * seconds) * (seconds < BEEP_S)
    return rtc.AudioFrame(beep.astype(np.int16).tobytes(), RATE, 1, size)
