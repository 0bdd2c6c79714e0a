"""Two runs compared: what differs is told, what does not is not, and never more than is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micstream.errors import InputError
from micstream.lab.compare import (
    KINDS,
    LEAST,
    WIDTH,
    Compared,
    Comparison,
    check_run,
    compare,
    comparison_words,
)
from micstream.lab.run_file import read_run

Run = dict[str, Any]
TOLD = {"better", "worse"}


def run(*rows: dict[str, Any], avatar: str = "face", **more: Any) -> Run:
    return {"schema": 1, "avatar": avatar, "items": list(rows), **more}


def spoken(count: int, seed: int = 0, **figures: float) -> list[dict[str, Any]]:
    """Utterances with these figures, each spread by a tenth of 100."""
    rng = np.random.default_rng(seed)
    rows = []
    for at in range(count):
        spread = {key: value + float(rng.normal(0, 10)) for key, value in figures.items()}
        rows.append({"item": f"sentence-{at}", "repeat": 1, "what": "speech", **spread})
    return rows


def figure(one: Run, other: Run, key: str = "tail_ms") -> Compared:
    return next(each for each in compare(one, other).figures if each.key == key)


FIGURE = st.one_of(
    st.none(), st.sampled_from([0, 0.1, 1, -40.0, 40]), st.floats(-1e4, 1e4, width=32)
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "item": st.sampled_from(["a", "b", "c", "d", "e"]),
            "offset_ms": FIGURE,
            "tail_ms": FIGURE,
            "closures_hit": FIGURE,
            "missing_s": FIGURE,
        },
        optional={
            "number": st.integers(1, 4),
            "repeat": st.integers(1, 4),
            "closures": st.integers(0, 9),
            "what": st.sampled_from(["speech", "control"]),
        },
    ),
    min_size=1,
    max_size=14,
)
RUNS = st.builds(lambda rows, fps: run(*rows, fps=fps), ROWS, FIGURE)


@given(RUNS)
@settings(max_examples=60, deadline=None)
def test_a_run_is_never_told_apart_from_itself(one: Run) -> None:
    found = compare(one, json.loads(json.dumps(one)))
    assert not {each.verdict for each in found.figures} & TOLD
    assert all(not each.difference for each in found.figures)


@given(ROWS)
@settings(max_examples=60, deadline=None)
def test_nor_is_one_whose_items_have_other_names(rows: list[dict[str, Any]]) -> None:
    named = [{**row, "item": f"other-{row['item']}"} for row in rows]
    assert not {each.verdict for each in compare(run(*rows), run(*named)).figures} & TOLD


MIRROR = {"better": "worse", "worse": "better"}


@given(RUNS, RUNS)
@settings(max_examples=40, deadline=None)
def test_the_one_against_the_other_is_the_mirror_of_the_other_against_the_one(
    one: Run, other: Run
) -> None:
    for there, back in zip(compare(one, other).figures, compare(other, one).figures, strict=True):
        assert (there.one, there.other) == (back.other, back.one)
        assert back.verdict == MIRROR.get(there.verdict, there.verdict)
        assert (there.utterances, there.paired) == (back.utterances, back.paired)
        if there.difference is not None:
            assert back.difference == pytest.approx(-there.difference)
        if there.ci is not None:
            assert back.ci is not None
            assert back.ci == pytest.approx((-there.ci[1], -there.ci[0]))


@given(RUNS, RUNS)
@settings(max_examples=60, deadline=None)
def test_few_are_never_better_or_worse_and_the_same_is_told_again(one: Run, other: Run) -> None:
    found = compare(one, other)
    assert found == compare(one, other)
    assert all(each.utterances >= LEAST for each in found.figures if each.verdict in TOLD)
    told = json.loads(json.dumps(found.as_dict()))
    assert told["schema"] == 1
    assert set(told["figures"]) == {kind.key for kind in KINDS}
    assert all(len(line) <= WIDTH for line in comparison_words(found))


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize(("shift", "verdict"), [(25.0, "worse"), (-25.0, "better")])
def test_a_shift_is_found_with_enough_utterances(shift: float, verdict: str, paired: bool) -> None:
    rows = spoken(20, 1, tail_ms=100)
    moved = spoken(20, 2, tail_ms=100 + shift)
    if not paired:
        moved = [{**row, "item": f"x{row['item']}"} for row in moved]
    found = figure(run(*rows), run(*moved))
    assert (found.verdict, found.paired, found.utterances) == (verdict, paired, 20)
    assert found.ci is not None
    assert found.ci[0] < shift < found.ci[1]


def test_what_is_in_pairs_is_compared_more_sharply() -> None:
    rows: list[dict[str, Any]] = [{"item": f"i{at}", "tail_ms": 100.0 * at} for at in range(12)]
    moved = [{**row, "tail_ms": row["tail_ms"] + 10 + at % 3} for at, row in enumerate(rows)]
    assert figure(run(*rows), run(*moved)).verdict == "worse"
    others = [{**row, "item": f"x{row['item']}"} for row in moved]
    assert figure(run(*rows), run(*others)).verdict == "not to be told apart"


def test_three_pairs_decide_nothing_however_far_they_are_apart() -> None:
    for count, verdict in ((3, "not to be told apart"), (4, "worse")):
        one, other = spoken(count, 1, tail_ms=0), spoken(count, 2, tail_ms=900)
        assert figure(run(*one), run(*other)).verdict == verdict


@pytest.mark.parametrize("count", [4, 6, 12])
@pytest.mark.parametrize("paired", [True, False])
def test_where_nothing_differs_it_is_seldom_said_that_it_does(count: int, paired: bool) -> None:
    tries, told = 150, 0
    for seed in range(tries):
        one, other = spoken(count, 2 * seed, tail_ms=50), spoken(count, 2 * seed + 1, tail_ms=50)
        if not paired:
            other = [{**row, "item": f"x{row['item']}"} for row in other]
        told += figure(run(*one), run(*other)).verdict in TOLD
    assert told <= 0.1 * tries, "one in twenty, and what chance adds to it"


def test_an_offset_is_better_the_nearer_it_is_to_zero_on_either_side() -> None:
    early, late = spoken(10, 1, offset_ms=120), spoken(10, 2, offset_ms=-60)
    found = figure(run(*early), run(*late), "offset_ms")
    assert found.verdict == "better"
    assert found.one == pytest.approx(120, abs=12)
    assert found.other == pytest.approx(60, abs=12)


def test_closures_are_better_the_more_of_them_are_hit() -> None:
    few = [{"item": f"i{at}", "closures_hit": 0.2 + at % 2 / 10} for at in range(8)]
    many = [{"item": f"i{at}", "closures_hit": 0.9, "closures": 10} for at in range(8)]
    none = [{"item": f"i{at}", "closures": 0} for at in range(8)]
    found = figure(run(*few), run(*many), "closures_hit")
    assert found.verdict == "better"
    assert found.one == pytest.approx(25)
    assert found.other == pytest.approx(90)
    assert figure(run(*few), run(*none), "closures_hit").verdict == "not measured"


def test_repeats_are_paired_by_number_or_else_by_order() -> None:
    numbered = [{"item": "a", "number": at, "tail_ms": 100.0 * at} for at in (1, 2, 3, 4)]
    plain = [{"item": "a", "tail_ms": 100.0 * at + 7 + at / 10} for at in (1, 2, 3, 4)]
    for other in (plain, [{**r, "repeat": n + 1} for n, r in reversed([*enumerate(plain)])]):
        found = figure(run(*numbered), run(*other))
        assert (found.paired, found.utterances, found.verdict) == (True, 4, "worse")


def test_negative_controls_are_no_utterances() -> None:
    rows = spoken(6, 1, tail_ms=10)
    quiet = [{"item": f"q{at}", "what": "control", "tail_ms": 900.0} for at in range(6)]
    still = [{**row, "tail_ms": 0.0} for row in quiet]
    found = figure(run(*rows, *still), run(*rows, *quiet))
    assert (found.difference, found.utterances) == (0, 6)


def test_what_is_measured_once_a_run_is_shown_and_never_judged() -> None:
    found = figure(run({"item": "a"}, fps=12), run({"item": "a"}, fps=25), "fps")
    assert (found.one, found.other, found.difference) == (12, 25, 13)
    assert (found.verdict, found.ci) == ("not to be told apart", None)
    half = figure(run({"item": "a"}, fps=12), run({"item": "a"}, fps=None), "fps")
    assert (half.verdict, half.difference) == ("not measured", None)
    rows = spoken(9, 1, tail_ms=50)
    alone = figure(run(*rows), run({"item": "a"}))
    assert (alone.verdict, alone.other) == ("not measured", None)
    assert alone.one == pytest.approx(np.mean([row["tail_ms"] for row in rows]))


def test_the_words_are_a_table_that_no_terminal_obeys() -> None:
    one = run(*spoken(9, 1, tail_ms=100, offset_ms=30), avatar="first\x1b[31m")
    other = run(*spoken(9, 2, tail_ms=40, offset_ms=30), avatar="second" * 30)
    lines = comparison_words(compare(one, other))
    assert "\x1b" not in "".join(lines)
    tail = next(line for line in lines if line.startswith("tail, ms"))
    assert tail.endswith("better")
    assert "  9  " in tail
    assert any(line.endswith("not measured") for line in lines)


def test_huge_figures_stay_within_their_columns() -> None:
    many = tuple(Compared(k.key, 1e12, -1e12, -2e12, (-3e12, 1e12), 9999) for k in KINDS)
    assert all(len(line) <= WIDTH for line in comparison_words(Comparison("a", "b", many)))


GOOD = run({"item": "a", "tail_ms": 3})


@pytest.mark.parametrize(
    ("spoiled", "said"),
    [
        ([], "found an empty list instead of a JSON object"),
        ({}, "its schema is missing or null, expected 1"),
        ({**GOOD, "schema": 2}, "its schema is 2, expected 1"),
        ({**GOOD, "schema": True}, "its schema is True"),
        ({"schema": 1}, "items is missing or null"),
        ({**GOOD, "items": []}, "items is an empty list"),
        ({**GOOD, "items": 7}, "items is 7, expected a list"),
        ({**GOOD, "items": ["x"]}, "items[0] is 'x', expected an object"),
        (run({"tail_ms": 3}), "items[0].item is missing or null, expected a name"),
        (run({"item": "a", "tail_ms": "3"}), "items[0].tail_ms is '3', expected a number or null"),
        (run({"item": "a", "tail_ms": True}), "items[0].tail_ms is True"),
        (run({"item": "a", "tail_ms": float("nan")}), "items[0].tail_ms is nan"),
        (run({"item": "a", "tail_ms": 10**400}), "items[0].tail_ms is a number too large"),
        (run({"item": "a", "repeat": "x" * 99}), "items[0].repeat is 'xxx"),
        (run({"item": "a"}, offset_ms=[1]), "offset_ms is a list"),
    ],
)
def test_what_is_no_run_is_refused_with_what_was_found(spoiled: object, said: str) -> None:
    with pytest.raises(InputError) as told:
        check_run(spoiled, "file\n.json")
    assert told.value.code == "bad_run"
    assert told.value.message.startswith("file\\n.json is no lip-sync run: ")
    assert said in told.value.message
    assert "micstream lipsync run --json" in told.value.hint


def test_the_message_names_the_run_that_is_none() -> None:
    with pytest.raises(InputError, match="the second run"):
        compare(GOOD, {})


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(["schema", "items", "item", "offset_ms", "closures", "what"]),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)


@given(JSON, st.booleans())
@settings(max_examples=100, deadline=None)
def test_whatever_is_read_is_a_run_or_refused(value: object, dressed: bool) -> None:
    if dressed and isinstance(value, dict):
        value = {**value, "schema": 1, "items": [{"item": "a", **value}]}
    try:
        checked = check_run(value, "a file")
    except InputError as error:
        assert error.code == "bad_run"
        return
    assert comparison_words(compare(checked, checked))


@pytest.mark.parametrize("before", ["", '{"event": "joined"}\n{"event": "heard"}\n', "noise\n"])
@pytest.mark.parametrize("after", ["", "\n", "\n\n  \n"])
def test_the_last_line_of_a_file_is_its_run(tmp_path: Path, before: str, after: str) -> None:
    file = tmp_path / "run.json"
    file.write_text(f"{before}{json.dumps(GOOD)}{after}", "utf-8")
    assert read_run(file) == GOOD


def test_a_file_that_was_laid_out_for_reading_is_one_as_well(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    file.write_text("\ufeff" + json.dumps(GOOD, indent=2) + "\n", "utf-8")
    assert read_run(file) == GOOD


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (b"", "it is empty"),
        (b" \n\n", "it is empty"),
        (b"\xff\xfe", "it is not text in UTF-8"),
        (b"verdict: good\n", "its last line is no JSON"),
        (b'{"schema": 1, "items": [{"item": "a", "tail_ms": NaN}]}', "NaN is no number of JSON"),
        (b"[" * 100_000, "it is nested too deep"),
        (b'{"event": "joined"}\n', "its schema is missing"),
    ],
)
def test_a_file_without_a_run_is_refused(tmp_path: Path, held: bytes, said: str) -> None:
    file = tmp_path / "run.json"
    file.write_bytes(held)
    with pytest.raises(InputError) as told:
        read_run(file)
    assert told.value.code == "bad_run"
    assert said in told.value.message
    assert "run.json" in told.value.message


def test_a_file_that_is_not_there_is_refused_in_the_systems_words(tmp_path: Path) -> None:
    for place in (tmp_path / "none.json", tmp_path):
        with pytest.raises(InputError, match=r"cannot be read: (no such file|is a directory)"):
            read_run(place)
