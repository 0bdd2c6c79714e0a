"""docs/inspect.md tells every rule, and every word of a segment."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import get_args

from micstream.lab.seen import RULES, End, SegmentEnded

TEXT = (Path(__file__).resolve().parents[2] / "docs/inspect.md").read_text("utf-8")


def test_every_rule_is_in_the_table_and_no_other() -> None:
    table = TEXT.split("## What breaks the protocol")[1]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(RULES)


def test_every_figure_and_every_end_is_explained() -> None:
    table = TEXT.split("## What is told of a segment")[1].split("##")[0]
    told = {field.name for field in fields(SegmentEnded)}
    for name in told - {"t", "segment", "bytes", "seconds", "chunks"}:
        assert f"`{name}`" in table
    for end in get_args(End):
        assert f"`{end}`" in table
