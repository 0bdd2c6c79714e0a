"""The documentation names what there is, and what there is has its help."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import typer.main
from typer.core import TyperGroup, TyperOption

import micstream
from micstream import events
from micstream.cli import app
from micstream.delivery.prebuffer import MOST_MS, STUTTER_MS
from micstream.settings import table as knobs
from micstream.speech.presets import TUNINGS

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "GUARANTEES.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "examples").glob("*/README.md")),
]

GROUP = typer.main.get_command(app)
assert isinstance(GROUP, TyperGroup)
COMMANDS = GROUP.commands
PARTS = {
    f"{name} {part}": command
    for name, group in COMMANDS.items()
    if isinstance(group, TyperGroup)
    for part, command in group.commands.items()
}
EACH = {**COMMANDS, **PARTS}
OPTIONS = {
    name: {
        option
        for parameter in command.params
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    for name, command in EACH.items()
}


@pytest.mark.parametrize("name", EACH)
def test_each_command_explains_itself(name: str) -> None:
    command = EACH[name]
    words, _, examples = (command.help or "").partition("Examples:")
    assert len(words.split()) > 5
    assert f"micstream {name}" in examples
    for parameter in command.params:
        if isinstance(parameter, TyperOption):
            assert parameter.help, parameter.name


@pytest.mark.parametrize("name", EACH)
def test_the_examples_in_the_help_are_real(name: str) -> None:
    assert_real(EACH[name].help or "")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_and_options_of_a_page_are_real(page: Path) -> None:
    assert_real(page.read_text(encoding="utf-8"))


def test_the_readme_names_every_command() -> None:
    readme = PAGES[0].read_text(encoding="utf-8")
    missing = [name for name in EACH if f"micstream {name}" not in readme]
    assert not missing


def test_the_readme_names_every_event() -> None:
    readme = PAGES[0].read_text(encoding="utf-8")
    kinds = [kind for kind in vars(events).values() if isinstance(kind, type)]
    names = {kind.EVENT for kind in kinds if issubclass(kind, events.Event)} - {""}
    assert "bye" in names
    assert not [name for name in names if f"`{name}`" not in readme]


def test_the_readme_tells_the_presets_as_they_are() -> None:
    table = PAGES[0].read_text(encoding="utf-8").partition("| `--preset`")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| `--([a-z-]+)`.*?\| (.+?) \| (.+?) \| (.+?) \|$", table, re.MULTILINE)
    assert len(rows) == 9
    for option, *told in rows:
        for place, cell in zip(("studio", "room", "stage"), told, strict=True):
            tuning = TUNINGS["hybrid", place]
            name = {"vad-on": "on", "vad-off": "off"}.get(option, option.replace("-", "_"))
            meant = getattr(tuning if hasattr(tuning, name) else tuning.segmenter, name)
            assert float(cell) == pytest.approx(meant), f"--{option} in {place}"


def test_the_settings_example_explains_every_variable_and_no_other() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    named = re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE)
    names = {name for knob in knobs.KNOBS for name in (knob.variable, knob.also) if name}
    assert sorted(named) == sorted(names)


def test_every_promise_names_tests_that_exist() -> None:
    page = (ROOT / "GUARANTEES.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if re.match(r"\| (?!promise |input |---)", line)]
    assert len(rows) > 20
    for row in rows:
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row.split("|")[2])
        assert named, f"no test: {row}"
        for file, name in named:
            assert name in functions_of(ROOT / file), f"{file} has no {name}"


def functions_of(file: Path) -> set[str]:
    """All that it defines, in classes too, and that pytest takes for a test."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    found = {
        node.name
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, kinds)
    }
    return {name for name in found if name.startswith("test_")}


def test_the_table_of_what_is_late_is_the_codes() -> None:
    readme = PAGES[0].read_text(encoding="utf-8")
    section = readme.partition("## When something is late\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)`(, the default)? \|", section, re.MULTILINE)
    late = knobs.BY_NAME["late"]
    assert [name for name, _ in rows] == list(late.choices)
    assert [name for name, default in rows if default] == [late.default]
    for name in ("late_after", "late_bound", "max_backlog"):
        knob = knobs.BY_NAME[name]
        assert f"`{knob.option}` ({knob.default:g} {knob.unit})" in section
    assert f"{STUTTER_MS} ms or more, to {MOST_MS} ms at most" in section
    assert f"to {MOST_MS} at most" in knobs.BY_NAME["lead_ms"].help


def test_the_exports_are_exact() -> None:
    assert micstream.__all__ == sorted(micstream.__all__, key=str)
    for name in micstream.__all__:
        assert getattr(micstream, name).__doc__, name
    assert set(micstream.__all__) == {*micstream._HOME, "events"}
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = micstream.nonsense
    assert "livekit" not in vars(micstream)


def assert_real(text: str) -> None:
    """Every `micstream COMMAND --option ...` in it exists."""
    mentions = re.findall(r"\bmicstream ([a-z]+)((?:[ \t]+[^\s|&;`]+)*)", text)
    for name, rest in mentions:
        if name not in COMMANDS:
            continue  # a sentence about it
        part = f"{name} {(rest.split() or [''])[0]}"
        command = part if part in EACH else name
        used = re.findall(r"(?<!\S)(--?[a-z][a-z-]*)", rest)
        unknown = [option for option in used if option not in OPTIONS[command] | {"--help", "-h"}]
        assert not unknown, f"micstream {command} has no {unknown}"
    for option in re.findall(r"`(--[a-z][a-z-]*)", text):
        everywhere = {"--help", "--version"}.union(*OPTIONS.values())
        assert option in everywhere, f"no command has {option}"
    for line in re.findall(r"^\s*(?:\$ )?micstream (\S+)", text, re.MULTILINE):
        assert line in COMMANDS or line.startswith("-"), f"there is no micstream {line}"
