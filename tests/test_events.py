"""The lines of `--json`, as scripts and crews rely on them."""

from __future__ import annotations

import json
import time
from dataclasses import fields
from typing import Any, get_args

import pytest

from micstream import events
from micstream.events import Event
from micstream.speech.events import EndReason

# A name once published stays; more may be added, here and there at once.
PUBLISHED = {
    "capturing": {"device", "rate", "channels", "preset", "performer"},
    "connection": {"state", "attempt"},
    "avatar_starting": {"identity", "step", "seconds", "total_s"},
    "avatar_stopped": {"identity", "found"},
    "avatar_joined": {"identity"},
    "avatar_ready": {"identity", "how"},
    "avatar_left": {"identity"},
    "avatar_silent": {"identity"},
    "ready": set(),
    "utterance_started": {"avatar", "id", "onset_s", "decided_s", "lead_ms", "source", "cue"},
    "playing": {"file", "round"},
    "utterance_ended": {"avatar", "id", "duration_s", "bytes", "reason"},
    "playback_started": {"avatar", "id", "delay_ms"},
    "playback_finished": {"avatar", "id", "position_s", "interrupted", "stutter_ms"},
    "dropped": {"avatar", "seconds", "code", "why"},
    "microphone": {"state", "device", "level_db", "performer"},
    "backlog": {"avatar", "seconds"},
    "gate": {"state", "muted", "held", "by"},
    "cue_started": {"cue", "number", "duration_s", "by"},
    "cue_ended": {"cue", "number", "reason", "sent_s", "by"},
    "marked": {"text", "by"},
    "recording": {"folder"},
    "control_open": {"link"},
    "interrupted": {"by"},
    "route": {"avatars", "number", "by"},
    "voice": {"avatars"},
    "performer": {"name", "performers", "by"},
    "stage_open": {"link", "room", "others"},
    "rehearsal_open": {"url", "room", "avatars", "file"},
    "stage_page": {"address"},
    "performer_open": {"link", "name", "room", "others"},
    "warning": {"avatar", "code", "message", "hint", "count"},
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

CODES = {
    "no_avatar",
    "avatar_lost",
    "late",
    "overflow",
    "backlog",
    "interrupted",
    "ended",
    "device",
    "slow",
    "other",
}

CLASSES = list(events.kinds())
ANNA = "avatar-anna"

EXAMPLES: dict[str, Event] = {
    example.EVENT: example
    for example in (
        events.Capturing(
            device="Kühn USB", rate=48_000, channels=2, preset="stage", performer="anna"
        ),
        events.Connection(state="connected", attempt=1),
        events.AvatarStarting(identity="avatar-a", step="joined", seconds=0.05, total_s=1.44),
        events.AvatarStopped(identity="avatar-a", found=True),
        events.AvatarJoined(identity="avatar-a"),
        events.AvatarReady(identity="avatar-a", how="probe"),
        events.AvatarLeft(identity="avatar-a"),
        events.AvatarSilent(identity="avatar-a"),
        events.Ready(),
        events.Playing(file="scenes/one.wav", round=2),
        events.UtteranceStarted(
            avatar=ANNA,
            id="u1",
            onset_s=1.23456,
            decided_s=1.3,
            lead_ms=160,
            source="one.wav",
            cue="rain",
        ),
        events.UtteranceEnded(
            avatar=ANNA, id="u1", duration_s=2.5, bytes=80_000, reason=EndReason.SILENCE
        ),
        events.PlaybackStarted(avatar=ANNA, id="u1", delay_ms=212),
        events.PlaybackFinished(
            avatar=ANNA, id="u1", position_s=2.5, interrupted=False, stutter_ms=0
        ),
        events.Dropped(avatar=ANNA, seconds=0.4, code="no_avatar", why="no avatar listens"),
        events.Microphone(state="quiet", device="Kühn USB", level_db=-51.5, performer="ben"),
        events.Backlog(avatar=ANNA, seconds=1.75),
        events.Gate(state="closed", muted=True, by="key"),
        events.CueStarted(cue="applause", number=1, duration_s=3.2, by="page"),
        events.CueEnded(cue="applause", number=1, reason="stop", sent_s=1.4, by="page"),
        events.Marked(text="second act", by="osc"),
        events.Recording(folder="records/1"),
        events.ControlOpen(link="http://127.0.0.1:8421/k/"),
        events.Interrupted(by="key"),
        events.Route(avatars=(ANNA, "avatar-ben"), number=0, by="key"),
        events.Voice(avatars=(ANNA, "avatar-ben")),
        events.Performer(name="anna", performers=("anna", "ben"), by="key"),
        events.PerformerOpen(link="https://h/k/", name="anna", room="show", others=("x",)),
        events.StageOpen(
            link="http://192.168.1.7:8420/", room="show", others=("http://10.8.0.2:8420/",)
        ),
        events.RehearsalOpen(
            url="ws://127.0.0.1:7880", room="show", avatars=(ANNA,), file="/here/.env.local"
        ),
        events.StagePage(address="192.168.7.20"),
        events.Warned(avatar=ANNA, code="stdin", message="odd", hint="even", count=3),
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


def test_codes_of_what_was_dropped_are_the_published_ones() -> None:
    assert set(get_args(events.DropCode)) == CODES


@pytest.mark.parametrize("event", EXAMPLES.values(), ids=EXAMPLES)
def test_a_line_says_when_and_what_first(event: Event) -> None:
    line = event.as_json()
    assert "\n" not in line
    said: dict[str, Any] = json.loads(line)
    assert list(said)[:2] == ["t", "event"]
    assert isinstance(said["t"], float)
    assert said["event"] == event.EVENT
    told = PUBLISHED[event.EVENT]
    if isinstance(event, events.AvatarLinkEvent):
        assert said["avatar"] == said["identity"]
        told = told | {"avatar"}
    assert set(said) - {"t", "event"} == told


def test_whatever_concerns_one_avatar_names_it() -> None:
    about = [*events.kinds(events.AvatarEvent), *events.kinds(events.AvatarLinkEvent)]
    assert {kind.EVENT for kind in about} == {
        name
        for name, told in PUBLISHED.items()
        if told & {"avatar", "identity"} and name not in ("dropped", "warning")
    }
    with pytest.raises(TypeError, match="avatar"):
        events.Backlog(seconds=1.0)  # type: ignore[call-arg]


@pytest.mark.parametrize("event", EXAMPLES.values(), ids=EXAMPLES)
def test_a_line_of_a_record_is_the_event_again(event: Event) -> None:
    line = event.as_json()
    again = events.from_dict(json.loads(line))
    assert type(again) is type(event)
    assert again.as_json() == line


def test_a_record_of_a_newer_program_is_read_as_far_as_it_is_known() -> None:
    newer = {**EXAMPLES["backlog"].as_dict(), "colour": "green"}
    assert events.from_dict(newer).as_dict() == EXAMPLES["backlog"].as_dict()
    for wrong, words in (
        ({"t": 1.0, "event": "applause"}, "no event 'applause'"),
        ({"t": 1.0, "event": "backlog"}, "backlog: .*avatar"),
    ):
        with pytest.raises(ValueError, match=words):
            events.from_dict(wrong)


def test_the_time_is_the_moment_of_its_making() -> None:
    before = time.time()
    event = events.Ready()
    assert before <= event.t <= time.time()
    assert events.Ready(t=12.3456789).as_dict()["t"] == 12.346


def test_what_is_not_known_is_left_out() -> None:
    finished = events.PlaybackFinished(avatar=ANNA, id="u1", position_s=2.0, interrupted=True)
    assert "stutter_ms" not in finished.as_dict()
    assert "avatar" not in events.Dropped(seconds=1.0, why="lost by the device").as_dict()
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
