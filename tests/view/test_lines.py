"""What a person reads: every event in words, with the figures that count."""

from __future__ import annotations

import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from micstream import events
from micstream.events import Event
from micstream.speech.events import EndReason
from micstream.state import State, replay
from micstream.view.console import printable
from micstream.view.json_lines import JsonLines
from micstream.view.lines import Echo, Lines, line, words

ANNA = "avatar-anna"

SHOWN: list[tuple[Event, str]] = [
    (
        events.Capturing(device="USB", rate=44_100, channels=2),
        "microphone: USB, 44.1 kHz, 2 channels",
    ),
    (events.Capturing(device="USB", rate=16_000, channels=1), "microphone: USB, 16 kHz, mono"),
    (
        events.Capturing(device="USB", rate=16_000, channels=1, preset="stage"),
        "microphone: USB, 16 kHz, mono; calibrated: preset stage",
    ),
    (events.Connection(state="connecting", attempt=1), "connecting to the room"),
    (events.Connection(state="reconnecting", attempt=3), "reconnecting to the room, attempt 3"),
    (events.Connection(state="connected", attempt=1), "in the room"),
    (
        events.Connection(state="lost", attempt=1),
        "the connection is lost; joining again until it works",
    ),
    (
        events.AvatarStarting(identity="avatar-a", step="joined", seconds=0.05, total_s=1.44),
        "avatar avatar-a: it is in the room          0.05 s, 1.44 s in all",
    ),
    (
        events.AvatarStopped(identity="avatar-a", found=True),
        "avatar avatar-a was taken out of the room",
    ),
    (
        events.AvatarStopped(identity="avatar-a", found=False),
        "avatar avatar-a is not in the room: nothing to stop",
    ),
    (events.Gate(state="detector"), "automatic: sent while you speak"),
    (events.Gate(state="open"), "gate open: all you say is sent"),
    (events.Gate(state="closed"), "gate closed: you are NOT heard"),
    (events.Gate(state="closed", muted=True, by="key"), "muted: you are NOT heard"),
    (events.Interrupted(by="key"), "interrupted: the avatar is told to fall silent"),
    (events.CueStarted(cue="rain", number=2, duration_s=3.25), "cue 'rain': 3.2 s"),
    (
        events.CueEnded(cue="rain", number=2, reason="performer", sent_s=1.5),
        "cue 'rain' gave way to you after 1.5 s",
    ),
    (events.Marked(text="second act"), "mark: second act"),
    (events.Recording(folder="records/1"), "recording into records/1"),
    (events.ControlOpen(link="http://x/k/"), "control the show at http://x/k/"),
    (events.Route(avatars=("avatar-a",), number=1), "what is said goes to avatar-a"),
    (events.Route(avatars=("avatar-a", "b*")), "what is said goes to all: avatar-a, b*"),
    (events.Performer(name="anna", performers=("anna", "ben")), "anna has the voice"),
    (
        events.Performer(name="", performers=("anna",)),
        "the voice is free: whoever speaks first has it",
    ),
    (
        events.PerformerOpen(link="https://h:8422/k/", name="anna", room="show"),
        "the microphone of anna: https://h:8422/k/",
    ),
    (events.Voice(avatars=("avatar-a",)), "what is said goes to avatar-a"),
    (events.AvatarJoined(identity="avatar-a"), "avatar avatar-a is here, not ready yet"),
    (events.AvatarReady(identity="avatar-a", how="probe"), "avatar avatar-a ready"),
    (
        events.AvatarReady(identity="avatar-a", how="video"),
        "avatar avatar-a ready",
    ),
    (
        events.AvatarReady(identity="avatar-a", how="active"),
        "avatar avatar-a ready",
    ),
    (events.AvatarLeft(identity="avatar-a"), "avatar avatar-a has left"),
    (
        events.AvatarSilent(identity="avatar-a"),
        "avatar avatar-a is silent: it plays nothing any more",
    ),
    (events.Ready(), "ready: speak now, the avatar will say it"),
    (events.Playing(file="one.wav", round=1), "plays one.wav"),
    (events.Playing(file="one.wav", round=2), "plays one.wav, round 2"),
    (
        events.UtteranceStarted(avatar=ANNA, id="u12", onset_s=61.5, decided_s=61.6, lead_ms=160),
        "  u12  sending (from 61.50 s, 160 ms in the first write)",
    ),
    (
        events.UtteranceEnded(
            avatar=ANNA, id="u12", duration_s=2.345, bytes=1, reason=EndReason.MAX_LENGTH
        ),
        "  u12  2.35 s sent: it goes on as another",
    ),
    (
        events.PlaybackStarted(avatar=ANNA, id="u12", delay_ms=212),
        "  u12  avatar speaks, 212 ms behind you",
    ),
    (
        events.PlaybackFinished(
            avatar=ANNA, id="u12", position_s=2.3, interrupted=False, stutter_ms=0
        ),
        "  u12  played 2.30 s",
    ),
    (
        events.PlaybackFinished(
            avatar=ANNA, id="u12", position_s=2.3, interrupted=False, stutter_ms=85
        ),
        "  u12  played 2.30 s, gaps in playback: 85 ms",
    ),
    (
        events.PlaybackFinished(avatar=ANNA, id="u12", position_s=1.0, interrupted=True),
        "  u12  cut off after 1.00 s",
    ),
    (events.Dropped(seconds=0.75, why="no avatar"), "not heard, 0.8 s: no avatar"),
    (events.Microphone(state="lost", device="USB"), "microphone USB: lost"),
    (events.Microphone(state="back", device="USB"), "microphone USB: back"),
    (
        events.Microphone(state="zeros", device="USB"),
        "microphone USB: only silence for 5 s: unmute it, or allow this program to use it",
    ),
    (
        events.Microphone(state="clipping", device="USB"),
        "microphone USB: it clips: turn its gain down, or step back",
    ),
    (
        events.Microphone(state="quiet", device="USB", level_db=-51.6),
        "microphone USB: too quiet, speech at -52 dBFS: turn its gain up, or come closer",
    ),
    (events.Backlog(avatar=ANNA, seconds=1.25), "the avatar has 1.2 s still to play"),
    (
        events.RehearsalOpen(
            url="ws://127.0.0.1:7880", room="show", avatars=(ANNA, "avatar-ben"), file=".env.local"
        ),
        f"rehearsal room 'show' with {ANNA} and avatar-ben: settings in .env.local",
    ),
    (
        events.StageOpen(link="http://127.0.0.1:8420/", room="show"),
        "the stage of the room 'show': http://127.0.0.1:8420/",
    ),
    (
        events.StageOpen(link="http://192.168.1.7:1/", room="show", others=("http://10.8.0.2:1/",)),
        "the stage of the room 'show': http://192.168.1.7:1/\n"
        "           or, from another network: http://10.8.0.2:1/",
    ),
    (events.StagePage(address="192.168.7.20"), "a page at 192.168.7.20 joins"),
    (events.Warned(code="x", message="odd"), "warning: odd"),
    (
        events.Failed(code="x", message="none came", hint="start one"),
        "error: none came\n           start one",
    ),
    (
        events.Bye(
            utterances=1,
            seconds=2.0,
            dropped=0.0,
            delay_median_ms=None,
            delay_p95_ms=None,
            faults=0,
        ),
        "1 utterance, 2.0 s",
    ),
    (
        events.Bye(
            utterances=12,
            seconds=30.5,
            dropped=1.5,
            delay_median_ms=212,
            delay_p95_ms=250,
            faults=2,
        ),
        "12 utterances, 30.5 s; the avatar spoke 212 ms behind you (median), 250 ms (95 %); "
        "not heard: 1.5 s; 2 problems, see above",
    ),
]


def test_whose_it_is_where_there_are_several() -> None:
    event = events.PlaybackStarted(avatar="avatar-a", id="u1", delay_ms=212)
    several = replay([events.Route(avatars=("avatar-a", "avatar-b"))])
    assert line(event, several) == f"{words(event)}   (avatar-a)"
    assert line(events.Dropped(seconds=1.0, why="late"), several) == "not heard, 1.0 s: late"
    assert line(event, State()) == words(event)


def test_a_view_knows_by_itself_whether_there_are_several() -> None:
    out = io.StringIO()
    lines = Lines(Console(file=out, width=200), verbose=True)
    event = events.PlaybackStarted(avatar="avatar-a", id="u1", delay_ms=212)
    lines(event)
    assert "avatar-a" not in out.getvalue()
    lines(events.Route(avatars=("avatar-a",), number=1))
    lines(event)
    assert out.getvalue().endswith("(avatar-a)\n")


def test_what_is_told_twice_is_shown_once() -> None:
    assert shown(events.Voice(avatars=("avatar-a",))) == ""


def test_what_was_done_by_hand_is_echoed() -> None:
    out = io.StringIO()
    echo = Echo(out)
    for event in (
        events.Gate(state="detector"),
        events.Gate(state="closed", muted=True, by="key"),
        events.Interrupted(by="key"),
        events.Ready(),
    ):
        echo(event)
    lines = out.getvalue().splitlines()
    assert all(re.match(r"\d\d:\d\d:\d\d  ", line) for line in lines), "with its time"
    assert [line[10:].partition(":")[0] for line in lines] == ["muted", "interrupted"]


@pytest.mark.parametrize(("event", "said"), SHOWN)
def test_words(event: Event, said: str) -> None:
    assert words(event) == said


@pytest.mark.parametrize(
    ("system", "said"),
    [
        ("darwin", "System Settings > Privacy & Security > Microphone"),
        ("win32", "Let desktop apps access your microphone"),
    ],
)
def test_silence_names_the_switch_of_the_system(
    monkeypatch: pytest.MonkeyPatch, system: str, said: str
) -> None:
    monkeypatch.setattr("sys.platform", system)
    assert said in words(events.Microphone(state="zeros", device="USB"))
    assert said not in words(events.Microphone(state="clipping", device="USB"))


def test_every_event_has_words_of_its_own() -> None:
    assert {type(event) for event, _ in SHOWN} == set(events.kinds())


def shown(event: Event, *, quiet: bool = False) -> str:
    out = io.StringIO()
    Lines(Console(file=out, width=200), quiet=quiet, verbose=not quiet)(event)
    return out.getvalue()


@pytest.mark.parametrize(
    ("event", "said"),
    [
        pair
        for pair in SHOWN
        if not isinstance(pair[0], events.Failed | events.Voice | events.Playing)
    ],
)
def test_a_line_begins_with_the_time_of_day(event: Event, said: str) -> None:
    line = shown(event)
    assert line[2] == line[5] == ":"
    assert line[8:10] == "  "
    assert line[10:] == said + "\n"


def test_what_looks_like_markup_is_shown_as_it_is() -> None:
    assert "[red] :smile: mic[/red]" in shown(
        events.Capturing(device="[red] :smile: mic[/red]", rate=16_000, channels=1)
    )


def test_quiet_shows_trouble_and_the_link_alone() -> None:
    loud = {type(event) for event, _ in SHOWN if shown(event, quiet=True)}
    told = {events.Warned, events.Microphone, events.Dropped, events.StageOpen}
    told |= {events.ControlOpen, events.PerformerOpen, events.RehearsalOpen, events.Bye}
    assert loud == told


def test_an_error_is_left_to_the_program_that_ends_with_it() -> None:
    assert shown(events.Failed(code="x", message="none came")) == ""


def test_json_lines_come_one_at_a_time_and_at_once() -> None:
    class Flushed(io.StringIO):
        flushes = 0

        def flush(self) -> None:
            self.flushes += 1

    out = Flushed()
    view = JsonLines(out)
    view(events.Ready())
    view(events.Backlog(avatar=ANNA, seconds=1.0))
    assert out.flushes == 2
    lines = out.getvalue().splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["ready", "backlog"]
    assert out.getvalue().endswith("\n")


@given(st.text(max_size=30))
def test_a_name_commands_no_terminal(name: str) -> None:
    shown = printable(name)
    assert shown.isprintable()
    if name.isprintable():
        assert shown == name
    out = io.StringIO()
    lines = Lines(Console(file=out, force_terminal=False, width=200))
    lines(events.AvatarJoined(identity=f"avatar-{name}\x1b]0;mine\x07[/b]"))
    assert "\x1b" not in out.getvalue()
    assert "\\x1b]0;mine\\x07[/b] is here, not ready yet" in out.getvalue()


FORGED = "a\n20:00:00  ready: the next word is heard\r\x1b[2K\u2028b"


@pytest.mark.parametrize(
    "event",
    [
        events.Capturing(device=FORGED, rate=16_000, channels=1, preset=FORGED),
        events.AvatarStarting(identity=FORGED, step="joined", seconds=0, total_s=0),
        events.AvatarStopped(identity=FORGED, found=True),
        events.AvatarJoined(identity=FORGED),
        events.AvatarLeft(identity=FORGED),
        events.AvatarSilent(identity=FORGED),
        events.Microphone(state="lost", device=FORGED),
        events.Dropped(avatar=FORGED, seconds=1, code="other", why=FORGED),
        events.Route(avatars=(FORGED, FORGED), number=0),
        events.Voice(avatars=(FORGED,)),
        events.StageOpen(link=FORGED, room=FORGED),
        events.StagePage(address=FORGED),
    ],
    ids=lambda event: event.EVENT,
)
def test_no_name_forges_a_line(event: Event) -> None:
    for show in (shown_by_lines, shown_by_echo):
        assert len(show(event).splitlines()) <= 1, show(event)


def test_a_warning_has_two_lines_and_no_more() -> None:
    both = shown_by_lines(events.Warned(avatar=FORGED, code="x", message=FORGED, hint=FORGED))
    first, second = both.splitlines()
    assert first[10:].startswith("warning: a\\n20:00:00")
    assert second.startswith(" " * 11 + "a\\n20:00:00")


def shown_by_lines(event: Event) -> str:
    out = io.StringIO()
    lines = Lines(Console(file=out, force_terminal=False, width=200))
    lines(event)
    return out.getvalue()


def shown_by_echo(event: Event) -> str:
    out = io.StringIO()
    Echo(out)(event)
    return out.getvalue()
