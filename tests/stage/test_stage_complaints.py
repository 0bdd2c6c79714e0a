"""What a page could not use of its link is told once, whatever it sends."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream.stage.complaints import EXPECTED, Complaints

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=100),
    lambda inner: st.lists(inner, max_size=12) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=20,
)


def said(*unused: Any) -> bytes:
    return json.dumps({"unused": unused}).encode()


def test_a_value_that_is_none_and_a_word_that_nothing_knows() -> None:
    told = Complaints().about(said(["fit", "xx"], ["backgroud", "black"]), "192.168.1.9")
    assert [each.code for each in told] == ["page_link", "page_link"]
    assert "'fit=xx'" in told[0].message
    assert "192.168.1.9" in told[0].message
    assert told[0].hint == "fit takes fit or fill"
    assert "background" in told[1].hint


def test_it_is_told_once_though_a_page_joins_for_ever() -> None:
    complaints = Complaints()
    assert len(complaints.about(said(["fit", "xx"]), "a")) == 1
    assert complaints.about(said(["fit", "xx"]), "a") == []
    assert len(complaints.about(said(["fit", "yy"]), "a")) == 1
    for number in range(1000):
        complaints.about(said(["fit", str(number)]), "a")
    assert complaints.about(said(["fit", "one more"]), "a") == []


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff\xfe", b"[]", b"3", b"{}", b'{"unused": 3}', b'{"unused": [[1, 2], 3]}'],
)
def test_a_body_that_says_nothing(body: bytes) -> None:
    assert Complaints().about(body, "a") == []


def test_a_body_nested_without_end() -> None:
    assert Complaints().about(b"[" * 16_000, "a") == []


@given(st.binary(max_size=300) | anything.map(lambda each: json.dumps({"unused": each}).encode()))
def test_whatever_is_sent_there_are_few_and_short_lines(body: bytes) -> None:
    told = Complaints().about(body, "a")
    assert len(told) <= 8
    for each in told:
        assert "\n" not in each.message
        assert len(each.message) < 1500


def test_every_word_of_a_link_has_its_values() -> None:
    assert set(EXPECTED) == {
        *("avatar", "background", "fit", "key", "mirror", "overlay", "poster", "sound")
    }
