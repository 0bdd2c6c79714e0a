"""A run's figures: what was put into it is found, and laid to the right part."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from micstream.lab.analysis import Analysis, analyse
from micstream.lab.follow import CURVE_RATE
from micstream.lab.kit import Label
from micstream.lab.lipsync import level_of
from micstream.lab.mouth import runs, speech_in
from micstream.lab.take import RATE, Waited
from micstream.lab.transport import Calibration
from tests.support.films import FPS, Frames, face, speech
from tests.support.takes_of_lab import BEGAN, Said, take_of

pytestmark = pytest.mark.slow

STAMPED = Calibration(0.0, 2.0, 16, 30.0, 20.0, since_made_ms=45.0, sound_way_ms=20.0)
"""Of a path over which pictures bear stamps."""
LEAD_S = 2.0
"""Before the sound is heard."""


@cache
def filmed(tail_s: float = 0.0) -> Frames:
    """The face saying it, with a rest before and after."""
    frames = face(tail_s=tail_s)
    rest = frames[:1]
    count = round(LEAD_S * FPS)
    return np.concatenate([np.repeat(rest, count, 0), frames, np.repeat(rest, count, 0)])


def said(**more: Any) -> Said:
    return Said(pcm=speech(), sent_s=LEAD_S - 0.3, heard_s=LEAD_S, **more)


@cache
def pauses() -> list[tuple[float, float]]:
    """Begin and end of each silence of a second and more in what is said."""
    return [
        (a / CURVE_RATE, b / CURVE_RATE)
        for a, b in runs(~speech_in(level_of(speech(), RATE)))
        if b - a >= CURVE_RATE
    ]


def last_pause() -> tuple[float, float]:
    return pauses()[-1]


def onset_s() -> float:
    """When it begins to be loud."""
    return float(np.flatnonzero(speech_in(level_of(speech(), RATE)))[0]) / CURVE_RATE


def measured(
    late_ms: float = 0.0, *, calibration: Calibration | None = None, **more: Any
) -> Analysis:
    return analyse(
        take_of([said()], filmed(), late_s=late_ms / 1000, **more), calibration=calibration
    )


def waited(sound_ms: float, picture_ms: float) -> tuple[Waited, ...]:
    """Statistics of buffers that held so long, over all of a run."""
    end = Waited(
        at=BEGAN + 40,
        sound_s=48_000 * sound_ms / 1000,
        sounds=48_000,
        pictures_s=picture_ms,
        pictures=1_000,
    )
    return (Waited(at=BEGAN), end)


@pytest.mark.parametrize("late_ms", [-240, -80, 0, 120, 240])
@pytest.mark.parametrize("jitter_ms", [0, 15])
def test_an_offset_is_found_on_the_clock_of_the_sound(late_ms: int, jitter_ms: int) -> None:
    figures = measured(late_ms, jitter_s=jitter_ms / 1000).figures
    assert figures["offset_ms"] == pytest.approx(late_ms, abs=15)
    row = figures["items"][0]
    assert row["offset_ms"] == pytest.approx(late_ms, abs=20)
    assert row["heard_delay_ms"] == pytest.approx(300, abs=5)
    assert row["missing_s"] == row["doubled_s"] == row["gaps_s"] == 0
    assert row["report_delay_ms"] == pytest.approx(-20, abs=5)


@pytest.mark.parametrize("path_ms", [-60, 40])
def test_what_the_path_puts_in_is_taken_off(path_ms: int) -> None:
    known = Calibration(path_ms, 2.0, 16, 30.0, 20.0)
    figures = measured(100 + path_ms, calibration=known, waited=waited(30, 20)).figures
    assert figures["offset_ms"] == pytest.approx(100, abs=15)
    assert figures["taken_off_ms"] == pytest.approx(path_ms, abs=1)


@pytest.mark.parametrize("buffers_ms", [(60, 20), (30, 90)])
def test_and_with_it_the_viewers_buffers_as_they_are_for_the_avatar(
    buffers_ms: tuple[int, int],
) -> None:
    known = Calibration(-20.0, 2.0, 16, 30.0, 20.0)
    sound_ms, picture_ms = buffers_ms
    late = 80 - 10 + picture_ms - sound_ms
    figures = measured(late, calibration=known, waited=waited(sound_ms, picture_ms)).figures
    assert figures["offset_ms"] == pytest.approx(80, abs=15)
    assert figures["transport_offset_ms"] is None
    assert "no stamps" in figures["transport_how"]


@pytest.mark.parametrize(("drawn_ms", "transport_ms"), [(0, 200), (200, 0), (-120, 160)])
def test_the_way_and_the_drawing_are_told_apart_where_pictures_bear_stamps(
    drawn_ms: int, transport_ms: int
) -> None:
    figures = measured(
        drawn_ms + transport_ms,
        calibration=STAMPED,
        waited=waited(30, 20),
        stamped_s=0.045 + transport_ms / 1000,
    ).figures
    assert figures["transport_how"] == "by the pictures' stamps"
    assert figures["transport_offset_ms"] == pytest.approx(transport_ms, abs=5)
    assert figures["drawn_offset_ms"] == pytest.approx(drawn_ms, abs=20)


@pytest.mark.parametrize(("drawn_ms", "transport_ms"), [(0, 120), (120, 0)])
def test_what_pictures_wait_for_packets_sent_again_is_no_part_of_the_path(
    drawn_ms: int, transport_ms: int
) -> None:
    figures = measured(
        drawn_ms + transport_ms,
        calibration=STAMPED,
        waited=waited(30, 20 + 110 / 2),
        stamped_s=0.045 + transport_ms / 1000,
        resent_s=0.11,
    ).figures
    assert figures["buffers"]["picture_ms"] == pytest.approx(20, abs=2)
    assert figures["buffers"]["late_ms"] == pytest.approx(55, abs=2)
    assert figures["transport_offset_ms"] == pytest.approx(transport_ms, abs=5)
    assert figures["drawn_offset_ms"] == pytest.approx(drawn_ms, abs=20)


def test_without_statistics_the_parts_are_not_told() -> None:
    figures = measured().figures
    assert figures["transport_offset_ms"] is None
    assert figures["drawn_offset_ms"] is None
    assert figures["offset_ms"] == pytest.approx(0, abs=15)


def test_a_tail_is_found() -> None:
    begin, end = last_pause()
    pcm = speech()[: round((begin + 0.05) * RATE)]
    for tail_s in (0.0, 0.4):
        frames = filmed(tail_s)[: round((LEAD_S + end) * FPS)]
        take = take_of([Said(pcm=pcm, sent_s=LEAD_S - 0.3, heard_s=LEAD_S)], frames)
        assert analyse(take).figures["tail_ms"] == pytest.approx(1000 * tail_s, abs=60)


@pytest.mark.parametrize("early_ms", [300, 200, 0])
def test_a_start_that_is_early_and_settles_is_found(early_ms: int) -> None:
    frames = filmed()
    count = len(frames)
    at = np.arange(count) / FPS
    # In the first second of speech the picture is ahead, and falls back into step.
    onset = LEAD_S + onset_s()
    ahead = early_ms / 1000 * np.clip(1 - (at - onset) / 1.0, 0, 1)
    shown = frames[np.clip(np.round((at + ahead) * FPS).astype(int), 0, count - 1)]
    row = analyse(take_of([said()], shown)).figures["items"][0]
    if early_ms:
        assert row["start_offset_ms"] < -0.35 * early_ms
        assert row["first_frame_delay_ms"] == pytest.approx(-early_ms, abs=120)
        assert 200 <= row["settling_ms"] <= 1_200
    else:
        assert row["start_offset_ms"] == pytest.approx(0, abs=60)
        assert row["settling_ms"] == 0


def test_what_is_not_heard_is_missing_and_has_no_offset() -> None:
    silent = Said(pcm=speech()[: 4 * RATE][::-1].copy(), sent_s=5.0, heard_s=1e6, name="lost")
    figures = analyse(take_of([said(), silent], filmed())).figures
    lost = figures["items"][1]
    assert lost["why"] == "it was not heard"
    assert lost["missing_s"] == pytest.approx(4.0)
    assert lost.get("offset_ms") is None
    assert figures["offset_ms"] == pytest.approx(0, abs=15)


def test_a_control_is_told_by_how_much_the_mouth_moves() -> None:
    noise = np.random.default_rng(0).normal(0, 3_000, RATE).astype(np.int16)
    control = Said(pcm=noise, sent_s=33.0 - 0.3, heard_s=32.9, what="control", name="noise")
    figures = analyse(take_of([said(), control], filmed())).figures
    assert figures["items"][1]["moves"] < 0.2
    assert "offset_ms" not in figures["items"][1]


def test_a_closure_that_shuts_the_mouth_is_a_hit_and_one_that_does_not_is_none() -> None:
    pcm = speech()
    level = level_of(pcm, RATE)
    quiet = [n for n in range(100, 2_800, 20) if level[n - 6 : n + 6].max() < 0.05]
    quiet = [n for n in quiet if level[n - 60 : n + 60].max() > 0.5]
    spoken = [n for n in range(100, 2_800, 20) if level[n - 12 : n + 12].min() > 0.45]
    assert len(quiet) > 2
    assert len(spoken) > 2
    shut = tuple(Label(n / 100 - 0.03, n / 100 + 0.03, "p") for n in quiet)
    open_ = tuple(Label(n / 100 - 0.01, n / 100 + 0.01, "m") for n in spoken)
    for labels, hit in ((shut, 0.9), (open_, 0.0)):
        row = analyse(take_of([said(labels=labels)], filmed())).figures["items"][0]
        if row.get("closures"):
            assert (row["closures_hit"] >= hit) if hit else (row["closures_hit"] <= 0.3)
    other = tuple(Label(n / 100, n / 100 + 0.05, "a") for n in quiet)
    assert "closures" not in analyse(take_of([said(labels=other)], filmed())).figures["items"][0]


def test_a_still_picture_is_undecided_whatever_was_heard() -> None:
    still = np.repeat(filmed()[:1], len(filmed()), axis=0)
    figures = analyse(take_of([said()], still)).figures
    assert figures["verdict"] == "undecided"
    assert figures["why"] == "the picture stands still"
    assert figures["items"][0]["heard_delay_ms"] == pytest.approx(300, abs=5)


def test_a_run_in_which_nothing_was_said_is_undecided() -> None:
    figures = analyse(take_of([], filmed())).figures
    assert figures["verdict"] == "undecided"
    assert figures["items"] == []
