"""Record what an avatar publishes as a viewer gets it: sound, small pictures, buffers' delays."""

from __future__ import annotations

import asyncio
import contextlib
import time
from array import array
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from livekit import rtc

from micstream.lab.cells import cells_of_luma
from micstream.lab.take import Pictures, Samples, Spoken, Take, Waited
from micstream.viewer.picture import PictureFrame
from micstream.viewer.recording import SoundRecording
from micstream.viewer.tap import Sink
from micstream.viewer.viewer import Viewer

_ASK_EVERY_S: Final = 1.0
_MOST_FRAMES: Final = 20_000
"""Eleven minutes at 30 a second, 180 MB."""
_FIRST_FRAMES: Final = 1_000
_MOST_SMALL: Final = 9_000
_SMALL: Final = 96
_MICRO: Final = 1_000_000
_STAMPED: Final = 1_500_000_000
"""Unix seconds of no more than this are none: a count of frames, or a clock of its own."""


class PictureTape:
    """Takes a participant's pictures down: small, with times and stamps; bounded."""

    def __init__(self) -> None:
        self._arrived, self._due, self._stamps = array("d"), array("d"), array("d")
        self._cells: npt.NDArray[np.float32] = np.zeros((0, 1, 1), np.float32)
        self._small: list[bytes] = []
        self._small_size = (0, 0)
        self.size = (0, 0)
        """Width and height as they come."""
        self.came = asyncio.Event()
        """Set by the first one."""
        self.lost = 0
        """Pictures beyond what is held."""

    def push(self, frame: PictureFrame) -> None:
        """Take the next frame."""
        if len(self._arrived) >= _MOST_FRAMES:
            self.lost += 1
            return
        luma = frame.luma
        cells, held = cells_of_luma(luma), len(self._arrived)
        if not held:
            self._cells = np.empty((_FIRST_FRAMES, *cells.shape), np.float32)
        if cells.shape != self._cells.shape[1:]:
            self.lost += 1  # another shape of picture: it is another film
            return
        if held == len(self._cells):
            self._cells = np.concatenate([self._cells, np.empty_like(self._cells)])
        self._cells[held] = cells
        self.size = (frame.width, frame.height)
        self._arrived.append(frame.arrived_unix)
        self.came.set()
        self._due.append(frame.timestamp_us / _MICRO)
        self._stamps.append(_stamp(frame))
        if len(self._small) < _MOST_SMALL:
            if not self._small:
                step = max(1, -(-max(frame.width, frame.height) // _SMALL))
                self._small_size = (-(-frame.width // step), -(-frame.height // step))
            # Each as large as the first, of whichever layer of a simulcast it is.
            across, down = (
                np.arange(small) * whole // small
                for small, whole in zip(self._small_size, self.size, strict=True)
            )
            self._small.append(luma[down[:, None], across].tobytes())

    def end(self, error: Exception | None = None) -> None:
        """Nothing comes any more."""

    def pictures(self) -> Pictures:
        """All so far."""
        return Pictures(
            arrived=np.array(self._arrived),
            due=np.array(self._due),
            cells=self._cells[: len(self._arrived)],
            stamps=np.array(self._stamps),
            small=tuple(self._small),
            small_size=self._small_size,
            size=self.size,
        )


def _stamp(frame: PictureFrame) -> float:
    seconds = (frame.stamp_us or 0) / _MICRO
    return seconds if seconds > _STAMPED else float("nan")


class Recorder:
    """Records one avatar from `begin` on, until the viewer leaves."""

    def __init__(self, viewer: Viewer, avatar: str, *, max_s: float) -> None:
        self._viewer = viewer
        self.avatar = avatar
        self.sound = SoundRecording(max_s)
        self.tape = PictureTape()
        self._waited: list[Waited] = []
        viewer.attach_sound(avatar, self.sound)
        viewer.attach_picture(avatar, self.tape)

    def also(self, picture: Sink[PictureFrame]) -> None:
        """Hand the same pictures, from the next one on, to somebody else too."""
        self._viewer.attach_picture(self.avatar, picture)

    async def until_both(self, timeout: float) -> bool:
        """Wait until sound and picture have come; False: not within `timeout` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self.sound.until_receiving()
                await self.tape.came.wait()
                return True
        return False

    async def ask(self) -> None:
        """Take the buffers' statistics down, every second, until cancelled."""
        while True:
            with contextlib.suppress(Exception):
                self._waited.append(await self._now())
            await asyncio.sleep(_ASK_EVERY_S)

    async def _now(self) -> Waited:
        sound = await _inbound(self._viewer.track(self.avatar))
        picture = await _inbound(self._viewer.track(self.avatar, picture=True))
        heard, seen = getattr(sound, "inbound", None), getattr(picture, "inbound", None)
        return Waited(
            at=time.time(),
            sound_s=heard.jitter_buffer_delay if heard else 0.0,
            sounds=heard.jitter_buffer_emitted_count if heard else 0,
            pictures_s=seen.jitter_buffer_delay if seen else 0.0,
            pictures=seen.jitter_buffer_emitted_count if seen else 0,
            decoding_s=seen.total_decode_time if seen else 0.0,
            decoded=seen.frames_decoded if seen else 0,
            lost=sum(each.received.packets_lost for each in (sound, picture) if each),
            received=sum(each.received.packets_received for each in (sound, picture) if each),
        )

    def take(self, spoken: list[Spoken]) -> Take:
        """All so far, with what was spoken meanwhile."""
        sound: Samples = self.sound.sound
        return Take(
            avatar=self.avatar,
            spoken=tuple(spoken),
            heard=sound,
            blocks=self.sound.arrivals,
            pictures=self.tape.pictures(),
            waited=tuple(self._waited),
            unread=self.tape.lost,
        )


async def _inbound(track: rtc.Track | None) -> Any:
    """The track's inbound statistics, as the SDK has them; None: there are none."""
    if track is None:
        return None
    for each in await track.get_stats():
        if each.WhichOneof("stats") == "inbound_rtp":
            return each.inbound_rtp
    return None
