"""`micstream lipsync measure` on films: verdicts, JSON, exit codes, and files that are none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from testbed.program import environment, run
from testbed.speech import HELLO
from tests.support.films import face, speech, write_film

pytestmark = pytest.mark.slow

ENV = environment(None)


async def test_films_are_measured_and_the_exit_code_is_the_worst(tmp_path: Path) -> None:
    good = write_film(tmp_path / "good.mp4", face(), speech(), late_s=0.03)
    bad = write_film(tmp_path / "bad.mp4", face(), speech(), late_s=-0.3)
    code, said = await run(tmp_path / "1", "lipsync", "measure", good, env=ENV)
    assert (code, said.stderr) == (0, "")
    assert said.stdout.startswith("good: ")
    assert "positive: the sound comes before the picture" in said.stdout
    code, both = await run(tmp_path / "2", "lipsync", "measure", good, bad, "--json", env=ENV)
    assert code == 1
    first, second = (json.loads(line) for line in both.stdout.splitlines())
    assert (first["verdict"], second["verdict"]) == ("good", "bad")
    assert first["offset_ms"] == pytest.approx(30, abs=25)
    assert second["offset_ms"] == pytest.approx(-300, abs=25)
    assert second["file"] == str(bad)
    strict = ("lipsync", "measure", good, "--fail-if", "5")
    assert (await run(tmp_path / "3", *strict, env=ENV))[0] == 1


async def test_a_still_picture_is_undecided(tmp_path: Path) -> None:
    still = write_film(tmp_path / "still.mp4", np.repeat(face()[:1], 750, axis=0), speech())
    code, said = await run(tmp_path / "1", "lipsync", "measure", still, env=ENV)
    assert code == 7
    assert said.stdout.startswith("undecided: ")


async def test_what_is_no_film_is_told(tmp_path: Path) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("no film")
    silent = write_film(tmp_path / "silent.mp4", face()[:30], None)
    for file, words in (
        (text, "cannot be read"),
        (tmp_path / "missing.mp4", "cannot be read: no such file"),
        (HELLO, "has no picture"),
        (silent, "has no sound"),
    ):
        code, said = await run(tmp_path / file.stem, "lipsync", "measure", file, env=ENV)
        assert code == 3
        assert words in said.stderr
        assert said.stdout == ""
    wrong = ("lipsync", "measure", silent, "--roi", "0.5,0.2")
    code, said = await run(tmp_path / "roi", *wrong, env=ENV)
    assert code == 2
    assert "shares" in said.stderr
