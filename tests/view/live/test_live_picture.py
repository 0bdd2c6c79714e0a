"""The live view as a picture of the state: what is seen at each size, and what is seen first."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from micstream import events
from micstream.events import Event
from micstream.speech.events import EndReason
from micstream.state import State, replay
from micstream.view.live.headline import headline
from micstream.view.live.letters import big
from micstream.view.live.meter import Levels
from micstream.view.live.picture import Picture, draw
from micstream.view.live.scene import Asked, KeyWords, Recent, Scene

ANNA = "avatar-anna"
READY: tuple[Event, ...] = (
    events.Connection(state="connected", attempt=1),
    events.Capturing(device="USB", rate=16_000, channels=1),
    events.Gate(state="detector"),
    events.AvatarReady(identity=ANNA, how="probe"),
    events.Ready(),
)
STARTED = events.UtteranceStarted(avatar=ANNA, id="u1", onset_s=1, decided_s=1, lead_ms=90)
PLAYS = events.PlaybackStarted(avatar=ANNA, id="u1", delay_ms=310)
CUE = events.CueStarted(cue="rain", number=2, duration_s=9.0, by="key")
MUTED = events.Gate(state="closed", muted=True, by="key")
OPEN = events.Gate(state="open", by="key")
SILENT = events.AvatarSilent(identity=ANNA)
LEFT = events.AvatarLeft(identity=ANNA)
RECONNECTING = events.Connection(state="reconnecting", attempt=2)
KEYS = KeyWords((("m", "mute"), ("p", "panic")), (("1", "applause"), ("2", "rain")), 2)
LEVELS = Levels(level_db=-23, peak_db=-9, floor_db=-60)


def after(*more: Event) -> State:
    return replay([*READY, *more])


def seen(picture: Picture) -> str:
    return "\n".join(line.plain for line in picture.lines)


def scene(*more: Event, asked: Asked | None = None, levels: Levels | None = LEVELS) -> Scene:
    log = tuple((f"12:00:0{n}  said {n}", "") for n in range(9))
    return Scene(
        after(*more),
        room="show",
        keys=KEYS,
        asked=asked or Asked(),
        levels=levels,
        clock="12:00:00",
        log=log,
    )


# ---- the headline ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ((), "LISTENING"),
        ((STARTED,), "SPEAKING"),
        ((MUTED,), "MUTED"),
        ((events.Gate(state="closed", by="key"),), "CLOSED"),
        ((OPEN,), "OPEN"),
        ((OPEN, STARTED), "OPEN"),
        ((CUE,), "PLAYING CUE"),
        ((MUTED, CUE), "PLAYING CUE"),
        ((LEFT,), "NO AVATAR"),
        ((LEFT, CUE), "NO AVATAR"),
        ((LEFT, MUTED), "NO AVATAR"),
        ((SILENT,), "SILENT AVATAR"),
        ((RECONNECTING,), "RECONNECTING"),
        ((RECONNECTING, MUTED), "RECONNECTING"),
        ((events.Connection(state="lost", attempt=1),), "RECONNECTING"),
        ((events.AvatarSilent(identity=ANNA), RECONNECTING), "RECONNECTING"),
        ((events.Microphone(state="lost", device="USB"),), "NO MICROPHONE"),
        ((events.Microphone(state="zeros", device="USB"),), "SILENT MICROPHONE"),
        ((LEFT, events.AvatarJoined(identity=ANNA)), "NOT READY"),
    ],
)
def test_what_is_worst_is_the_word(more: tuple[Event, ...], word: str) -> None:
    told = headline(after(*more))
    assert told.word == word
    assert told.why


def test_before_anything_has_happened_it_connects() -> None:
    assert headline(State()).word == "CONNECTING"


def test_what_else_is_wrong_is_told_beside_it() -> None:
    assert "also muted" in headline(after(LEFT, MUTED)).why


def test_whoever_is_not_heard_is_told_so() -> None:
    for more in ((MUTED,), (LEFT,), (SILENT,), (RECONNECTING,)):
        assert "NOT heard" in headline(after(*more)).why


def test_a_cue_is_heard_by_the_avatars_own_report_alone() -> None:
    carries = replace(STARTED, cue="rain")
    assert "NOT heard yet" in headline(after(CUE, carries)).why
    assert "NOT heard yet" in headline(after(CUE, STARTED, PLAYS)).why, "a word before it"
    assert "the audience hears it" in headline(after(CUE, carries, PLAYS)).why


def test_the_big_letters_of_a_word_are_of_one_width() -> None:
    for word in ("LISTENING", "SILENT MICROPHONE", "RECONNECTING", "Q", ""):
        assert len({len(row) for row in big(word)}) == 1


# ---- the picture -------------------------------------------------------------------------------

EVENTS = st.sampled_from(
    [
        STARTED,
        PLAYS,
        CUE,
        MUTED,
        OPEN,
        SILENT,
        LEFT,
        RECONNECTING,
        events.UtteranceEnded(
            avatar=ANNA, id="u1", duration_s=1, bytes=9, reason=EndReason.SILENCE
        ),
        events.Warned(code="x", message="w" * 200 + " and 字字字", hint="do \x1b[2J this"),
        events.AvatarReady(identity="avatar-\x1b[31mevil\n字" * 9, how="probe"),
        events.Dropped(seconds=2.0, why="late", code="late", avatar=ANNA),
        events.Marked(text="here", by="key"),
        events.Route(avatars=(ANNA, "b"), number=0),
    ]
)


@given(
    st.lists(EVENTS, max_size=12),
    st.integers(1, 200),
    st.integers(1, 60),
    st.builds(Asked, help=st.booleans(), quitting=st.booleans(), routing=st.booleans()),
    st.booleans(),
    st.booleans(),
)
def test_it_is_always_exactly_as_large_as_the_terminal_and_commands_nothing(
    more: list[Event], width: int, height: int, asked: Asked, hears: bool, unicode: bool
) -> None:
    shown = replace(scene(*more, asked=asked, levels=LEVELS if hears else None), unicode=unicode)
    picture = draw(shown, width, height)
    assert len(picture.lines) == height
    for line in picture.lines:
        assert cell_len(line.plain) == width
        assert line.plain.isprintable()
    for spot in picture.spots:
        assert 0 <= spot.row < height
        assert picture.key_at(spot.start, spot.row) == spot.key


@pytest.mark.parametrize(("width", "height"), [(80, 24), (40, 24), (40, 12), (120, 50)])
def test_what_one_has_to_know_is_there_at_each_size(width: int, height: int) -> None:
    text = seen(draw(scene(MUTED), width, height))
    assert "you are NOT heard" in text
    assert "-23 dB" in text
    assert ANNA in text
    assert "m mute" in text
    if not (width >= 40 and height >= 18):
        assert "M U T E D" in text


@pytest.mark.parametrize("width", [40, 80])
def test_at_eighty_columns_by_twenty_four_all_of_it_is_there(width: int) -> None:
    text = seen(draw(scene(STARTED, PLAYS), width, 24))
    for said in (
        "floor | -60",
        "peak ! -9",
        "plays you",
        "utterance",
        "speech : -50",
        "said 8",
        "1 applause",
    ):
        assert said in text


def test_without_colour_and_blocks_the_word_is_told_in_letters() -> None:
    text = seen(draw(replace(scene(SILENT), unicode=False), 80, 24))
    assert "S I L E N T   A V A T A R" in text
    assert text.isascii()


def test_clipping_is_told_in_words() -> None:
    levels = Levels(level_db=-2, peak_db=0, floor_db=-50, clipping=True)
    assert "CLIP" in seen(draw(scene(levels=levels), 80, 24))


def test_where_the_microphone_delivers_nothing_it_is_told() -> None:
    assert "delivers nothing" in seen(draw(scene(levels=None), 80, 24))


def test_a_warning_is_shown_with_what_to_do_and_goes() -> None:
    warned = events.Warned(code="x", message="the hall is on fire", hint="leave it")
    shown = scene(warned)
    assert "leave it" in seen(draw(replace(shown, now=warned.t + 1), 80, 24))
    assert "fire" not in seen(draw(replace(shown, now=warned.t + 999), 80, 24))


def test_questions_and_help_are_shown() -> None:
    assert "Quit, though" in seen(draw(scene(asked=Asked(quitting=True)), 40, 12))
    assert "Who speaks?" in seen(draw(scene(asked=Asked(routing=True)), 40, 12))
    text = seen(draw(scene(asked=Asked(help=True)), 80, 24))
    assert "space twice" in text
    assert "noise floor" in text
    assert "page" not in text


def test_the_help_is_whole_in_a_small_terminal_whatever_else_there_is_to_see() -> None:
    warned = events.Warned(code="x", message="the hall is on fire", hint="leave it")
    shown = scene(warned, asked=Asked(help=True))
    text = seen(draw(replace(shown, now=warned.t + 1, page="http://127.0.0.1/x/"), 80, 24))
    assert all(f"  {key}  " in text for key, _ in (*shown.keys.verbs, *shown.keys.cues))
    assert "speech from there" in text


@given(st.text("abc0123456789", min_size=1, max_size=90), st.integers(20, 120))
def test_the_help_holds_the_whole_link_of_the_operators_page(key: str, width: int) -> None:
    link = f"http://127.0.0.1:8421/{key}/"
    recent = Recent()
    recent.push(events.ControlOpen(link=link))
    shown = replace(scene(asked=Asked(help=True)), page=recent.page)
    assert link in "".join(line.plain.rstrip() for line in draw(shown, width, 40).lines)


def test_each_key_can_be_clicked() -> None:
    picture = draw(scene(), 80, 24)
    assert [spot.key for spot in picture.spots] == ["?", "m", "p", "q", "1", "2"]
    assert picture.key_at(79, 0) is None


def test_delays_are_those_of_the_last_five_minutes() -> None:
    recent = Recent()
    for t, delay in ((0.0, 9_000), (400.0, 300), (500.0, 400), (600.0, 800)):
        recent.push(replace(PLAYS, t=t, delay_ms=delay))
    delays = recent.delays(601.0)
    assert (delays.median_ms, delays.worst_ms) == (400, 800)
    assert recent.delays(9_999.0).median_ms is None
