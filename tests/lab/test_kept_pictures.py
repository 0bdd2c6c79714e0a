"""What is kept of the pictures of an avatar, whatever sizes a simulcast sends them in."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from micstream.lab.recorder import PictureTape
from micstream.lab.saving import Film
from micstream.lab.take import Take
from micstream.viewer.picture import PictureFrame

LAYERS = {
    "one": [(320, 180)],
    "odd": [(721, 405)],
    "three": [(320, 180), (1280, 720), (640, 360)],
}


def frame(number: int, size: tuple[int, int]) -> PictureFrame:
    """A grey ramp, brighter from left to right, at 25 a second."""
    width, height = size
    ramp = np.broadcast_to(np.linspace(20, 230, width).astype(np.uint8), (height, width))
    colour = np.full(2 * -(-width // 2) * -(-height // 2), 128, np.uint8)
    data = memoryview(np.concatenate([ramp.reshape(-1), colour]).tobytes())
    at = number / 25
    return PictureFrame(width, height, round(at * 1e6), at, 1_000 + at, "TR_1", data)


@pytest.mark.parametrize("sizes", LAYERS.values(), ids=LAYERS)
def test_none_is_left_out(tmp_path: Path, sizes: list[tuple[int, int]]) -> None:
    tape, film = PictureTape(), Film(tmp_path / "film.mkv")
    for number in range(12):
        each = frame(number, sizes[number // 4 % len(sizes)])
        tape.push(each)
        film.push(each)
    kept = tape.pictures()
    width, height = kept.small_size
    assert (len(kept.small), len(kept.arrived), tape.lost) == (12, 12, 0)
    for small in kept.small:
        pixels = np.frombuffer(small, np.uint8).reshape(height, width).astype(int)
        assert np.abs(pixels - np.linspace(20, 230, width)).max() < 8
    blocks = ((0, 1_003.0), (8_000, 1_003.5))
    take = Take("anna", (), np.zeros(16_000, np.int16), blocks, kept, ())
    film.finish(take)
    assert film.lost == 0
    with av.open(str(tmp_path / "film.mkv")) as read:
        pictures = [each.to_ndarray()[: each.height] for each in read.decode(video=0)]
    assert len(pictures) == 12
    for picture in pictures:
        middle = picture[picture.shape[0] // 2].astype(int)
        assert np.abs(middle - np.linspace(20, 230, middle.size)).max() < 12
