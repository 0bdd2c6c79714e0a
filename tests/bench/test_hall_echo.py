"""The hall in a loop: without the guard the avatar goes on by itself, with it it does not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from bench.hall_echo import main
from bench.hall_loop import RATE, Hall, check, judge, perform, script
from bench.hall_real import Response
from bench.labelled import read_folder
from micstream.demo.assets import bundled
from tests.support.chunks import chunked, cuts


def test_the_guard_ends_what_would_go_on() -> None:
    files = [each for each in read_folder(bundled("sentences.flac").parent) if each.labels]
    said, spans = script(files, 25.0, 3)
    hall = Hall(0, 220, seed=3)
    without = perform(hall, said, spans, guarded=False)
    guarded = perform(hall, said, spans, guarded=True, known=check(hall))
    assert without.begun + without.prolonged > 0
    assert guarded.begun == guarded.prolonged == 0
    assert guarded.held_ms <= 20


def test_loudspeakers_that_are_switched_on_in_mid_show_are_learned_within_an_utterance() -> None:
    files = [each for each in read_folder(bundled("sentences.flac").parent) if each.labels]
    said, spans = script(files, 75.0, 6)
    outcome = perform(Hall(0, 220, seed=6, begins_s=40.0), said, spans, guarded=True)
    assert outcome.begun == 0
    assert outcome.prolonged <= 1, outcome.where


def test_what_is_begun_prolonged_and_lost_is_counted() -> None:
    spans = [(RATE, 2 * RATE), (5 * RATE, 6 * RATE)]
    outcome = judge(
        [(RATE, round(2.4 * RATE)), (3 * RATE, 4 * RATE), (round(5.5 * RATE), 8 * RATE)],
        spans,
        hangover_ms=420,
    )
    assert (outcome.begun, outcome.prolonged) == (1, 1)
    assert outcome.lost_percent == 25.0
    over_the_pause = judge([(RATE, round(6.4 * RATE))], spans, hangover_ms=420)
    assert (over_the_pause.begun, over_the_pause.prolonged) == (0, 1)
    in_order = judge([(RATE, round(2.4 * RATE)), (5 * RATE, 6 * RATE)], spans, hangover_ms=420)
    assert (in_order.begun, in_order.prolonged) == (0, 0)


@settings(max_examples=20, deadline=None)
@given(cuts(RATE))
def test_a_hall_sounds_the_same_however_its_sound_is_divided(where: list[int]) -> None:
    pcm = np.random.default_rng(1).normal(0, 3_000, RATE).astype(np.int16)
    even = [2 * (each // 2) for each in where]
    divided = Response(Hall(0, 220))
    parts = [divided(np.frombuffer(piece, np.int16)) for piece in chunked(pcm.tobytes(), even)]
    whole = Response(Hall(0, 220))(pcm)
    heard = np.concatenate(parts)
    assert len(pcm) - 256 < len(heard) <= len(pcm)
    np.testing.assert_array_equal(heard, whole)


def test_it_runs_shortly(capsys: object) -> None:
    assert main(["--quick", "--json", "--minutes", "0.1"]) == 0


@pytest.mark.parametrize("option", [["--unchecked"], ["--begins", "40"]])
def test_what_the_real_loop_cannot_do_is_refused(option: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--real", *option])
    assert ended.value.code == 2
