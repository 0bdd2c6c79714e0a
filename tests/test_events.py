"""The lines of `--json`, as scripts and crews rely on them."""

from __future__ import annotations

import json
import time
from dataclasses import fields
from typing import Any

import pytest

from micstream import events
from micstream.events import Event
from micstream.speech.events import EndReason

# A name once published stays; more may be added, here and there at once.
PUBLISHED = {
    "capturing": {"device", "rate", "channels", "preset"},
    "connection": {"state", "attempt"},
    "avatar_starting": {"identity", "step", "seconds", "total_s"},
    "avatar_stopped": {"identity", "found"},
    "avatar_joined": {"identity"},
    "avatar_ready": {"identity", "how"},
    "avatar_left": {"identity"},
    "avatar_silent": {"identity"},
    "ready": set(),
    "utterance_started": {"avatar", "id", "onset_s", "decided_s", "lead_ms"},
    "utterance_ended": {"avatar", "id", "duration_s", "bytes", "reason"},
    "playback_started": {"avatar", "id", "delay_ms"},
    "playback_finished": {"avatar", "id", "position_s", "interrupted", "stutter_ms"},
    "dropped": {"avatar", "seconds", "why"},
    "microphone": {"state", "device", "level_db"},
    "backlog": {"avatar", "seconds"},
    "voice": {"avatars"},
    "stage_open": {"link", "room"},
    "stage_page": {"address"},
    "warning": {"avatar", "code", "message", "hint"},
    "error": {"code", "message", "hint"},
    "bye": {
        "utterances",
        "seconds",
        "dropped",
        "delay_median_ms",
        "delay_p95_ms",
        "faults",
    },
}

REASONS = {
    "silence",
    "max_length",
    "mute",
    "interrupt",
    "device",
    "avatar",
    "source_ended",
    "shutdown",
}

ABOUT_ONE: list[type[events.AvatarEvent]] = events.AvatarEvent.__subclasses__()
CLASSES: list[type[Event]] = [cls for cls in (*Event.__subclasses__(), *ABOUT_ONE) if cls.EVENT]
ANNA = "avatar-anna"

EXAMPLES: dict[str, Event] = {
    example.EVENT: example
    for example in (
        events.Capturing(device="Kühn USB", rate=48_000, channels=2, preset="stage"),
        events.Connection(state="connected", attempt=1),
        events.AvatarStarting(identity="avatar-a", step="joined", seconds=0.05, total_s=1.44),
        events.AvatarStopped(identity="avatar-a", found=True),
        events.AvatarJoined(identity="avatar-a"),
        events.AvatarReady(identity="avatar-a", how="probe"),
        events.AvatarLeft(identity="avatar-a"),
        events.AvatarSilent(identity="avatar-a"),
        events.Ready(),
        events.UtteranceStarted(avatar=ANNA, id="u1", onset_s=1.23456, decided_s=1.3, lead_ms=160),
        events.UtteranceEnded(
            avatar=ANNA, id="u1", duration_s=2.5, bytes=80_000, reason=EndReason.SILENCE
        ),
        events.PlaybackStarted(avatar=ANNA, id="u1", delay_ms=212),
        events.PlaybackFinished(
            avatar=ANNA, id="u1", position_s=2.5, interrupted=False, stutter_ms=0
        ),
        events.Dropped(avatar=ANNA, seconds=0.4, why="no avatar"),
        events.Microphone(state="quiet", device="Kühn USB", level_db=-51.5),
        events.Backlog(avatar=ANNA, seconds=1.75),
        events.Voice(avatars=(ANNA, "avatar-ben")),
        events.StageOpen(link="http://127.0.0.1:8420/", room="show"),
        events.StagePage(address="192.168.7.20"),
        events.Warned(avatar=ANNA, code="stdin", message="odd", hint="even"),
        events.Failed(code="no_avatar", message="none came", hint="start one"),
        events.Bye(
            utterances=2,
            seconds=5.0,
            dropped=0.4,
            delay_median_ms=212,
            delay_p95_ms=250,
            faults=0,
        ),
    )
}


def test_the_published_events_are_all_there_are() -> None:
    assert {cls.EVENT for cls in CLASSES} == set(PUBLISHED)
    assert set(EXAMPLES) == set(PUBLISHED)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.EVENT)
def test_fields_are_the_published_ones(cls: type[Event]) -> None:
    assert {field.name for field in fields(cls)} - {"t"} == PUBLISHED[cls.EVENT]


def test_reasons_are_the_published_ones() -> None:
    assert {reason.value for reason in EndReason} == REASONS


@pytest.mark.parametrize("event", EXAMPLES.values(), ids=EXAMPLES)
def test_a_line_says_when_and_what_first(event: Event) -> None:
    line = event.as_json()
    assert "\n" not in line
    said: dict[str, Any] = json.loads(line)
    assert list(said)[:2] == ["t", "event"]
    assert isinstance(said["t"], float)
    assert said["event"] == event.EVENT
    assert set(said) - {"t", "event"} == PUBLISHED[event.EVENT]


def test_the_time_is_the_moment_of_its_making() -> None:
    before = time.time()
    event = events.Ready()
    assert before <= event.t <= time.time()
    assert events.Ready(t=12.3456789).as_dict()["t"] == 12.346


def test_what_is_not_known_is_left_out() -> None:
    said = events.PlaybackFinished(id="u1", position_s=2.0, interrupted=True).as_dict()
    assert "stutter_ms" not in said
    assert "avatar" not in said
    quiet = events.Bye(
        utterances=0, seconds=0.0, dropped=0.0, delay_median_ms=None, delay_p95_ms=None, faults=0
    )
    assert set(quiet.as_dict()) == {"t", "event", "utterances", "seconds", "dropped", "faults"}


def test_figures_are_rounded_and_words_readable() -> None:
    assert json.loads(EXAMPLES["utterance_started"].as_json())["onset_s"] == 1.235
    assert '"reason": "silence"' in EXAMPLES["utterance_ended"].as_json()
    assert "Kühn" in EXAMPLES["capturing"].as_json()


def test_a_message_of_several_lines_stays_one_line() -> None:
    line = events.Warned(code="x", message="one\ntwo\u2028three").as_json()
    assert "\n" not in line
    assert json.loads(line)["message"] == "one\ntwo\u2028three"
