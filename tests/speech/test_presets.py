"""What is set for each detector and place, and what is set over it."""

from __future__ import annotations

from dataclasses import fields
from itertools import product
from typing import Any, get_args

import pytest

from micstream.audio.advice import Preset
from micstream.settings import Settings
from micstream.settings import table as knobs
from micstream.speech.detectors import make_cutter, make_detector
from micstream.speech.presets import TUNINGS, Tuning, Vad
from micstream.speech.segmenter import SegmenterOptions

ALL = list(product(get_args(Vad), get_args(Preset)))
OF_A_CUT = [field.name for field in fields(SegmenterOptions)]


def flat(tuning: Tuning) -> dict[str, Any]:
    """A tuning as settings."""
    segmenter = {name: getattr(tuning.segmenter, name) for name in OF_A_CUT}
    own = {"vad_on": tuning.on, "vad_off": tuning.off}
    return {**segmenter, **own, "near_db": tuning.near_db, "margin_ms": tuning.margin_ms}


def test_every_detector_has_every_place() -> None:
    assert sorted(TUNINGS) == sorted(ALL)


@pytest.mark.parametrize(("vad", "place"), ALL)
class TestEach:
    def test_is_what_the_settings_take(self, vad: Vad, place: Preset) -> None:
        tuning = TUNINGS[vad, place]
        assert 0 < tuning.off <= tuning.on < 1
        # As if each number had been given by hand: within its bounds, and fitting the others.
        assert Settings(vad=vad, preset=place, **flat(tuning)).tuning == tuning

    def test_is_what_its_name_asks_for(self, vad: Vad, place: Preset) -> None:
        assert Settings(vad=vad, preset=place).tuning == TUNINGS[vad, place]

    def test_its_margin_and_tail_fit(self, vad: Vad, place: Preset) -> None:
        tuning = TUNINGS[vad, place]
        assert tuning.margin_ms < tuning.segmenter.pre_roll_ms
        assert tuning.segmenter.tail_ms < tuning.segmenter.hangover_ms

    def test_makes_a_cutter(self, vad: Vad, place: Preset) -> None:
        settings = Settings(vad=vad, preset=place)
        cutter = make_cutter(settings, make_detector(settings))
        assert list(cutter.push(bytes(32_000))) == []
        assert cutter.finish() == []

    @pytest.mark.parametrize("name", OF_A_CUT)
    def test_what_is_given_lies_over_it(self, vad: Vad, place: Preset, name: str) -> None:
        preset = TUNINGS[vad, place]
        given = getattr(preset.segmenter, name) + (-10 if name == "onset_ms" else 10)
        settings = Settings(vad=vad, preset=place, **{name: given})
        assert flat(settings.tuning) == {**flat(preset), name: given}

    @pytest.mark.parametrize(
        ("name", "given"),
        [("vad_on", 0.95), ("vad_off", 0.05), ("near_db", 0), ("near_db", 7), ("margin_ms", 0)],
    )
    def test_so_do_thresholds_and_margin(
        self, vad: Vad, place: Preset, name: str, given: float
    ) -> None:
        over: dict[str, Any] = {name: given}
        settings = Settings(vad=vad, preset=place, **over)
        assert flat(settings.tuning) == {**flat(TUNINGS[vad, place]), name: given}

    def test_an_onset_below_what_holds_takes_it_along(self, vad: Vad, place: Preset) -> None:
        tuning = Settings(vad=vad, preset=place, vad_on=0.1).tuning
        assert (tuning.on, tuning.off) == (0.1, 0.1)


def test_without_a_name_it_is_the_hybrid_in_a_room() -> None:
    assert Settings().tuning == TUNINGS["hybrid", "room"]


def test_the_room_is_where_the_segmenter_is_at_home() -> None:
    assert TUNINGS["hybrid", "room"].segmenter == SegmenterOptions()


@pytest.mark.parametrize("name", ["max_length_ms", "search_ms"])
def test_what_no_preset_changes_is_the_segmenter_s(name: str) -> None:
    assert knobs.BY_NAME[name].default == getattr(SegmenterOptions(), name)
    assert {getattr(tuning.segmenter, name) for tuning in TUNINGS.values()} == {
        knobs.BY_NAME[name].default
    }


@pytest.mark.parametrize("vad", get_args(Vad))
class TestPlaces:
    def test_in_a_studio_soft_words_count_and_pauses_end_nothing(self, vad: Vad) -> None:
        studio, room = TUNINGS[vad, "studio"], TUNINGS[vad, "room"]
        assert studio.on < room.on
        assert studio.off < room.off or studio.off == studio.on
        assert studio.segmenter.hangover_ms > room.segmenter.hangover_ms
        assert studio.near_db == 0

    def test_on_a_stage_more_is_asked_for(self, vad: Vad) -> None:
        stage, room = TUNINGS[vad, "stage"], TUNINGS[vad, "room"]
        assert stage.on > room.on
        assert stage.off > room.off
        assert stage.near_db > room.near_db == 0
        assert stage.margin_ms > room.margin_ms
        assert stage.segmenter.min_speech_ms > room.segmenter.min_speech_ms
