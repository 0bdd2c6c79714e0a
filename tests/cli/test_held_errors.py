"""Standard error while a picture fills the terminal: not over it, and not lost."""

from __future__ import annotations

import io
import sys

import pytest

from micstream.cli.held_errors import HeldErrors, holding_errors


def test_what_is_written_while_the_picture_is_shown_comes_when_it_is_gone() -> None:
    out, shown = io.StringIO(), [True]
    held = HeldErrors(out, lambda: shown[0])
    held.write("a library complains\n")
    assert out.getvalue() == ""
    shown[0] = False
    held.write("more\n")
    assert out.getvalue() == "a library complains\nmore\n"


def test_it_holds_no_more_than_it_must() -> None:
    out, shown = io.StringIO(), [True]
    held = HeldErrors(out, lambda: shown[0])
    for _ in range(1_000):
        held.write("x" * 1_000)
    shown[0] = False
    held.flush()
    assert 10_000 < len(out.getvalue()) < 100_000


def test_at_the_end_it_is_pythons_own_again_with_all_that_was_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before, shown = sys.stderr, [True]
    with holding_errors(lambda: shown[0]):
        sys.stderr.write("told late\n")
        shown[0] = False
    assert sys.stderr is before
    assert capsys.readouterr().err == "told late\n"
