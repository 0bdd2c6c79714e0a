"""The last line of a terminal: am I heard, how loud, which avatar, what keys there are."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import termios
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from micstream import events
from micstream.events import Event
from micstream.speech.events import EndReason
from micstream.state import State, replay
from micstream.view.lines import Lines
from micstream.view.status import Tick, status
from micstream.view.status_line import StatusLine, can_draw

READY: tuple[Event, ...] = (
    events.Connection(state="connected", attempt=1),
    events.Capturing(device="USB", rate=16_000, channels=1),
    events.Gate(state="detector"),
    events.AvatarReady(identity="avatar-anna", how="probe"),
    events.Ready(),
)


def after(*more: Event) -> State:
    return replay([*READY, *more])


@pytest.mark.parametrize(
    ("more", "heard"),
    [
        ((), "heard"),
        ((events.Gate(state="open"),), "heard: gate open"),
        ((events.Gate(state="closed", muted=True),), "NOT heard: muted"),
        ((events.Gate(state="closed"),), "NOT heard: gate closed"),
        ((events.AvatarLeft(identity="avatar-anna"),), "NOT heard: no avatar"),
        ((events.Connection(state="lost", attempt=0),), "NOT heard: no connection"),
        (
            (events.Microphone(state="lost", device="USB"),),
            "NOT heard: no sound from the microphone",
        ),
        (
            (events.Microphone(state="zeros", device="USB"),),
            "NOT heard: no sound from the microphone",
        ),
        (
            (
                events.UtteranceStarted(
                    avatar="avatar-anna", id="u1", onset_s=1, decided_s=1, lead_ms=100
                ),
            ),
            "heard: sending",
        ),
    ],
)
def test_at_each_moment_it_says_whether_one_is_heard(more: tuple[Event, ...], heard: str) -> None:
    state = after(*more)
    assert status(state, None, 200).plain.split("  |  ")[0] == heard
    assert state.heard == (not heard.startswith("NOT"))
    assert state.as_dict()["heard"] is state.heard


def test_before_anything_has_happened_nobody_is_heard() -> None:
    assert not State().heard
    assert status(State(), None, 80).plain.startswith("NOT heard: no avatar")


def test_it_has_the_level_the_avatar_its_delay_and_the_keys() -> None:
    spoken = events.PlaybackStarted(avatar="avatar-anna", id="u1", delay_ms=183)
    line = status(after(spoken), -30.0, 200).plain
    assert line == (
        "heard  |  [=====     ] -30 dB  |  avatar-anna ready 183 ms  |  "
        "m mute  t talk  v auto  i interrupt  q quit"
    )
    assert "0-2 who speaks" in status(after(), None, 200, avatars=2).plain


@given(
    st.integers(0, 120),
    st.none() | st.floats(-96, 0),
    st.text(max_size=30),
    st.sampled_from([1, 2, 12]),
)
def test_it_is_never_wider_than_the_terminal(
    width: int, level_db: float | None, name: str, avatars: int
) -> None:
    joined = events.AvatarReady(identity=f"avatar-{name}\x1b[2J\n", how="probe")
    line = status(after(joined), level_db, width, avatars=avatars).plain
    assert cell_len(line) < max(width, 1)
    assert line.isprintable()
    if width >= 40:
        assert line.startswith("heard")


# ---- in a terminal -------------------------------------------------------------------------------


def screen(*happened: Event, width: int = 100, terminal: bool = True) -> tuple[list[str], str]:
    """The lines as a terminal shows them in the end; and all that was written."""
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=terminal, no_color=True)
    line = StatusLine(console) if can_draw(console) else None
    view = Lines(console, status=line, errors=out)
    for event in happened:
        view(event)
    shown: list[str] = [""]
    for part in re.split(r"(\r\x1b\[2K|\n)", out.getvalue()):
        if part == "\n":
            shown.append("")
        elif part.startswith("\r"):
            shown[-1] = ""
        else:
            shown[-1] += re.sub(r"\x1b\[[\d;]*m", "", part)
    return shown, out.getvalue()


def bye(**fields: Any) -> Event:
    empty: dict[str, Any] = {"utterances": 0, "seconds": 0.0, "dropped": 0.0, "faults": 0}
    return events.Bye(delay_median_ms=None, delay_p95_ms=None, **empty | fields)


def test_it_stands_below_the_lines_and_nothing_is_left_of_it() -> None:
    shown, _ = screen(*READY, Tick(level_db=-20))
    assert shown[-1].startswith("heard  |  [")
    assert all("|" not in line for line in shown[:-1])
    assert shown[-2].endswith("ready: speak now, the avatar will say it")
    shown, _ = screen(*READY, Tick(level_db=-20), bye())
    assert shown[-1] == ""
    assert not [line for line in shown if "heard  |" in line]


def test_it_is_drawn_where_it_changes_and_not_again_where_it_does_not() -> None:
    once, twice = (screen(*READY, *[Tick(level_db=-20)] * n)[1] for n in (1, 2))
    assert once == twice
    assert screen(*READY, Tick(level_db=-20), Tick(level_db=-40))[1] != once


def test_where_the_terminal_cannot_there_are_lines_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "|" not in screen(*READY, Tick(level_db=-20), terminal=False)[1]
    monkeypatch.setenv("TERM", "dumb")
    assert "|" not in screen(*READY, Tick(level_db=-20))[1]


HAPPENS = st.lists(
    st.one_of(
        st.sampled_from(
            [
                *READY,
                events.Gate(state="closed", muted=True, by="key"),
                events.Gate(state="open", by="key"),
                events.Warned(code="x", message="odd", hint="look"),
                events.Microphone(state="lost", device="USB"),
                events.AvatarLeft(identity="avatar-anna"),
            ]
        ),
        st.floats(-96, 0).map(lambda level: Tick(level_db=level)),
        st.text(max_size=12).map(lambda name: events.AvatarJoined(identity=f"avatar-{name}")),
        st.integers(1, 99).map(
            lambda tenths: events.Dropped(t=1e9 + tenths, seconds=tenths / 10, why="no avatar yet")
        ),
    ),
    max_size=25,
)


@given(HAPPENS, st.integers(20, 120))
def test_it_never_spoils_a_line(happened: list[Event], width: int) -> None:
    """What stands above it is what is shown where there is none."""
    happened = [*happened, bye(utterances=1)]
    with_status, _ = screen(*happened, width=width)
    without, _ = screen(*happened, width=width, terminal=False)
    assert with_status == without


def test_a_sentence_is_one_line_and_a_warning_is_seen_between_them() -> None:
    said = [
        event
        for number in (1, 2)
        for event in (
            events.UtteranceStarted(
                avatar="avatar-anna", id=f"u{number}", onset_s=number, decided_s=1, lead_ms=100
            ),
            events.PlaybackStarted(avatar="avatar-anna", id=f"u{number}", delay_ms=200),
            events.Backlog(avatar="avatar-anna", seconds=1.5),
            events.UtteranceEnded(
                avatar="avatar-anna",
                id=f"u{number}",
                duration_s=2,
                bytes=1,
                reason=EndReason.SILENCE,
            ),
            events.PlaybackFinished(
                avatar="avatar-anna", id=f"u{number}", position_s=2, interrupted=False
            ),
        )
    ]
    plain = [line for line in screen(*READY)[0] if line]
    shown = [line for line in screen(*READY, *said)[0] if line]
    assert len(shown) == len(plain) + 2


def test_the_cause_comes_first_and_a_summary_of_nothing_does_not_come() -> None:
    """A wrong device: no keys, no connecting, no count of nothing before it."""
    failed = events.Failed(code="no_device", message="no input device 'x'", hint="look")
    shown, _ = screen(failed, bye(faults=1))
    assert [line for line in shown if line] == ["micstream: no input device 'x'", "  look"]


def test_the_cause_comes_before_the_summary_of_a_show() -> None:
    failed = events.Failed(code="x", message="another sender took our place", hint="")
    shown = [line for line in screen(*READY, failed, bye(utterances=3, faults=1))[0] if line]
    assert shown[-2] == "micstream: another sender took our place"
    assert shown[-1].endswith("3 utterances, 0.0 s; 1 problem, see above")


def test_ready_behind_a_closed_gate_says_so() -> None:
    closed = events.Gate(state="closed", muted=True, by="key")
    shown, _ = screen(*READY[:-1], closed, events.Ready())
    assert shown[-2].endswith("ready, but muted: you are NOT heard (press m)")
    shown, _ = screen(*READY[:-1], events.Gate(state="closed"), events.Ready())
    assert shown[-2].endswith("ready, but the gate is closed: you are NOT heard (press t)")


def test_it_fits_the_terminal_though_the_console_is_wider() -> None:
    """A table may be broken by the terminal; the status could not be taken off again."""
    keyboard, terminal = pty.openpty()
    try:
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 30, 0, 0))
        with os.fdopen(terminal, "w", closefd=False) as out:
            console = Console(file=out, width=72, force_terminal=True, no_color=True)
            StatusLine(console).draw(after(), Tick(level_db=-20))
        shown = os.read(keyboard, 4_096).decode()
    finally:
        os.close(terminal)
        os.close(keyboard)
    assert "heard" in shown
    assert cell_len(re.sub(r"\x1b\[[\d;]*[mK]", "", shown)) < 30
