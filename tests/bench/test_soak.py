"""The soak: what it calls growth is found where there is some, and only there."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.recording import RATE
from bench.soak import judge, parts, trend
from bench.soak.__main__ import main
from bench.soak.record import Record
from bench.soak.trend import Series
from bench.spoken import conversation, laid_out

counts = st.integers(trend.LEAST_SAMPLES, 600)
noises = st.lists(st.floats(-1, 1), min_size=1, max_size=40)


def series(values: list[float], step: float = 2.0) -> Series:
    return Series([step * at for at in range(len(values))], values)


def noisy(count: int, noise: list[float]) -> list[float]:
    return [150.0 + noise[at % len(noise)] for at in range(count)]


# ---- growth --------------------------------------------------------------------------------------


@given(counts, noises)
def test_what_stays_where_it_is_grows_by_no_more_than_its_noise(
    count: int, noise: list[float]
) -> None:
    assert trend.growth(series(noisy(count, noise))) <= 2 + 1e-9


@given(counts, noises, st.floats(0, 500))
def test_a_climb_is_seen_to_its_full_height(count: int, noise: list[float], leak: float) -> None:
    climbing = [value + leak * at / (count - 1) for at, value in enumerate(noisy(count, noise))]
    # What a wobble can hide of it: its own height, over and over.
    assert trend.growth(series(climbing)) >= 0.8 * leak - 2
    straight = [150 + leak * at / (count - 1) for at in range(count)]
    assert trend.growth(series(straight)) == pytest.approx(leak)


@given(counts, st.floats(0.15, 0.85), st.floats(0, 500))
def test_so_is_a_step_wherever_it_is(count: int, where: float, leak: float) -> None:
    stepping = [150 + leak * (at >= where * count) for at in range(count)]
    assert trend.growth(series(stepping)) >= leak - 1e-9


@given(counts, noises, st.floats(-100, 100), st.floats(0.1, 60))
def test_neither_height_nor_pace_of_sampling_matter(
    count: int, noise: list[float], more: float, step: float
) -> None:
    values = noisy(count, noise)
    found = trend.growth(series([value + more for value in values], step))
    assert found == pytest.approx(trend.growth(series(values)), abs=1e-6)


@given(counts, st.data())
def test_single_samples_are_no_growth(count: int, data: st.DataObject) -> None:
    values = [150.0] * count
    for at in data.draw(st.lists(st.integers(0, count - 1), max_size=max(1, count // 30) - 1)):
        values[at] = 900.0
    assert trend.growth(series(values)) == pytest.approx(0.0)


@given(counts, st.lists(st.integers(0, 4), min_size=1, max_size=40), st.integers(1, 50))
def test_of_counts_what_stays_at_rest_matters(count: int, busy: list[int], leak: int) -> None:
    # Every other sample is taken at rest.
    values = [9.0 + (at % 2) * busy[at % len(busy)] for at in range(count * 2)]
    assert trend.left_behind(series(values)) == 0
    leaking = [value + (at >= count) * leak for at, value in enumerate(values)]
    assert trend.left_behind(series(leaking)) == leak


def test_warm_up_is_a_tenth_or_a_minute() -> None:
    assert [trend.warm_up_s(seconds) for seconds in (30, 600, 3_600)] == [60, 60, 360]


# ---- verdicts ------------------------------------------------------------------------------------


def soaked(*, whole: bool = True, every_s: float = 6.0, minutes: float = 10.0) -> Record:
    """A run in which all is well: a segment every six seconds, a sample every two."""
    record = Record("real", 60 * minutes, begun=1_000.0, took_s=60 * minutes)
    record.whole, record.exit_code = whole, 0
    told = record.ours.told
    for number in range(round(60 * minutes / every_s)):
        at, name = 1_000 + number * every_s, f"u{number}"
        told += [
            {
                "t": at + 0.3,
                "event": "utterance_started",
                "id": name,
                "onset_s": number * every_s,
                "lead_ms": 120,
            },
            {"t": at + 0.4, "event": "playback_started", "id": name, "delay_ms": 220},
            {"t": at + 3.3, "event": "utterance_ended", "id": name, "duration_s": 3.0, "bytes": 1},
            {
                "t": at + 3.5,
                "event": "playback_finished",
                "id": name,
                "position_s": 3.0,
                "interrupted": False,
            },
        ]
        record.heard.add(number * every_s, 230)
    for at in range(0, round(60 * minutes), 2):
        for taken in (record.ours, record.idle):
            for name, value in (("rss", 150), ("pss", 100), ("uss", 80), ("fds", 30)):
                taken.series[name].add(at, value)
            taken.series["threads"].add(at, 14)
            taken.told.append({"t": 1_000.0 + at, "event": "tasks", "tasks": 12})
    told.append({"t": 1_000 + 60 * minutes, "event": "bye"})
    told.sort(key=lambda event: event["t"])
    return record


def refused(record: Record) -> list[str]:
    return [row.what for row in judge.verdicts(record) if row.ok is False]


def test_a_run_in_which_all_is_well_is_accepted() -> None:
    record = soaked()
    assert all(row.ok for row in judge.verdicts(record))
    assert not judge.failed(record, judge.verdicts(record))


@pytest.mark.parametrize(("leak_mib", "is_refused"), [(4.9, False), (5.1, True), (60.0, True)])
def test_memory_that_leaks_is_refused(leak_mib: float, is_refused: bool) -> None:
    record = soaked()
    start, end = judge.window(record)
    rss = record.ours.series["rss"]
    inside = [at for at in rss.times if start <= at <= end]
    rss.values = [150 + leak_mib * (at - inside[0]) / (inside[-1] - inside[0]) for at in rss.times]
    assert refused(record) == ["resident memory grows by"] * is_refused
    assert judge.failed(record, judge.verdicts(record)) is is_refused


def test_what_is_taken_in_the_warm_up_is_none() -> None:
    record = soaked()
    record.ours.series["rss"].values = [50 + min(at, 50) for at in record.ours.series["rss"].times]
    assert not refused(record)


@pytest.mark.parametrize(
    ("name", "what"), [("fds", "file descriptors at rest"), ("threads", "threads at rest")]
)
def test_one_descriptor_or_thread_that_is_left_behind_is_refused(name: str, what: str) -> None:
    record = soaked()
    record.ours.series[name].values[200:] = [31] * 100
    assert refused(record) == [what]


def test_tasks_that_stay_are_refused() -> None:
    record = soaked()
    for number, event in enumerate(record.ours.named("tasks")):
        event["tasks"] += number // 60
    assert refused(record) == ["asyncio tasks at rest"]


@pytest.mark.parametrize("change", [-60, 60])
def test_a_delay_that_is_another_at_the_end_is_refused(change: int) -> None:
    record = soaked()
    for event in record.ours.named("playback_started")[50:]:
        event["delay_ms"] += change
    assert refused(record) == ["delay, microphone to report"]


def test_segments_that_are_lost_cut_off_or_short_are_refused() -> None:
    lost = soaked()
    lost.ours.told.remove(lost.ours.named("playback_finished")[40])
    dropped = soaked()
    dropped.ours.told.append({"t": 1_300.0, "event": "dropped", "seconds": 0.5, "why": "late"})
    cut_off = soaked()
    cut_off.ours.named("playback_finished")[40]["interrupted"] = True
    for record in (lost, dropped, cut_off):
        assert refused(record) == ["segments begun/ended/heard/played out"]
    short = soaked()
    short.ours.named("playback_finished")[40]["position_s"] = 2.5
    assert refused(short) == ["sent and played"]
    unheard = soaked()
    unheard.missing = 1
    assert refused(unheard) == ["sentences that a viewer heard"]


def test_an_end_out_of_order_and_a_dead_avatar_are_refused() -> None:
    record = soaked()
    record.exit_code, record.avatar_alive = 1, False
    assert refused(record) == ["it ends", "the avatar afterwards"]


def test_ended_early_nothing_is_refused_that_could_not_be_told_and_it_failed() -> None:
    record = soaked(whole=False, minutes=0.5)
    record.ours.told.remove(record.ours.named("playback_finished")[-1])
    assert not refused(record)
    assert judge.failed(record, judge.verdicts(record))
    nothing = Record("real", 600)
    assert not refused(nothing)


segments = st.lists(st.tuples(st.integers(2, 9), st.sampled_from("abc")), min_size=1, max_size=8)


@given(segments, st.data())
def test_whatever_is_missing_or_another_differs(
    one: list[tuple[int, str]], data: st.DataObject
) -> None:
    assert parts.difference(one, list(one)) == ""
    at = data.draw(st.integers(0, len(one) - 1))
    other = data.draw(
        st.sampled_from(
            [
                one[:at] + one[at + 1 :],
                [*one, (1, "d")],
                [*one[:at], (1, one[at][1]), *one[at + 1 :]],
                [*one[:at], (one[at][0], "d"), *one[at + 1 :]],
            ]
        )
    )
    assert parts.difference(one, other)


# ---- the sound, the command line, all of it ------------------------------------------------------


def test_a_conversation_is_as_long_as_asked_and_the_same_each_time() -> None:
    sound, script = laid_out(conversation(120))
    again, _ = laid_out(conversation(120))
    other, _ = laid_out(conversation(120, seed=2))
    assert 120 <= sound.size / RATE < 170
    assert (sound == again).all()
    assert sound.size != other.size or (sound != other).any()
    assert np.abs(sound).max() <= 1
    assert all(0 < each.start < each.end < sound.size / RATE for each in script)
    assert all(first.text != second.text for first, second in pairwise(script))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--minutes", "0"], "expected minutes"),
        (["--accelerated-minutes", "nan"], "expected minutes"),
        (["--part", "none"], "invalid choice"),
        (["--plot", "nowhere/soak.png"], "a picture cannot be written there"),
        (["--plot", "soak.sound"], "a picture cannot be written there"),
    ],
)
def test_what_cannot_be_used_is_told_before_anything_begins(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code: object = main(arguments)
    except SystemExit as error:
        code = error.code
    assert code in (2, 3)
    assert words in capsys.readouterr().err


@pytest.mark.room
@pytest.mark.sound
@pytest.mark.slow
def test_a_short_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All the parts hold together; what is too short to tell is not judged."""
    short = ["--minutes", "0.15", "--accelerated-minutes", "1"]
    code = main([*short, "--json", "--plot", str(tmp_path / "soak.png")])
    out, err = capsys.readouterr()
    figures = json.loads(out)
    refused = []
    for part in ("real", "accelerated"):
        found = figures[part]
        assert found["whole"], err
        by_name = {row["what"]: row for row in found["verdicts"]}
        refused += [(part, row["what"], row["found"]) for row in by_name.values() if not row["ok"]]
        assert by_name["resident memory grows by"]["ok"] is None
        assert by_name["it ends"]["ok"]
        assert by_name["segments begun/ended/heard/played out"]["found"].count("/") == 3
        assert found["lead_ms"]
        for who in ("micstream", "idle"):
            assert set(found["series"][who]) == {"rss", "pss", "uss", "fds", "threads", "tasks"}
            assert all(len(each) >= 2 for each in found["series"][who].values())
    # In real time a machine with much else to do may lose a word; here nothing can be late.
    accelerated = {row["what"]: row for row in figures["accelerated"]["verdicts"]}
    assert accelerated["received as cut without a room"]["ok"], refused
    assert accelerated["segments begun/ended/heard/played out"]["ok"], refused
    told = [row["ok"] for part in ("real", "accelerated") for row in figures[part]["verdicts"]]
    assert code == int(False in told), refused
    assert (tmp_path / "soak.png").stat().st_size > 10_000
    assert "soak accelerated: 1 minutes" in err
