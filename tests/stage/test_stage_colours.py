"""What is a colour, and what was meant by what is none."""

from __future__ import annotations

import pytest
from PIL import ImageColor

from micstream.errors import UsageError
from micstream.stage.colours import NAMES, is_colour, like
from micstream.stage.look import Look


def test_every_name_that_css_has_and_no_other() -> None:
    assert set(ImageColor.colormap) == NAMES


@pytest.mark.parametrize(
    "value", ["#fff", "#FFF8", "#00b140", "#00B14080", "Black", "rebeccapurple"]
)
def test_colours(value: str) -> None:
    assert is_colour(value)
    Look(background=value).check()


@pytest.mark.parametrize(
    "value",
    [
        *("notacolour", "#ff", "#12345", "#gggggg", "", "inherit", "currentcolor", "none"),
        *("url(x)", "00b140", "rgb(1,2,3)", "red;x", "var(--x)", "#fff\n#", "blakc"),
    ],
)
def test_what_is_none_is_refused_in_words(value: str) -> None:
    with pytest.raises(UsageError, match="is no colour") as caught:
        Look(background=value).check()
    assert caught.value.code == "bad_background"
    assert "#rrggbb" in caught.value.hint


@pytest.mark.parametrize(
    ("value", "meant"), [("blakc", "black"), ("00b140", "'#00b140'"), ("chrom", "chroma")]
)
def test_what_was_meant_is_asked(value: str, meant: str) -> None:
    assert like(value) == meant
    with pytest.raises(UsageError) as caught:
        Look(background=value).check()
    assert f"is {meant} meant?" in caught.value.hint


@pytest.mark.parametrize("value", ["Chroma", " CHROMA", "Transparent", "RED "])
def test_capitals_and_blanks_do_not_matter(value: str) -> None:
    look = Look(background=value)
    look.check()
    assert look.as_dict()["background"] == value.strip().lower()
