"""A cue's sound: all of it, and not a sample after its fade."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from micstream.show.cue import Playout, mixed, with_gain

LOUD = np.full(16_000, 10_000, "<i2").tobytes()
pieces = st.lists(st.floats(0.0, 0.3), min_size=1, max_size=60)


def levels(pcm: bytes) -> np.ndarray:
    return np.frombuffer(pcm, "<i2").astype(int)


@given(pieces)
def test_it_is_the_same_sound_in_any_pieces(sizes: list[float]) -> None:
    playout = Playout(LOUD)
    taken = b"".join(playout.take(seconds) for seconds in sizes)
    assert taken == LOUD[: len(taken)]
    assert playout.taken_s == len(taken) / 32_000
    assert playout.is_over == (len(taken) == len(LOUD))


@given(pieces, st.floats(0.0, 0.9), st.floats(0.0, 0.5))
def test_stopped_it_fades_and_is_over(sizes: list[float], at: float, fade_s: float) -> None:
    playout = Playout(LOUD)
    playout.take(at)
    playout.stop(fade_s)
    faded = b"".join(playout.take(seconds) for seconds in [*sizes, *[0.3] * 4])
    assert playout.is_over
    assert abs(len(faded) / 32_000 - min(fade_s, 1.0 - at)) < 0.001
    heard = levels(faded)
    assert np.all(np.diff(heard) <= 0)
    assert heard.size == 0 or heard[0] <= 10_000


def test_a_fade_is_the_same_in_any_pieces() -> None:
    whole, divided = Playout(LOUD), Playout(LOUD)
    for playout in (whole, divided):
        playout.take(0.2)
        playout.stop(0.4)
    assert whole.take(1.0) == b"".join(divided.take(0.013) for _ in range(40))


def test_stopped_twice_it_ends_at_the_earlier_one() -> None:
    playout = Playout(LOUD)
    playout.stop(0.5)
    playout.take(0.1)
    playout.stop(0.05)
    assert len(playout.take(1.0)) == 0.05 * 32_000
    playout.stop(0.5)
    assert playout.take(1.0) == b""


@given(st.floats(-60, 24))
def test_gain_never_wraps(db: float) -> None:
    heard = levels(with_gain(LOUD, db))
    assert np.all(heard >= 0)
    assert heard[0] == min(32767, round(10_000 * 10 ** (db / 20)))


def test_a_mixture_is_as_long_as_the_cue_and_never_wraps() -> None:
    short, long = LOUD[:100], LOUD * 2
    assert levels(mixed(LOUD, short)).tolist() == [20_000] * 50 + [10_000] * 15_950
    assert mixed(LOUD, long) == mixed(LOUD, LOUD)
    full = np.full(10, 30_000, "<i2").tobytes()
    assert levels(mixed(full, full)).tolist() == [32767] * 10
