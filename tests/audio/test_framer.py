"""Framer laws: nothing lost, nothing added, the same frames however the bytes come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream.audio.framer import Framer
from tests.support.chunks import chunked, cuts


@given(data=st.binary(max_size=300), size=st.integers(1, 40), where=cuts(300))
def test_any_division_gives_the_same_frames(data: bytes, size: int, where: list[int]) -> None:
    framer = Framer(size)
    frames = [frame for block in chunked(data, where) for frame in framer.push(block)]
    whole = len(data) // size * size
    assert frames == [data[at : at + size] for at in range(0, whole, size)]
    assert framer.take_rest() == data[whole:]
    assert framer.take_rest() == b""


def test_a_frame_comes_with_the_byte_that_fills_it() -> None:
    framer = Framer(4)
    assert list(framer.push(b"abc")) == []
    assert list(framer.push(b"d")) == [b"abcd"]


def test_after_the_rest_was_taken_frames_begin_anew() -> None:
    framer = Framer(4)
    assert list(framer.push(b"abcdef")) == [b"abcd"]
    assert framer.take_rest() == b"ef"
    assert list(framer.push(b"1234")) == [b"1234"]


def test_a_silenced_rest_keeps_its_place() -> None:
    framer = Framer(4)
    assert list(framer.push(b"abcdef")) == [b"abcd"]
    framer.silence_rest()
    assert list(framer.push(b"gh")) == [b"\0\0gh"]


@pytest.mark.parametrize("size", [0, -2])
def test_a_frame_holds_something(size: int) -> None:
    with pytest.raises(ValueError, match="at least one byte"):
        Framer(size)
