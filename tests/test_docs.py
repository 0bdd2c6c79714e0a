"""The documentation names what there is, and what there is has its help.

README.md and docs/ are one documentation: each thing is told somewhere in it.
"""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from typer.core import TyperOption

import micstream
from micstream import events
from micstream.cli.lipsync import UNDECIDED
from micstream.delivery.prebuffer import MAX_MS, STUTTER_MS
from micstream.errors import MicstreamError
from micstream.settings import table as knobs
from micstream.speech.events import EndReason
from micstream.speech.presets import TUNINGS
from tools import reference

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
DOCS = [README, *sorted((ROOT / "docs").glob("*.md"))]
PAGES = [*DOCS, ROOT / "GUARANTEES.md", *sorted((ROOT / "examples").glob("*/README.md"))]
WORDS_ONCE = 4_262
"""Words of the README before its details moved to docs/."""
LEFT_BEHIND = (
    "performances?",
    "conduct",
    "transit",
    "keeper",
    "patience",
    "by voice",
    "the voice is with",
    "holds? the line",
    "line (?:open|closed)",
    "exact zeros",
    "puts? us out",
    "shall not have",
)
"""Words that had several meanings, or had to be read twice."""

EACH = reference.commands()
GROUPS = {name.split()[0] for name in EACH}
OPTIONS = {
    name: {
        option
        for parameter in command.params
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    for name, command in EACH.items()
}
KINDS = [
    kind
    for kind in vars(events).values()
    if isinstance(kind, type) and issubclass(kind, events.Event) and kind.EVENT
]


def by_name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@cache
def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def doc(name: str) -> str:
    return text(ROOT / "docs" / f"{name}.md")


def blocks(page: Path, language: str) -> list[str]:
    """Its blocks of code in that language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text(page), re.MULTILINE | re.DOTALL)


def snippets(language: str) -> list[Any]:
    return [
        pytest.param(block, id=f"{by_name(page)}-{number}")
        for page in PAGES
        for number, block in enumerate(blocks(page, language), 1)
    ]


def rows(page: str) -> list[list[str]]:
    """The cells of all tables of a page, line by line, but for their heads."""
    lines = re.findall(r"^\| (.*) \|$", page.replace("| |", "|  |"), re.MULTILINE)
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)] for line in lines]


def quoted(cell: str) -> list[str]:
    """What stands between backticks."""
    return re.findall(r"`([^`]+)`", cell)


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


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_the_commands_and_options_of_a_page_are_real(page: Path) -> None:
    assert_real(text(page))


@pytest.mark.parametrize("block", snippets("sh"))
def test_what_is_to_be_typed_can_be_typed(block: str) -> None:
    checked = subprocess.run(
        ["bash", "-n"], input=block, text=True, capture_output=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    assert_understood(block)


@pytest.mark.parametrize("block", snippets("python"))
def test_a_program_of_the_documentation_names_what_there_is(block: str) -> None:
    for node in ast.walk(ast.parse(block)):
        if isinstance(node, ast.ImportFrom) and node.module == "micstream":
            assert {name.name for name in node.names} <= set(micstream.__all__)


def test_what_is_told_of_the_sender_is_there() -> None:
    told = set(re.findall(r"\bsender\.(\w+)", doc("python")))
    assert {"utterance", "speak", "listen"} <= told
    assert not {name for name in told if not hasattr(micstream.Sender, name)}


def test_the_readme_is_at_most_half_as_long_as_it_was() -> None:
    assert len(text(README).split()) <= WORDS_ONCE // 2


def test_the_documentation_names_every_command_and_option() -> None:
    told = doc("reference")
    assert not [name for name in EACH if f"### micstream {name}\n" not in told]
    options = {
        name
        for command in EACH.values()
        for each in reference.options(command)
        for name in (*each.opts, *each.secondary_opts)
    } - {"--help", "-h"}
    assert not [option for option in options if f"`{option}`" not in told]


def test_the_reference_is_what_the_commands_say() -> None:
    """Else: python -m tools.reference."""
    assert doc("reference") == reference.renewed(doc("reference"))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.EVENT)
def test_each_event_is_told_with_its_fields_and_their_values(kind: type[events.Event]) -> None:
    found = [cells for cells in rows(doc("events")) if cells[0] == f"`{kind.EVENT}`"]
    _, fields_told, words = found[0]
    own = {field.name for field in fields(kind)} - {"t"}
    if issubclass(kind, events.AvatarLinkEvent):
        own.add("avatar")
    assert sorted(quoted(fields_told)) == sorted(own)
    if kind is events.Dropped:  # its codes have a table of their own
        return
    for name, hint in get_type_hints(kind).items():
        if get_origin(hint) is Literal:
            lacking = set(get_args(hint)) - set(quoted(words))
            assert not lacking, f"{name}: {lacking}"


def test_there_is_no_event_that_is_told_and_does_not_exist() -> None:
    page = doc("events")
    told = [cells[0] for cells in rows(page) if len(cells) == 3 and "`" in cells[0]]
    names = {name for cell in told for name in quoted(cell)}
    codes = {*get_args(events.DropCode), "code"}
    assert names - codes | {"backlog", "interrupted"} == {kind.EVENT for kind in KINDS}


def test_each_reason_of_an_end_and_each_code_of_a_loss_is_told() -> None:
    page = doc("events")
    reasons = {str(reason) for reason in EndReason}
    (ended,) = (cells for cells in rows(page) if cells[0] == "`utterance_ended`")
    assert reasons <= set(quoted(ended[2]))
    losses = page.partition("## Why sound was dropped\n")[2].partition("\n## ")[0]
    told = [name for cells in rows(losses)[1:] for name in quoted(cells[0])]
    assert told == list(get_args(events.DropCode))


def test_each_warning_is_told_and_no_other() -> None:
    section = doc("troubleshooting").partition("## Warnings\n")[2]
    told = [name for cells in rows(section)[1:] for name in quoted(cells[0])]
    assert told == sorted(told)
    assert not warning_codes() - set(told)
    source = "".join(text(file) for file in (ROOT / "micstream").rglob("*.py"))
    assert not [code for code in told if f'"{code}"' not in source]


def warning_codes() -> set[str]:
    """The codes that are written out where a warning is made."""
    found = set()
    for file in (ROOT / "micstream").rglob("*.py"):
        for node in ast.walk(ast.parse(text(file))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Warned"):
                found |= {
                    str(given.value.value)
                    for given in node.keywords
                    if given.arg == "code" and isinstance(given.value, ast.Constant)
                }
    return found


@pytest.mark.parametrize("page", ["reference", "troubleshooting"])
def test_each_exit_code_is_told(page: str) -> None:
    told = [int(cells[0]) for cells in rows(doc(page)) if cells[0].isdigit()]
    codes = {kind.exit_code for kind in MicstreamError.__subclasses__()} | {UNDECIDED}
    assert told == sorted({0, MicstreamError.exit_code, *codes})


@pytest.mark.parametrize("page", DOCS, ids=by_name)
def test_each_variable_that_is_named_is_read_by_somebody(page: Path) -> None:
    named = set(re.findall(r"\b(?:MICSTREAM|LIVEKIT|AVALUMA|AVATAR|AGENT2)_[A-Z_0-9]+", text(page)))
    readers = [ROOT / "compose.yaml", ROOT / ".env.example", *(ROOT / "micstream").rglob("*.py")]
    read = "".join(map(text, readers))
    assert not [name for name in named if name not in read]


@pytest.mark.parametrize("page", DOCS, ids=by_name)
def test_the_words_are_those_of_the_glossary(page: Path) -> None:
    prose = text(page).partition("<!-- begin:")[0]
    assert not re.findall(rf"\b(?:{'|'.join(LEFT_BEHIND)})\b", prose)


def test_the_presets_are_told_as_they_are() -> None:
    table = doc("detection").partition("| `--preset`")[2].partition("\n\n")[0]
    told_rows = re.findall(
        r"^\| `--([a-z-]+)`.*?\| (.+?) \| (.+?) \| (.+?) \|$", table, re.MULTILINE
    )
    assert len(told_rows) == 9
    for option, *told in told_rows:
        for place, cell in zip(("studio", "room", "stage"), told, strict=True):
            tuning = TUNINGS["hybrid", place]
            name = {"vad-on": "on", "vad-off": "off"}.get(option, option.replace("-", "_"))
            meant = getattr(tuning if hasattr(tuning, name) else tuning.segmenter, name)
            assert float(cell) == pytest.approx(meant), f"--{option} in {place}"


def test_the_settings_example_explains_every_variable_and_no_other() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    named = re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE)
    names = {name for knob in knobs.KNOBS for name in (knob.variable, *knob.also)}
    assert sorted(named) == sorted(names)


def test_every_promise_names_tests_that_exist() -> None:
    page = (ROOT / "GUARANTEES.md").read_text(encoding="utf-8")
    promises = [line for line in page.splitlines() if re.match(r"\| (?!promise |input |---)", line)]
    assert len(promises) > 20
    for promise in promises:
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", promise.split("|")[2])
        assert named, f"no test: {promise}"
        for file, name in named:
            assert name in functions_of(ROOT / file), f"{file} has no {name}"


def functions_of(file: Path) -> set[str]:
    """All that it defines, in classes too, and that pytest takes for a test."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    found = {node.name for node in ast.walk(ast.parse(text(file))) if isinstance(node, kinds)}
    return {name for name in found if name.startswith("test_")}


def test_the_table_of_what_is_late_is_the_codes() -> None:
    page = doc("late-speech")
    told = re.findall(r"^\| `(\w+)`(, the default)? \|", page, re.MULTILINE)
    late = knobs.BY_NAME["late"]
    assert [name for name, _ in told] == list(late.choices)
    assert [name for name, default in told if default] == [late.default]
    for name in ("late_after", "late_bound", "max_backlog"):
        knob = knobs.BY_NAME[name]
        assert f"`{knob.option}` ({knob.default:g} {knob.unit})" in page
    assert f"{STUTTER_MS} ms or more, to {MAX_MS} ms at most" in page
    assert f"to {MAX_MS} at most" in knobs.BY_NAME["lead_ms"].help


def test_the_exports_are_exact() -> None:
    assert micstream.__all__ == sorted(micstream.__all__, key=str)
    for name in micstream.__all__:
        assert getattr(micstream, name).__doc__, name
    assert set(micstream.__all__) == {*micstream._HOME, "events"}
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = micstream.nonsense
    assert "livekit" not in vars(micstream)


def command_of(words: list[str]) -> str | None:
    """The command that is called, of one word or two."""
    two = " ".join(words[:2])
    return two if two in EACH else next((word for word in words[:1] if word in EACH), None)


def assert_real(page: str) -> None:
    """Every `micstream COMMAND --option ...` in it exists, and so do the values it chooses."""
    mentions = re.findall(r"\bmicstream ([a-z]+)((?:[ \t]+[^\s|&;`]+)*)", page)
    for name, rest in mentions:
        command = command_of([name, *rest.split()])
        if command is None:
            continue  # a sentence about it
        used = re.findall(r"(?<!\S)(--?[a-z][a-z-]*)", rest)
        unknown = [
            option
            for option in used
            if option not in OPTIONS[command] | {"--help", "--help-all", "-h"}
        ]
        assert not unknown, f"micstream {command} has no {unknown}"
    for option, value in re.findall(r"`(--[a-z][a-z-]*)(?: ([\w.-]+))?", page):
        everywhere = {"--help", "--help-all", "--version"}.union(*OPTIONS.values())
        assert option in everywhere, f"no command has {option}"
        chosen = choices_of(option)
        assert not (value and chosen) or value in chosen, f"{option} is never {value}"
    for word in re.findall(r"^\s*(?:\$ )?micstream (\S+)", page, re.MULTILINE):
        assert word in GROUPS or word.startswith("-"), f"there is no micstream {word}"


def choices_of(option: str) -> set[str]:
    """The words that an option can be set to; none where it takes anything."""
    found = set()
    for command in EACH.values():
        for each in reference.options(command):
            if option in each.opts:
                found |= set(reference.choices(each))
    return found


def assert_understood(script: str) -> None:
    """Every call of micstream in a script is one that its command line takes."""
    plain = re.sub(r"\\\n", " ", script)
    plain = re.sub(r"(?<=\s)#.*$", "", plain, flags=re.MULTILINE)
    for call in re.findall(r"(?:^|[|&;(])\s*(?:\w+=\S+ )*micstream ([^|&;<>\n]+)", plain, re.M):
        words = shlex.split(call.rstrip(")"))
        command = command_of(words)
        assert command is not None, call
        arguments = words[len(command.split()) :]
        EACH[command].make_context(command, arguments, resilient_parsing=False)
