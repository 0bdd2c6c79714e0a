"""The lab's report: all it says is on the page, and nothing on it comes from outside or runs."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micstream.lab.figures import BY_KEY, FIGURES, PROMISED, verdict_of
from micstream.lab.report import page
from micstream.lab.story import Mark, Point, Story, Told, is_control
from micstream.plain_text import printable
from tests.support.stories import BARE, a_story, told

EMPTY = {"meta", "br", "hr", "img", "link", "input"}


class Reader(HTMLParser):
    """A page as it is parsed; every element has to be ended where it belongs."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(markup)
        self.close()
        assert not self.open, f"not ended: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"{tag} has an attribute twice: {names}"
        self.elements.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> within {self.open}"
        self.open.pop()

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag == name]

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def test_the_page_is_well_formed_and_says_the_verdict_first() -> None:
    read = Reader(page(a_story()))
    assert read.text.index("Good") < read.text.index("Figures")
    assert read.elements[0] == ("html", {"lang": "en"})
    assert "The sound comes 23 ms before the picture: offset +23 ms" in read.text
    assert "with 95 % confidence +18 to +28 ms" in read.text
    for limit in ("-125 to +45 ms", "-185 to +90 ms", "-60 to +40 ms", "ITU-R BT.1359", "EBU R37"):
        assert limit in read.text
    assert "Positive: the sound comes before the picture" in read.text


def test_every_figure_is_told_with_what_it_is_or_that_it_was_not_measured() -> None:
    known, bare = Reader(page(a_story())), Reader(page(BARE))
    for figure in (BY_KEY[key] for key in PROMISED):
        for read in (known, bare):
            assert figure.means in read.text
    assert bare.text.count("not measured") >= len(PROMISED)
    assert "+3.0 ms a minute" in known.text
    assert "80 %" in known.text
    assert "4 of 5 (80 %)" in known.text


@pytest.mark.parametrize(
    ("offset", "said"),
    [
        (-40.0, "The sound comes 40 ms after the picture: offset -40 ms"),
        (0.2, "Sound and picture are seen in step"),
        (None, "was not measured"),
    ],
)
def test_an_offset_is_told_in_words_with_its_side(offset: float | None, said: str) -> None:
    assert said in Reader(page(Story({"offset_ms": offset}, (), (), {}))).text


@pytest.mark.parametrize(("offset", "within"), [(40, True), (41, False), (-60, True), (-61, False)])
def test_the_limits_of_the_ebu_are_judged_beside(offset: float, within: bool) -> None:
    text = Reader(page(Story({"offset_ms": offset}, (), (), {}))).text
    assert ("This is within it." in text) == within
    assert ("This is outside it." in text) != within


@pytest.mark.parametrize("verdict", ["good", "acceptable", "bad", "undecided", None, "<b>", 7])
def test_a_verdict_is_one_of_four_words(verdict: object) -> None:
    read = Reader(page(Story({"verdict": verdict}, (), (), {})))
    known = verdict in ("good", "acceptable", "bad", "undecided")
    said = str(verdict).title() if known else "Undecided"
    assert said in read.text
    assert not read.all("b")


def test_nothing_of_it_is_outside_and_nothing_runs() -> None:
    markup = page(a_story())
    read = Reader(markup)
    assert "//" not in re.sub(r"data:image/jpeg;base64,[A-Za-z0-9+/=]+", "", markup)
    assert "url(" not in markup
    assert "@import" not in markup
    names = {name for name, _ in read.elements}
    assert not names & {"script", "link", "iframe", "object", "embed", "base", "form", "img"}
    for name, attributes in read.elements:
        for key, value in attributes.items():
            assert not key.startswith("on"), (name, key)
            if key in ("href", "src"):
                assert (value or "").startswith(("#", "data:image/jpeg;base64,"))
    policies = [a["content"] for a in read.all("meta") if a.get("http-equiv")]
    assert len(policies) == 1
    assert set((policies[0] or "").split("; ")) == {
        "default-src 'none'",
        "img-src data:",
        "style-src 'unsafe-inline'",
        "base-uri 'none'",
        "form-action 'none'",
    }
    # What comes before its policy is not held by it.
    metas = [attributes for attributes in read.all("meta") if "charset" not in attributes]
    assert metas[0].get("http-equiv") == "Content-Security-Policy"


NASTY = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        [
            "<script>alert(1)</script>",
            '"><img src=x onerror=alert(1)>',
            "</style></title><svg onload=1>",
            "<!-- ]]> &lt; '",
            "\u202ereversed\x1b[31m\n",
        ]
    ),
)


@given(NASTY, NASTY, NASTY)
@settings(max_examples=35, deadline=None)
def test_no_name_from_elsewhere_ends_up_as_markup(name: str, item: str, sound: str) -> None:
    def with_names(one: str, two: str, three: str) -> str:
        figures = {"avatar": one, "verdict": "bad", "why": two, "offset_ms": 100}
        row = {"item": two, "what": "speech", "why": one, "offset_ms": 100, "stretched": three}
        control = {"item": one, "what": "control", "why": three, "verdict": three}
        spoken = replace(told(1, stills=1), figures=row, marks=(Mark(0.1, 2.9, three, True),))
        quiet = replace(told(2, stills=0), figures=control, marks=())
        return page(Story(figures, (spoken, quiet), (), {one: two, "room": three}))

    plain, nasty = Reader(with_names("aaa", "bbb", "ccc")), Reader(with_names(name, item, sound))

    def kept(read: Reader) -> list[tuple[str, list[str]]]:
        # Of `about` two keys may be one.
        left_out = ("dt", "dd", "bdi", "p", "text", "title", "g")
        return [(tag, sorted(a)) for tag, a in read.elements if tag not in left_out]

    assert kept(nasty) == kept(plain)
    assert {tag for tag, _ in nasty.elements} <= {tag for tag, _ in plain.elements} | {"g", "title"}
    if item.strip():
        assert printable(item) in " ".join(nasty.words)


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.lists(st.floats(-1e6, 1e6), max_size=3),
)


@given(st.data())
@settings(max_examples=35, deadline=None)
def test_whatever_a_figure_is_there_is_a_page(data: st.DataObject) -> None:
    keys = [*(figure.key for figure in FIGURES), "closures", "moves", "verdict", "why", "avatar"]
    keys += ["offset_ci_ms", "item", "what", "repeat"]
    drawn = st.dictionaries(st.sampled_from(keys), ANYTHING)
    one = replace(told(0, stills=1), figures=data.draw(drawn))
    points = (Point(data.draw(st.floats()), data.draw(st.floats()), 0, 1), Point(1, 2, 1, 3))
    Reader(page(Story(data.draw(drawn), (one,), points, {})))


def test_all_that_was_not_measured_is_a_page() -> None:
    empty = np.zeros(0)
    keys = [*(figure.key for figure in FIGURES), "item", "what", "verdict", "why", "closures"]
    nothing: dict[str, Any] = dict.fromkeys(keys)
    silent = Told(nothing, 0.0, empty, empty, None, (), ())
    read = Reader(page(Story({**nothing, "avatar": None}, (silent, silent), (), {})))
    assert "Undecided" in read.text
    assert "nothing was heard" in read.text
    assert "The mouth was not found" in read.text
    assert Reader(page(BARE)).text.count("not measured") > 10


def test_it_can_be_used_without_eyes() -> None:
    read = Reader(page(a_story()))
    shown = [a for a in read.all("svg") if a.get("aria-hidden") != "true"]
    ids = [a["id"] for _, a in read.elements if "id" in a]
    assert len(ids) == len(set(ids))
    assert len(shown) > 20
    for drawn in shown:
        named = (drawn.get("aria-labelledby") or "").split()
        assert len(named) == 2
        assert set(named) <= set(ids)
    assert all(a.get("scope") in ("col", "row") for a in read.all("th"))
    assert all(a.get("aria-label") for _, a in read.elements if a.get("role") == "region")
    targets = {a["href"] for a in read.all("a")}
    assert targets
    assert {str(target)[1:] for target in targets} <= set(ids)


def contrast(one: str, other: str) -> float:
    """By WCAG 2."""

    def light(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_what_is_to_be_read_stands_out_in_light_dark_and_on_paper() -> None:
    style = page(BARE).partition("<style>")[2].partition("</style>")[0]
    sets = [dict(re.findall(r"--([\w-]+): (#\w{6})", part)) for part in style.split(":root")[1:]]
    assert len(sets) == 3
    for colours in sets:
        for ground in ("paper", "raised"):
            for name in ("ink", "soft", "good", "fair", "bad", "none", "mouth"):
                assert contrast(colours[name], colours[ground]) >= 4.5, (name, ground)
        for band in ("band-good", "band-fair", "band-bad"):
            for name in ("ink", "bar"):
                assert contrast(colours[name], colours[band]) >= 3, (name, band)
        assert contrast(colours["closes"], colours["shut"]) >= 4.5


def test_the_worst_are_unfolded_and_the_controls_are_apart() -> None:
    read = Reader(page(a_story()))
    folded = read.all("details")
    assert len(folded) == 23
    assert [a["id"] for a in folded if "open" in a] == ["u3", "u11"]
    assert [a["id"] for a in folded if str(a["id"]).startswith("c")] == ["c0", "c1", "c2"]
    assert "Negative controls" in read.text
    plain = Reader(page(Story({}, (told(0), told(1)), (), {})))
    assert len([a for a in plain.all("details") if "open" in a]) == 1


@pytest.mark.parametrize(
    ("what", "control"),
    [
        ("control", True),
        *((name, False) for name in ("speech", "closures", "clicks", "", None, 3)),
    ],
)
def test_a_control_is_known_by_what_it_is(what: object, control: bool) -> None:
    assert is_control({"what": what}) == control


def test_four_minutes_are_below_three_megabytes_without_stills() -> None:
    markup = page(a_story(60, stills=0, length_s=4.0))
    assert len(markup.encode()) < 3_000_000


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        ({"what": "speech", "verdict": "bad", "offset_ms": 0}, "bad"),
        ({"what": "speech", "offset_ms": 0}, "good"),
        ({"what": "closures", "offset_ms": 60.0}, "acceptable"),
        ({"what": "speech", "offset_ms": -300}, "bad"),
        ({"what": "speech"}, "undecided"),
        ({"verdict": "<b>"}, "undecided"),
        ({"what": "clicks"}, None),
        ({"what": "control"}, None),
    ],
)
def test_an_utterance_is_judged_by_its_offset(row: dict[str, Any], verdict: str | None) -> None:
    assert verdict_of(row) == verdict


def test_what_was_not_measured_of_an_utterance_is_told_but_of_a_click_or_control() -> None:
    for what, missing in (("speech", True), ("clicks", False), ("control", False)):
        one = replace(told(0, stills=0), figures={"item": "x", "what": what, "tail_ms": 3.0})
        text = Reader(page(Story({}, (one,), (), {}))).text
        assert ("Not measured: start offset, settling, first movement" in text) == missing


def test_a_fault_of_the_sound_is_a_column_where_there_is_one() -> None:
    plain = told(0, stills=0)
    lost = replace(plain, figures={**plain.figures, "missing_s": 0.4})

    def heads(*spoken: Told) -> str:
        read = Reader(page(Story({}, spoken, (), {})))
        return " ".join(read.words).partition("Utterances")[2].partition("harvard")[0]

    assert "sound missing" not in heads(plain, plain)
    assert "sound missing" in heads(plain, lost)
    assert "sound doubled" not in heads(plain, lost)


def test_how_the_transport_offset_is_known_is_told_with_it() -> None:
    figures = {"transport_offset_ms": 12.0, "transport_how": "by the pictures' stamps"}
    assert "to a viewer, by the pictures' stamps" in Reader(page(Story(figures, (), (), {}))).text


def test_an_item_that_is_said_again_is_told_by_its_number() -> None:
    rows = [{"item": "sentence", "what": "speech", "number": at} for at in (1, 2)]
    spoken = [replace(told(0, stills=0), figures=row) for row in rows]
    read = Reader(page(Story({}, (*spoken,), (), {})))
    assert read.words.count("sentence") == 2
    assert read.words.count("sentence (2)") == 2
