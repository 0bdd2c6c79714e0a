"""Performers as options and variables name them."""

from __future__ import annotations

import pytest

from micstream.errors import UsageError
from micstream.settings import load
from micstream.settings.performers import PerformerSetting, performer


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("anna=USB", PerformerSetting("anna", "USB")),
        ("anna = USB Audio:2", PerformerSetting("anna", "USB Audio", 2)),
        ("anna=3", PerformerSetting("anna", "3")),
        ("anna=hw:1,0", PerformerSetting("anna", "hw:1,0")),
        ("anna=hw:1:0", PerformerSetting("anna", "hw:1")),
        ("Anna B.=room:anna=b", PerformerSetting("Anna B.", identity="anna=b")),
        ("ben=rtp://0.0.0.0:5004:0", PerformerSetting("ben", "rtp://0.0.0.0:5004")),
    ],
)
def test_it_is_a_name_and_whose_sound_it_is(said: str, expected: PerformerSetting) -> None:
    assert performer(said) == expected


@pytest.mark.parametrize(
    "said", ["anna", "=USB", "anna=", "7=USB", "next=USB", "a/b=USB", "x" * 41 + "=USB"]
)
def test_what_is_none_is_refused(said: str) -> None:
    with pytest.raises(UsageError, match="--performer") as refused:
        load(performer=[said])
    assert refused.value.code == "bad_settings"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (["anna=USB", "Anna=room:anna"], "two performers are called 'anna'"),
        (["anna=room:x", "ben=room:x"], "two performers are the participant 'x'"),
        (["anna=room:"], "whose microphone"),
        (["anna=USB:65"], "channel 65"),
        (["anna=room:avatar-anna"], "an avatar's identity"),
        (["anna=room:external-audio-sender"], "our own --identity"),
        ([f"p{n}=room:p{n}" for n in range(17)], "16 at most"),
    ],
)
def test_what_does_not_fit_together_is_told(said: list[str], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        load(performer=said)


def test_a_variable_names_several_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICSTREAM_PERFORMER", "anna=hw:1,0, ben=room:ben")
    found = load().performers().performers
    assert [(each.name, each.device, each.identity) for each in found] == [
        ("anna", "hw:1,0", None),
        ("ben", None, "ben"),
    ]


def test_who_speaks_first_is_an_option_with_a_hold_time() -> None:
    assert load().performers().hold_s is None
    assert load(voice_by="first").performers().hold_s == 1.5
    assert load(voice_by="first", voice_hold=3).performers().hold_s == 3.0
