"""What each part gets of the settings."""

from __future__ import annotations

import dataclasses
from typing import Any, get_args

import pytest

from micstream.audio.advice import Preset
from micstream.delivery.options import DeliveryOptions
from micstream.errors import UsageError
from micstream.settings import Settings, load
from micstream.settings import table as knobs
from micstream.settings.knob import Knob
from micstream.speech.presets import TUNINGS

PIECES = (
    "connection",
    "links",
    "delivery",
    "start",
    "supervisor",
    "capture",
    "detection",
    "sound_path",
    "stage",
    "controls",
)
SECRET = "s3cret-that-is-nobody's-business"


@pytest.mark.parametrize("name", PIECES)
def test_a_piece_cannot_be_changed_and_shows_no_secret(name: str) -> None:
    settings = load(
        api_key=SECRET, api_secret=SECRET, token=SECRET, license_key=SECRET, avatar_id="anna"
    )
    piece = getattr(settings, name)()
    field = dataclasses.fields(piece)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(piece, field, None)
    assert SECRET not in repr(piece)
    assert piece == getattr(settings, name)(), "the same settings make the same piece"


@pytest.mark.parametrize(
    ("knob", "piece", "field"),
    [
        ("url", "connection", "url"),
        ("room", "connection", "room"),
        ("identity", "connection", "identity"),
        ("insecure", "connection", "insecure"),
        ("avatar", "links", "patterns"),
        ("ready_timeout", "links", "ready_timeout_s"),
        ("lead_ms", "delivery", "prebuffer_ms"),
        ("chunk_ms", "delivery", "chunk_ms"),
        ("max_backlog", "delivery", "capacity_s"),
        ("late", "delivery", "late"),
        ("late_after", "delivery", "late_after_s"),
        ("late_bound", "delivery", "late_bound_s"),
        ("avatar_state", "delivery", "states"),
        ("avatar", "supervisor", "patterns"),
        ("keep_avatar", "supervisor", "keep"),
        ("wait_avatar", "supervisor", "timeout_s"),
        ("device", "capture", "device"),
        ("channel", "capture", "channel"),
        ("vad", "detection", "vad"),
        ("vad_mode", "detection", "vad_mode"),
        ("frame_ms", "detection", "frame_ms"),
        ("clean", "sound_path", "clean"),
        ("send_original", "sound_path", "send_original"),
        ("avatar", "stage", "patterns"),
        ("route", "controls", "route"),
    ],
)
def test_a_setting_reaches_its_piece(knob: str, piece: str, field: str) -> None:
    default, given = getattr(load(), knob), another(knobs.BY_NAME[knob])
    assert getattr(getattr(load(), piece)(), field) == default
    assert getattr(getattr(load(**{knob: given}), piece)(), field) == given != default


def another(knob: Knob) -> Any:
    """A value that is not the default."""
    if knob.name == "url":
        return "wss://example.org"
    if knob.several:
        return ("avatar-b", "avatar-a")
    if knob.choices:
        return next(each for each in knob.choices if each != knob.default)
    if knob.kind is bool:
        return not knob.default
    return "another" if knob.high is None else knob.kind(knob.high)


def test_the_delivery_has_the_defaults_of_the_settings() -> None:
    assert load().delivery() == DeliveryOptions()


def test_whole_utterances_are_not_live() -> None:
    options = load(mode="utterance", max_length_ms=20_000).delivery()
    assert (options.whole, options.live, options.max_utterance_s) == (True, False, 20.0)


@pytest.mark.parametrize("calibrated", get_args(Preset))
def test_what_was_calibrated_counts_where_no_preset_is_given(calibrated: Preset) -> None:
    assert load().detection(calibrated).tuning == TUNINGS["hybrid", calibrated]
    assert load(preset="stage").detection(calibrated).tuning == TUNINGS["hybrid", "stage"]
    assert load(vad_on=0.9).detection(calibrated).tuning.on == 0.9
    assert load().detection().tuning == load().tuning


@pytest.mark.parametrize(("talk", "manual"), [("voice", False), ("manual", True), ("push", True)])
def test_push_is_another_name_for_manual(talk: Any, manual: bool) -> None:
    assert load(talk=talk).controls().manual is manual


@pytest.mark.parametrize("missing", ["api_key", "api_secret"])
def test_keys_that_are_missing_are_named(missing: str) -> None:
    given = {"api_key": "key", "api_secret": "secret"} | {missing: None}
    connection = load(**given).connection()
    assert not connection.has_keys
    with pytest.raises(UsageError) as caught:
        connection.keys(or_else=", or something else")
    assert caught.value.code == "no_credentials"
    assert f"LIVEKIT_{missing.upper()} is not set" in caught.value.message
    assert caught.value.hint.endswith(", or something else")


def test_keys_are_handed_out_unmasked() -> None:
    connection = load(api_key="key", api_secret=SECRET).connection()
    assert connection.has_keys
    assert connection.keys() == ("key", SECRET)


class TestOlderNames:
    """`route` was `voice`: option, variable and keyword still do."""

    def test_the_keyword(self) -> None:
        assert load(voice=2).route == Settings(voice=2).route == load(route=2).voice == 2
        assert load(voice=2, route=3).route == 3

    def test_the_variable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("VOICE", "9")
        assert load().route == 0, "that is not ours"
        monkeypatch.setenv("MICSTREAM_VOICE", "2")
        assert load().route == 2
        assert load(voice=1).route == load(route=1).route == 1
        monkeypatch.setenv("MICSTREAM_ROUTE", "3")
        assert load().route == 3

    def test_one_that_cannot_be_used(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(UsageError, match=r"--route \(MICSTREAM_ROUTE\): 100 cannot be used"):
            load(voice=100)
        monkeypatch.setenv("MICSTREAM_VOICE", "all")
        with pytest.raises(UsageError, match="--route"):
            load()


def test_every_choice_can_be_chosen() -> None:
    for knob in knobs.KNOBS:
        for choice in knob.choices:
            assert getattr(load(**{knob.name: choice}), knob.name) == choice
        if knob.choices:
            with pytest.raises(UsageError):
                load(**{knob.name: "neither"})
