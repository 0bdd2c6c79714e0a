"""The report of a record: one page, which shows what happened, and runs nothing."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream.lab.drawing import text
from micstream.lab.report import POLICY
from micstream.record.format import Piece
from micstream.report.page import page
from micstream.report.story import (
    Clock,
    Envelope,
    Story,
    Wave,
    counted,
    moments,
    utterances,
)
from micstream.report.timeline import BINS, strip_s

BEGAN = {"began": "2026-11-29T23:59:30+0100", "room": "hall", "ended_s": 1}


def event(at: float, name: str, /, **more: Any) -> dict[str, Any]:
    """A line of a record's events."""
    return {"t": 1.0, "event": name, **more, "at": at}


EVENTS = [
    event(1.0, "utterance_started", id="u1", avatar="avatar-a", source="mic", cue=None),
    event(3.0, "utterance_ended", id="u1", avatar="avatar-a", reason="silence", bytes=1),
    event(1.3, "playback_started", id="u1", avatar="avatar-a", delay_ms=231),
    event(2.0, "marked", text="<script>alert(1)</script>", by="osc"),
    event(3.0, "performer", name="anna", by="page"),
    event(4.0, "warning", code="late", message="too late", hint="wait"),
    event(5.0, "connection", state="lost", attempt=1),
    event(5.5, "connection", state="connected", attempt=1),
    event(6.0, "microphone", state="back", device="usb"),
    event(7.0, "cue_ended", cue="applause", number=1, reason="stop"),
    event(8.0, "dropped", seconds=1.25, code="late", why="it waited too long"),
    event(9.0, "never_heard_of", of=[1, 2], yes=True, no=False),
]
PIECES = [
    Piece("sent", "utterances/0001.wav", "avatar-a", 16_000, 1.0, 0, 16_000, "u1"),
    Piece("sent", "utterances/0001.wav", "avatar-a", 16_000, 2.0, 16_000, 16_000, "u1"),
    Piece("sent", "utterances/0002.wav", "avatar-a", 16_000, 40.0, 0, 800, "u2"),
]


def story(seconds: float = 61.0, events: list[dict[str, Any]] | None = None) -> Story:
    """A record with one utterance that was heard, and one that was not."""
    known = EVENTS if events is None else events
    bin_s = strip_s(seconds) / BINS
    envelope = Envelope(seconds, bin_s)
    envelope.add(1.0, 16_000, np.full(32_000, 8_000, dtype=np.int16).tobytes())
    wave = Wave("mic", envelope.peaks)
    said = utterances(PIECES, known)
    return Story(seconds, BEGAN, said, moments(known), {}, ("a note",), (wave,), (wave,), bin_s)


def test_what_happened_is_told_by_its_kind() -> None:
    assert [(each.sort, each.what) for each in moments(EVENTS)] == [
        ("mark", "<script>alert(1)</script>"),
        ("change", "anna has the voice"),
        ("fault", "too late"),
        ("fault", "connection: lost"),
        ("change", "microphone back, usb"),
        ("cue", "cue applause ended (stop)"),
        ("fault", "dropped: 1.2 s, it waited too long"),
        ("change", "never heard of 1, 2, yes"),
    ]


def test_an_utterance_has_its_sound_and_its_delay() -> None:
    first, second = utterances(PIECES, EVENTS)
    assert (first.at, first.seconds, first.told["delay_ms"]) == (1.0, 2.0, 231)
    assert (second.utterance, second.seconds, second.told) == ("u2", 0.05, {})
    figures = dict(counted(story()))
    assert (figures["Utterances"], figures["Delay, median"]) == ("2", "231 ms")
    assert (figures["Faults and warnings"], figures["Marks"]) == ("3", "1")


def test_the_page_holds_all_it_shows_and_runs_nothing() -> None:
    told = page(story())
    assert f'content="{text(POLICY)}"' in told
    assert not re.findall(r"(?:src|href)=|<script|<link|@import|url\(", told)
    assert "&lt;script&gt;" in told
    for words in (
        "anna has the voice",
        "231 ms",
        "not heard",
        "23:59:31",
        "a note",
        "too late",
        "wait",
    ):
        assert words in told
    assert "prefers-color-scheme: dark" in told
    assert "@media print" in told


@given(st.floats(0.0, 100_000.0))
def test_the_longest_night_has_few_strips(seconds: float) -> None:
    assert seconds / strip_s(seconds) <= 36.000_001


def test_a_record_of_nothing_is_a_page_too() -> None:
    told = page(Story(0.0, {}, (), (), {}, (), (), (), 1.0))
    assert "Nothing was sent" in told
    assert "not completed" in told


@given(st.lists(st.integers(-32_768, 32_767), min_size=1, max_size=300), st.floats(0.0, 9.0))
def test_no_peak_is_lost_and_silence_is_not_nothing(samples: list[int], at: float) -> None:
    envelope = Envelope(10.0, 0.01)
    envelope.add(at, 1_000, np.array(samples, dtype=np.int16).tobytes())
    assert np.nanmax(envelope.peaks) == pytest.approx(max(map(abs, samples)) / 32_768)
    touched = np.flatnonzero(np.isfinite(envelope.peaks))
    assert (touched[0], len(touched)) == (int(at / 0.01), touched[-1] - touched[0] + 1)


def test_the_clock_goes_on_at_midnight_and_where_none_is_known() -> None:
    clock = Clock(BEGAN)
    assert [clock(at) for at in (0.0, 31.0)] == ["23:59:30", "00:00:01"]
    assert Clock({"began": "nonsense"})(3_700.0) == "1:01:40"


def test_who_has_the_voice_is_told_and_what_is_no_number_is_none() -> None:
    told = moments(
        [
            event(1.0, "performer", name="", performers=["anna", "ben"]),
            event(2.0, "performer", name="ben", performers=["anna", "ben"], by="osc"),
            event(3.0, "dropped", seconds="abc", code="late", why="it waited"),
        ]
    )
    assert [each.what for each in told] == [
        "nobody has the voice",
        "ben has the voice",
        "dropped: 0.0 s, it waited",
    ]
