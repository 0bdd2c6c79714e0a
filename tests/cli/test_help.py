"""What `--help` tells, and that it is told quickly."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from micstream.cli.app import app
from micstream.cli.help import COMMANDS, is_rare
from micstream.settings.table import KNOBS
from tools import reference

ROOT = Path(__file__).resolve().parents[2]
RUNNER = CliRunner()

LOADED = """
import sys
from micstream.cli.app import app
try:
    app({arguments!r}, standalone_mode=False)
except SystemExit:
    pass
sys.stderr.write(" ".join(set({heavy!r}) & set(sys.modules)))
"""


def told(*arguments: str, every: bool = False) -> str:
    """The page of help, on one line; `every`: the one with all options."""
    result = RUNNER.invoke(app, [*arguments, "--help-all" if every else "--help"])
    assert result.exit_code == 0
    return " ".join(result.output.split())


def test_every_command_is_listed_with_its_own_first_sentence() -> None:
    page = told()
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        first = " ".join(command.help.partition("\n\n")[0].split())
        assert first.startswith(COMMANDS[name].removesuffix("."))
        assert f"{name} {COMMANDS[name]}" in page


def test_every_command_is_a_module_of_its_own() -> None:
    modules = {file.stem for file in (ROOT / "micstream/cli").glob("*.py")}
    assert {name.replace("-", "_") for name in COMMANDS} <= modules


def test_options_are_told_by_panel_with_range_and_variable() -> None:
    page = told("live", every=True)
    panels = list(dict.fromkeys(knob.panel for knob in KNOBS))
    assert [page.index(f"{panel}:") for panel in panels] == sorted(
        page.index(f"{panel}:") for panel in panels
    )
    assert "(default 110 ms; 0 to 5000; MICSTREAM_LEAD_MS)" in page
    assert "<=x<=" not in page
    for knob in KNOBS:
        assert knob.option in page
        assert knob.variable in page
    assert "--route, --voice" in page


@pytest.mark.parametrize("command", ["live", "play", "pipe", "avatar start", "stage"])
def test_the_help_is_what_people_use_and_says_how_to_see_the_rest(command: str) -> None:
    words = command.split()
    short, whole = told(*words), told(*words, every=True)
    own = {
        option
        for parameter in reference.commands()[command].params
        if not is_rare(parameter)
        for option in parameter.opts
        if option.startswith("--")
    }
    options = set(re.findall(r"(?<!\S)--[a-z][a-z-]+", short)) - {"--help", "--help-all"}
    assert own <= options
    settings = {knob.option for knob in KNOBS} & options
    assert len(settings) <= 13
    assert f"more options: micstream {command} --help-all" in short.replace("root ", "micstream ")
    assert "LIVEKIT_URL" in short
    assert "more options" not in whole
    assert len(short) < len(whole)
    assert "--api-key" not in short
    assert "--api-key" in whole


def test_all_of_the_help_is_told_before_anything_is_missing() -> None:
    """`play` needs a FILE; who asks for help has none yet."""
    assert "--every" in told("play", every=True)


def test_a_command_without_rare_options_has_one_help() -> None:
    assert "--help-all" not in told("cut") or "more options" in told("cut")
    assert RUNNER.invoke(app, ["devices", "--help-all"]).exit_code in (0, 2)


def test_a_range_that_no_words_tell_is_told() -> None:
    assert "[default: 3.0; 1<=x<=60]" in told("calibrate")


def test_what_is_no_command_is_refused_with_a_guess() -> None:
    result = RUNNER.invoke(app, ["lve"])
    assert result.exit_code == 2
    assert "Did you mean 'live'?" in result.output


@pytest.mark.parametrize("variable", ["NO_COLOR", "TERM"])
def test_without_colours_where_none_are_wanted(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert "\x1b[1m" in RUNNER.invoke(app, ["--help"], color=True).output
    monkeypatch.setenv(variable, "dumb")
    assert "\x1b" not in RUNNER.invoke(app, ["--help"], color=True).output


@pytest.mark.parametrize(
    "arguments",
    [["--help"], *([name, "--help"] for name in COMMANDS), ["live", "--help-all"]],
    ids=" ".join,
)
def test_nothing_heavy_is_loaded_for_it(arguments: list[str]) -> None:
    heavy = ["aiohttp", "asyncio", "livekit", "numpy", "pydantic", "rich"]
    script = LOADED.format(arguments=arguments, heavy=heavy)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stderr == ""
    assert re.match(r"\s*Usage:", done.stdout)
