"""What `--help` tells, and that it is told quickly."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from micstream.cli import app
from micstream.cli.help import COMMANDS
from micstream.settings.table import KNOBS

ROOT = Path(__file__).resolve().parents[2]
RUNNER = CliRunner()

LOADED = """
import sys
from micstream.cli import app
try:
    app({arguments!r}, standalone_mode=False)
except SystemExit:
    pass
sys.stderr.write(" ".join(set({heavy!r}) & set(sys.modules)))
"""


def told(*arguments: str) -> str:
    """The page of help, on one line."""
    result = RUNNER.invoke(app, [*arguments, "--help"])
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
    assert set(COMMANDS) <= modules


def test_options_are_told_by_panel_with_range_and_variable() -> None:
    page = told("live")
    panels = list(dict.fromkeys(knob.panel for knob in KNOBS))
    assert [page.index(f"{panel}:") for panel in panels] == sorted(
        page.index(f"{panel}:") for panel in panels
    )
    assert "(default 100 ms; 0 to 5000; MICSTREAM_LEAD_MS)" in page
    assert "<=x<=" not in page
    for knob in KNOBS:
        assert knob.option in page
        assert knob.variable in page
    assert "--route, --voice" in page


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
    "arguments", [["--help"], *([name, "--help"] for name in COMMANDS)], ids=" ".join
)
def test_nothing_heavy_is_loaded_for_it(arguments: list[str]) -> None:
    heavy = ["aiohttp", "asyncio", "livekit", "numpy", "pydantic", "rich"]
    script = LOADED.format(arguments=arguments, heavy=heavy)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stderr == ""
    assert re.match(r"\s*Usage:", done.stdout)
