"""Lip-sync of films of many kinds: what was put in is found, and what is not there is not."""

from __future__ import annotations

import statistics

import pytest

from micstream.lab.lipsync import LipSync, level_of, measure
from micstream.lab.mouth import Seen
from micstream.lab.predict import spectrum_of
from testbed.films import dropped, later, said
from testbed.mouths import Errors, Mouths
from testbed.speech import RATE
from tests.support.films import LENGTH_S, shifted, talk

pytestmark = pytest.mark.slow

STEPS_MS = range(-240, 241, 40)
SOME_MS = STEPS_MS[::3]


def measured(what: Seen, *, seconds: float = LENGTH_S) -> LipSync:
    pcm = said(seconds)
    return measure(what, level_of(pcm, RATE), spectrum=spectrum_of(pcm, RATE))


def amiss(put_in_ms: float, found: LipSync) -> float:
    """By how much the offset is off."""
    assert found.offset_ms is not None, found.why
    assert put_in_ms == 0 or found.offset_ms * put_in_ms > 0, "the sign is right"
    return abs(found.offset_ms - put_in_ms)


@pytest.mark.parametrize(
    ("kind", "steps_ms"),
    [("face", STEPS_MS), *((each, SOME_MS) for each in ("small", "off centre", "bars", "photo"))],
)
def test_offsets_are_found_in_every_kind_of_picture(kind: str, steps_ms: range) -> None:
    whole = talk(kind)
    off = [amiss(each, measured(later(whole, each))) for each in steps_ms]
    assert statistics.median(off) <= 15
    assert max(off) <= 25


@pytest.mark.parametrize(("drawn_ms", "fps"), [(-170, 30), (110, 25)])
def test_so_is_a_mouth_that_is_drawn_early_or_late(drawn_ms: float, fps: int) -> None:
    assert amiss(drawn_ms, measured(talk("face", Errors(drawn_ms=drawn_ms, fps=fps)))) <= 25


@pytest.mark.parametrize("late_ms", [-120, 0, 80])
def test_a_codec_at_a_low_bitrate_and_missing_frames_change_little(late_ms: int) -> None:
    whole = later(talk("photo", kbit=100), late_ms)
    assert amiss(late_ms, measured(whole)) <= 25
    assert amiss(late_ms, measured(dropped(whole, 0.03))) <= 30


@pytest.mark.parametrize(
    ("kind", "mouth", "runs"),
    [
        *(("face", "random", 8), ("face", "other", 8), ("face", "hangs", 4)),
        ("photo", "other", 4),
    ],
)
def test_a_mouth_that_does_not_follow_is_never_good(kind: str, mouth: Mouths, runs: int) -> None:
    whole = talk(kind, Errors(mouth=mouth))
    for number in range(runs):
        found = measured(shifted(whole, 1.4 * number))
        assert found.verdict == "undecided", number
        assert found.offset_ms is None


def test_a_still_picture_is_undecided() -> None:
    found = measured(talk("face", Errors(mouth="still")))
    assert (found.verdict, found.offset_ms) == ("undecided", None)


def test_a_start_that_is_early_is_told_from_what_comes_after() -> None:
    found = measured(talk("face", Errors(early_start_ms=300)))
    assert found.start_offset_ms is not None
    assert -320 <= found.start_offset_ms <= -100
    plain = measured(talk("face"))
    assert plain.start_offset_ms == pytest.approx(0, abs=40)


@pytest.mark.parametrize("tail_ms", [0, 400])
def test_a_tail_is_found(tail_ms: float) -> None:
    found = measured(talk("face", Errors(tail_ms=tail_ms)))
    assert found.tail_ms == pytest.approx(tail_ms, abs=60)
