"""Reference for the measuring path: flashes and clicks in step, published into the room.

A click and the picture that flashes for it are handed to the SDK in the same moment, so what a
viewer finds between them is the path's own: encoders, buffers, decoders.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from livekit import rtc

from micstream.lab.follow import Curve
from micstream.lab.take import RATE as HEARD_RATE
from micstream.lab.take import Take
from micstream.lab.transport import FEWEST, Calibration, delays
from micstream.room.connect import visit
from micstream.room.joining import say_goodbye
from micstream.room.participant import participant
from micstream.settings.pieces import ConnectionSettings

IDENTITY: Final = "micstream-reference"
FPS: Final = 25
SIZE: Final = (640, 360)
RATE: Final = 48_000
_BLOCK_S: Final = 0.01
_BLOCKS: Final = round(1 / FPS / _BLOCK_S)
"""Of sound, to a picture."""
_EVERY: Final = (20, 24, 22, 26)
"""Pictures between two flashes, in turns: a click is nearest to its own flash alone."""
_FLASH: Final = 2
"""Pictures that a flash lasts."""
_MICRO: Final = 1_000_000
_NEAR_S: Final = 0.35


@dataclass(slots=True)
class Reference:
    """Who publishes, and what it has said so far."""

    identity: str
    clicks: list[float]
    """Unix seconds at which each click was handed over."""


class _Pattern:
    """What it publishes: pictures by number, and the sound that belongs to each."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._due = _EVERY[0]
        self._flashes = 0
        self._since = _FLASH
        width, height = size
        ramp = np.linspace(40, 90, width, dtype=np.uint8)
        self._dark = _picture(np.broadcast_to(ramp, (height, width)))
        self._light = _picture(np.full((height, width), 235, np.uint8))
        rng = np.random.default_rng(5)
        self._hiss = [_block(rng.normal(0, 12, round(RATE * _BLOCK_S))) for _ in range(16)]
        self._click = _block(_click())

    def picture(self, number: int) -> tuple[rtc.VideoFrame, bool]:
        """The picture of this number, and whether a click belongs to its beginning."""
        if number >= self._due:
            self._flashes += 1
            self._due = number + _EVERY[self._flashes % len(_EVERY)]
            self._since = 0
            return self._light, True
        self._since += 1
        return (self._light if self._since < _FLASH else self._dark), False

    def sound(self, number: int, *, click: bool) -> rtc.AudioFrame:
        """A block: soft noise, so that a codec does not fall asleep, or the click."""
        return self._click if click else self._hiss[number % len(self._hiss)]


def _click() -> npt.NDArray[np.float64]:
    seconds = np.arange(round(RATE * _BLOCK_S)) / RATE
    return np.asarray(24_000 * np.sin(2 * np.pi * 1_500 * seconds) * np.exp(-seconds / 0.004))


def _block(samples: npt.NDArray[np.float64]) -> rtc.AudioFrame:
    return rtc.AudioFrame(samples.astype(np.int16).tobytes(), RATE, 1, samples.size)


def _picture(luma: npt.NDArray[np.uint8]) -> rtc.VideoFrame:
    height, width = luma.shape
    grey = bytes([128]) * (2 * ((width + 1) // 2) * ((height + 1) // 2))
    return rtc.VideoFrame(width, height, rtc.VideoBufferType.I420, luma.tobytes() + grey)


def smaller(size: tuple[int, int]) -> tuple[int, int]:
    """The same shape, no longer than the usual one, and even."""
    scale = min(1.0, max(SIZE) / max(1, *size))
    width, height = (max(2, round(side * scale / 2) * 2) for side in size)
    return width, height


@asynccontextmanager
async def publishing(
    connection: ConnectionSettings, size: tuple[int, int] = SIZE
) -> AsyncIterator[Reference]:
    """Be the reference in the connection's room until the context ends.

    `size`: width and height, as of the picture that is to be measured: each takes its time to be
    encoded and decoded.

    Raises:
        ConnectionFailed: the room cannot be joined.
    """
    room = participant()
    await visit(room, connection, IDENTITY, publishes=True)
    try:
        # Without a queue each block is sent as it is handed over, as each picture is.
        sound, picture = rtc.AudioSource(RATE, 1, queue_size_ms=0), rtc.VideoSource(*size)
        heard = rtc.LocalAudioTrack.create_audio_track("clicks", sound)
        shown = rtc.LocalVideoTrack.create_video_track("flashes", picture)
        local = room.local_participant
        await local.publish_track(
            heard, rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE, dtx=False)
        )
        await local.publish_track(
            shown,
            rtc.TrackPublishOptions(
                source=rtc.TrackSource.SOURCE_CAMERA,
                simulcast=False,
                frame_metadata_features=[rtc.FrameMetadataFeature.FMF_USER_TIMESTAMP],
            ),
        )
        made = Reference(local.identity, [])
        sending = asyncio.create_task(_send(sound, picture, _Pattern(size), made.clicks))
        try:
            yield made
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            await sound.aclose()
            await picture.aclose()
    finally:
        await say_goodbye(room)


async def _send(
    sound: rtc.AudioSource, picture: rtc.VideoSource, pattern: _Pattern, clicks: list[float]
) -> None:
    """Publish pictures and sound in step, for ever, each at its time."""
    clock = asyncio.get_running_loop().time
    began, block = clock(), 0
    number = 0
    while True:
        frame, click = pattern.picture(number)
        await asyncio.sleep(max(0.0, began + block * _BLOCK_S - clock()))
        now = time.time()
        if click:
            clicks.append(now)
        stamp = rtc.FrameMetadata(user_timestamp=round(now * _MICRO))
        # Without a time of its own the SDK finds the stamp of no frame again.
        picture.capture_frame(frame, timestamp_us=time.monotonic_ns() // 1000, metadata=stamp)
        for part in range(_BLOCKS):
            if part:
                await asyncio.sleep(max(0.0, began + block * _BLOCK_S - clock()))
            await sound.capture_frame(pattern.sound(block, click=click and part == 0))
            block += 1
        number += 1


# ---- what a viewer got of it --------------------------------------------------------------------


def calibrated(take: Take, said: Sequence[float] = ()) -> Calibration:
    """The path's own offset, of a recording of the reference.

    `said`: unix seconds at which its clicks were handed over.
    """
    clicks, flashes = _clicks(take), _flashes(take)
    apart = [1000 * (flash - _nearest(clicks, flash)) for flash in flashes if clicks.size]
    near = np.array([each for each in apart if abs(each) <= 1000 * _NEAR_S])
    arrived = take.pictures.arrived
    begin, end = (float(arrived[0]), float(arrived[-1])) if arrived.size else (0.0, 0.0)
    waited = delays(take, begin, end)
    if near.size < 2:
        return Calibration(0.0, float("inf"), int(near.size))
    low, middle, high = np.percentile(near, [25, 50, 75])
    return Calibration(
        offset_ms=float(middle),
        spread_ms=float(high - low),
        pairs=int(near.size),
        sound_ms=waited.sound_ms,
        picture_ms=waited.picture_ms,
        since_made_ms=waited.since_made_ms,
        sound_way_ms=_way_ms(clicks, take.clock.seconds(said)),
        late_ms=waited.late_ms,
    )


def _way_ms(heard: Curve, said: Curve) -> float | None:
    """From a click's being handed over to its being heard, median."""
    if not heard.size or not said.size:
        return None
    took = np.array([1000 * (each - said[said <= each].max()) for each in heard if each >= said[0]])
    return float(np.median(took)) if took.size else None


def _clicks(take: Take) -> Curve:
    """Seconds at which clicks are heard."""
    level = np.abs(take.heard.astype(np.float64))
    loud = np.flatnonzero(level > 4_000)
    if not loud.size:
        return np.zeros(0)
    first = np.concatenate([[True], np.diff(loud) > HEARD_RATE // 5])
    return np.asarray(loud[first] / HEARD_RATE, dtype=np.float64)


def _flashes(take: Take) -> Curve:
    """Seconds at which flashes are first seen."""
    if take.pictures.arrived.size < 2:
        return np.zeros(0)
    light = take.pictures.cells.mean(axis=(1, 2)) > 150
    begins = np.flatnonzero(light[1:] & ~light[:-1]) + 1
    return take.clock.seconds(take.pictures.shown[begins])


def _nearest(moments: Curve, to: float) -> float:
    return float(moments[np.abs(moments - to).argmin()])


async def until_pairs(take: Callable[[], Take], made: Reference, *, timeout: float) -> Calibration:
    """Wait until enough flashes and clicks were seen and heard, or `timeout` seconds are over."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + timeout
    while True:
        await asyncio.sleep(1.0)
        found = calibrated(take(), made.clicks)
        if found.pairs >= 2 * FEWEST or clock() >= deadline:
            return found
