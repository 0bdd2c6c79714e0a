"""Elements and drawings: what is text stays text, and a path says where it goes."""

from __future__ import annotations

import io
import math
import re
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from micstream.lab.drawing import (
    Markup,
    Scale,
    area,
    chart,
    joined,
    line,
    picture_size,
    short,
    tag,
    text,
    ticks,
)
from micstream.plain_text import printable

NASTY = st.one_of(st.text(), st.text(alphabet="<>&\"'/=`! -svgcriptonload[]CDAT"))
PLACES = st.floats(-1e5, 1e5)


class Reader(HTMLParser):
    """What a browser would see: elements with their attributes, and the text."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.begun: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.other: list[str] = []
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.begun.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def handle_comment(self, data: str) -> None:
        self.other.append(data)

    def handle_decl(self, decl: str) -> None:
        self.other.append(decl)

    def unknown_decl(self, data: str) -> None:
        self.other.append(data)


@given(NASTY, NASTY)
def test_text_is_never_markup_in_an_element_or_an_attribute(within: str, value: str) -> None:
    read = Reader(tag("p", within, tag("b", value), title=value))
    assert [name for name, _ in read.begun] == ["p", "b"]
    assert read.begun[0][1] == {"title": printable(value)}
    assert "".join(read.words) == printable(within) + printable(value)
    assert not read.other


@given(st.text(alphabet=st.characters()))
def test_text_can_be_written_as_utf_8_whatever_was_in_it(said: str) -> None:
    assert unescape(text(said).encode("utf-8").decode()) == printable(said)


def test_an_element_is_written_as_a_browser_reads_it() -> None:
    assert tag("a", "x", class_="y", aria_label="z") == '<a class="y" aria-label="z">x</a>'
    assert tag("meta", name_="v", content="w") == '<meta name="v" content="w">'
    assert tag("rect", x=0.25, y=2, rx=None) == '<rect x=".2" y="2"/>'
    assert (tag("details", open=True), tag("details", open=False)) == (
        "<details open></details>",
        "<details></details>",
    )
    assert joined([None, "<", Markup("<br>"), 1.5]) == "&lt;<br>1.5"


@given(PLACES)
def test_a_short_coordinate_is_the_rounded_one(value: float) -> None:
    said = short(value)
    assert float(said) == pytest.approx(round(value, 1), abs=0.051)
    assert re.fullmatch(r"-?\d*\.?\d+", said)
    assert not said.startswith(("0.", "-0"))
    assert "." not in said or not said.endswith("0")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_no_coordinate(value: float) -> None:
    with pytest.raises(ValueError, match="no place"):
        short(value)


def followed(path: str) -> list[list[tuple[float, float]]]:
    """The points of a path of ours, line by line."""
    lines: list[list[tuple[float, float]]] = []
    for command, numbers in re.findall(r"([MlZ])([^MlZ]*)", path):
        if command == "Z":
            continue
        x, y = (float(each) for each in re.findall(r"-?(?:\d+\.?\d*|\.\d+)", numbers))
        if command == "M":
            lines.append([(x, y)])
        else:
            before = lines[-1][-1]
            lines[-1].append((before[0] + x, before[1] + y))
    return lines


@given(st.lists(st.tuples(PLACES, PLACES), min_size=1, max_size=80))
def test_a_line_goes_through_its_points_and_what_is_rounded_does_not_add_up(
    points: list[tuple[float, float]],
) -> None:
    xs, ys = zip(*points, strict=True)
    gone = followed(line(xs, ys))
    assert len(gone) == 1
    tenths = [(round(10 * x), round(10 * y)) for x, y in points]
    distinct = [tenths[0], *(b for a, b in pairwise(tenths) if a != b)]
    for found, there in zip(gone[0], distinct, strict=True):
        assert found[0] == pytest.approx(there[0] / 10, abs=1e-3)
        assert found[1] == pytest.approx(there[1] / 10, abs=1e-3)


def test_a_line_has_a_gap_where_there_is_no_value() -> None:
    nan = math.nan
    assert len(followed(line([0, 1, 2, 3, 4], [0, 1, nan, 3, 4]))) == 2
    assert line([0, 1], [nan, nan]) == ""


def test_an_area_is_closed_and_one_of_nothing_is_nothing() -> None:
    xs = np.arange(3.0)
    assert area(xs, xs, xs - 1).endswith("Z")
    assert followed(area(xs, xs, xs - 1))[0] == [(0, 0), (1, 1), (2, 2), (2, 1), (1, 0), (0, -1)]
    assert area(np.zeros(0), np.zeros(0), np.zeros(0)) == ""


@given(PLACES, st.floats(0.1, 1e5), st.floats(0, 1))
def test_a_scale_lays_its_ends_on_its_ends_and_keeps_order(
    low: float, width: float, share: float
) -> None:
    scale = Scale(low, low + width, 10, 110)
    assert scale(low) == pytest.approx(10)
    assert scale(low + width) == pytest.approx(110)
    value = low + share * width
    assert scale(value) == pytest.approx(10 + 100 * share, abs=0.1)
    assert scale.many(np.array([value]))[0] == pytest.approx(scale(value))
    assert scale.within(low - 1) == pytest.approx(10)
    assert scale.within(low + width + 1) == pytest.approx(110)


def test_a_scale_of_one_value_puts_it_into_the_middle() -> None:
    assert Scale(3, 3, 0, 10)(3) == 5
    assert Scale(3, 3, 0, 10).many(np.array([3.0]))[0] == 5


@given(PLACES, st.floats(1e-3, 1e6), st.integers(1, 12))
def test_ticks_are_even_within_and_about_as_many_as_wanted(
    low: float, width: float, count: int
) -> None:
    found = ticks(low, low + width, count)
    assert len(found) <= count + 2
    assert all(low - 1e-6 * width <= at <= low + width + 1e-6 * width for at in found)
    steps = np.diff(found)
    assert steps.size == 0 or steps.max() == pytest.approx(steps.min(), rel=1e-3, abs=1e-9)
    if count >= 4:
        assert len(found) >= count / 3


def test_ticks_are_round() -> None:
    assert ticks(-130, 48, 6) == [-100, -50, 0]
    assert ticks(0, 1, 5) == [0, 0.2, 0.4, 0.6, 0.8, 1]
    assert ticks(3, 3) == [3]


def test_a_chart_says_what_it_shows() -> None:
    read = Reader(chart("c", "A <title>", "what is seen", (10, 5), tag("path", d="M0 0")))
    names = [name for name, _ in read.begun]
    assert names == ["svg", "title", "desc", "path"]
    drawn = read.begun[0][1]
    assert drawn["role"] == "img"
    ids = [attributes.get("id") for _, attributes in read.begun]
    assert (drawn["aria-labelledby"] or "").split() == ids[1:3]


@pytest.mark.parametrize("size", [(40, 30), (17, 301)])
@pytest.mark.parametrize("progressive", [False, True])
def test_the_size_of_a_picture_is_read(size: tuple[int, int], progressive: bool) -> None:
    file = io.BytesIO()
    Image.new("RGB", size, "red").save(file, "JPEG", progressive=progressive)
    assert picture_size(file.getvalue()) == size


@given(st.binary(max_size=40), st.booleans())
def test_what_is_no_picture_has_no_size_or_some(junk: bytes, begun: bool) -> None:
    found = picture_size((b"\xff\xd8" if begun else b"") + junk)
    assert found is None or min(found) > 0
