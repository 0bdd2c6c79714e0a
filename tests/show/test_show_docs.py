"""What docs/show.md and docs/show-recipes.md say is true: files, verbs, addresses, commands."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
import soundfile
from pythonosc.osc_message_builder import OscMessageBuilder

from micstream.cli.keymap import KEYS, QUIT, ROUTE, Keymap
from micstream.cue_desk import OnePerformer
from micstream.show import key_file, osc_words, show_file
from micstream.show.cue import Cue, Show
from micstream.show.key_file import RunningShow, announced
from micstream.show.osc import HELD_S
from micstream.show.osc_words import STATE, Asked, Subscribe, asked, feedback
from micstream.show.show_file import SOUNDS, load_show
from micstream.state import State
from micstream.verbs import VERBS
from testbed.program import environment, run
from tests.support.desk import KEY, Desk
from tests.support.desk import desk as served
from tests.test_docs import blocks, doc, quoted, rows

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("show", "show-recipes")
CUES = (Cue("applause", bytes(64_000)), Cue("the end", bytes(64_000)))
NAMES = tuple(cue.name for cue in CUES)
ADDRESSES = sorted(
    {found for page in PAGES for found in re.findall(r"/micstream/[\w/%]+", doc(page))}
)
SAMPLES = {"1": 1, "2": 2, "60": 60, "0": 0, "9001": 9001}


def part(page: str, heading: str) -> str:
    """What stands below a heading, up to the next one."""
    text = doc(page).partition(f"## {heading}\n")[2].partition("\n## ")[0]
    assert text, heading
    return text


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with served(Show(CUES)) as (ours, _):
        yield ours


# ---- the show's file -----------------------------------------------------------------------------


def toml_blocks() -> list[str]:
    return blocks(ROOT / "docs/show.md", "toml")


@pytest.mark.parametrize("text", toml_blocks())
def test_a_shows_file_of_the_documentation_is_read_without_a_problem(
    text: str, tmp_path: Path
) -> None:
    for name in re.findall(r'^file = "(.+?)"', text, re.MULTILINE):
        place = tmp_path / name
        place.parent.mkdir(exist_ok=True)
        soundfile.write(place, np.zeros(800), 16_000, format=place.suffix[1:].upper())
    (tmp_path / "show.toml").write_text(text)
    show = load_show(str(tmp_path / "show.toml"))
    assert len(show.cues) >= 4
    assert not [cue.problem for cue in show.cues if cue.problem]


@pytest.mark.parametrize(
    ("head", "model"), [("file", "_File"), ("cue", "_Entry"), ("message", "_Message")]
)
def test_every_setting_of_a_shows_file_is_told_and_no_other(head: str, model: str) -> None:
    table = part("show", "The show's file").partition(
        f"| of {'the' if head == 'file' else 'a'} {head} |"
    )[2]
    told = [cells[0].strip("`") for cells in rows(table.partition("\n\n")[0]) if "`" in cells[0]]
    assert sorted(told) == sorted(getattr(show_file, model).model_fields)


def test_the_limits_of_a_shows_file_are_told_as_they_are() -> None:
    text = part("show", "The show's file")
    entry = show_file._Entry.model_json_schema()["properties"]
    assert (entry["gain_db"]["minimum"], entry["gain_db"]["maximum"]) == (-60, 24)
    assert "-60 to 24" in text
    assert (entry["fade_ms"]["default"], entry["fade_ms"]["maximum"]) == (200, 10_000)
    assert "0 to 10000" in text
    assert entry["name"]["maxLength"] == 60
    assert "60 characters at most" in text
    assert (show_file._MAX_CUES, show_file._MAX_S, show_file._MAX_TOTAL_S) == (500, 600, 3_600)
    kinds = {"WAV", "FLAC", "MP3", "Ogg", "Opus", "AIFF"}
    assert all(kind in text for kind in kinds)
    assert {f".{kind.lower()}" for kind in kinds} <= set(SOUNDS)


# ---- the verbs -----------------------------------------------------------------------------------


def test_the_verbs_are_told_as_they_are() -> None:
    table = part("show", "The verbs").partition("**Keys**")[0]
    told = {quoted(cells[0])[0]: cells[1] for cells in rows(table) if quoted(cells[0])}
    assert list(told) == list(VERBS)
    words = {"switch": "on, off, toggle", "hold": "on, off", "nothing": "", "text": "a text"}
    for verb in VERBS.values():
        assert told[verb.name].startswith(words.get(verb.takes, "")), verb.name


def test_the_keys_are_told_as_they_are() -> None:
    table = part("show", "The verbs").partition("**Keys**")[2].partition("**By command**")[0]
    told = {quoted(cells[0])[0]: cells[1] for cells in rows(table) if quoted(cells[0])}
    letters = {key for key in (*KEYS, *QUIT, ROUTE) if key.isprintable()}
    assert letters | {"1"} == set(told)
    sheet = part("show", "The sheet to print")
    for key, (verb, _) in KEYS.items():
        word = {"cue": "stop"}.get(verb, verb)
        assert word in told[key]
        assert re.search(rf"\b{key} {word}\b", sheet), key


@pytest.mark.parametrize("text", toml_blocks())
def test_the_keys_of_a_shows_file_are_none_that_are_taken(text: str, tmp_path: Path) -> None:
    (tmp_path / "show.toml").write_text(text)
    show = load_show(str(tmp_path / "show.toml"))
    keymap = Keymap(cues=[(cue.name, cue.key) for cue in show.cues], own=show.keys)
    assert keymap.press("x") == ("panic", None)
    assert keymap.press("a") == ("cue", "applause")
    assert keymap.press("3") == ("cue", "the end")


def ctl_lines() -> Iterator[str]:
    for page in PAGES:
        text = "".join(blocks(ROOT / f"docs/{page}.md", "sh"))
        sheet = part("show", "The sheet to print") if page == "show" else ""
        for line in re.findall(r"micstream ctl ([^\n#|>]+?)(?:\s{2,}|$)", f"{text}{sheet}", re.M):
            yield line.strip()


class Performing(OnePerformer):
    """Several, in a documentation that names them."""

    names = ("anna", "ben")


@pytest.mark.slow
def test_each_command_of_the_documentation_does_what_it_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As a person types it; a process each."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    lines = sorted(set(ctl_lines()) - {"watch"})
    assert len(lines) > 10

    async def scenario() -> None:
        async with served(Show(CUES)) as (ours, _):
            ours.controls.voice = Performing()
            env = environment() | {"XDG_STATE_HOME": str(tmp_path / "state")}
            show = RunningShow(url=ours.url, key=KEY, room="show", pid=1, since=0.0)
            with ExitStack() as stack:
                stack.enter_context(announced(show))
                free = asyncio.Semaphore(4)

                async def typed(number: int, line: str) -> None:
                    async with free:
                        words = ("ctl", *shlex.split(line))
                        code, done = await run(tmp_path / str(number), *words, env=env)
                    assert code == 0, f"{line}: {done.stderr}"
                    assert done.stdout, line

                await asyncio.gather(*(typed(n, line) for n, line in enumerate(lines)))

    monkeypatch.setattr(key_file, "_is_alive", lambda _: True)
    asyncio.run(scenario())


def curl_lines() -> list[str]:
    return re.findall(r"^curl (.+)$", "".join(blocks(ROOT / "docs/show.md", "sh")), re.MULTILINE)


@pytest.mark.parametrize("line", curl_lines())
async def test_each_request_of_the_documentation_is_answered(desk: Desk, line: str) -> None:
    words = shlex.split(line.replace("KEY", KEY).replace("http://127.0.0.1:8421", desk.url))
    running = await asyncio.create_subprocess_exec(
        *("curl", "--silent", "--show-error", *words), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await running.communicate()
    assert json.loads(said)["ok"] is True, said


async def test_each_request_of_companions_recipe_is_answered(desk: Desk) -> None:
    recipe = part("show-recipes", "Companion by HTTP")
    header = json.loads(re.findall(r"```json\n(.+?)\n```", recipe, re.DOTALL)[0])
    header = {name: value.replace("KEY", KEY) for name, value in header.items()}
    requests = [cells for cells in rows(recipe) if cells[0] in ("GET", "POST")]
    assert len(requests) > 4
    async with aiohttp.ClientSession(headers=header) as client:
        for method, (path,), body in (
            (c[0], quoted(c[1]), "".join(quoted(c[2]))) for c in requests
        ):
            async with client.request(method, desk.url + path, data=body or None) as reply:
                assert (await reply.json())["ok"] is True, path


# ---- OSC -----------------------------------------------------------------------------------------


def test_each_address_that_is_told_is_understood() -> None:
    known = {f"{STATE}{name}" for name in ("level", "peak")}
    known |= set(feedback(State(), (*NAMES, "applause")))
    assert len(ADDRESSES) > 30
    for address in ADDRESSES:
        if address.startswith(STATE):
            assert address in known, address
        elif address not in ("/micstream/reply",):
            argument: list[Any] = [60] if "subscribe" in address else []
            if address.split("/")[2:] in (["cue"], ["route"]):
                argument = [1]
            if address.endswith("mark"):
                argument = ["act two"]
            said = asked(address, argument, NAMES)
            assert isinstance(said, Asked | Subscribe), address
            if isinstance(said, Asked) and said.verb == "cue" and isinstance(said.argument, str):
                assert said.argument in (*NAMES, "stop"), address


def test_every_verb_and_every_state_has_its_address_in_the_table() -> None:
    text = part("show-recipes", "OSC in a table")
    for verb in VERBS:
        assert f"`/micstream/{verb}`" in text
    for address in feedback(State(), ("applause",)):
        assert f"`{address}`" in text
    assert f"`{STATE}level`" in text
    words = {10.0: "ten seconds"}[HELD_S]
    assert words in text
    assert words.split()[0] in part("show", "The verbs").partition("**Keys**")[0]


def osc_lines() -> Iterator[tuple[str, list[Any]]]:
    """Messages of the recipes in QLab's way, and those of oscsend."""
    for line in blocks(ROOT / "docs/show-recipes.md", "text"):
        for message in line.splitlines():
            where, *values = shlex.split(message)
            yield where, [int(v) if v.isdigit() else v for v in values]
    sh = "".join(blocks(ROOT / "docs/show-recipes.md", "sh"))
    for said in re.findall(r"^oscsend 127.0.0.1 9000 ([^#\n]+)", sh, re.MULTILINE):
        where, *rest = shlex.split(said)
        types, values = (rest[0], rest[1:]) if rest else ("", [])
        kinds: dict[str, Any] = {"i": int, "s": str, "f": float}
        yield where, [kinds[kind](value) for kind, value in zip(types, values, strict=True)]


@pytest.mark.parametrize(("where", "values"), list(osc_lines()))
def test_each_message_of_a_recipe_does_something(where: str, values: list[Any]) -> None:
    builder = OscMessageBuilder(where)
    for value in values:
        builder.add_arg(value)
    assert builder.build().dgram
    assert isinstance(asked(where, values, NAMES), Asked | Subscribe)


def test_the_lua_of_touchosc_subscribes_as_it_must() -> None:
    (code,) = blocks(ROOT / "docs/show-recipes.md", "lua")
    (where,) = re.findall(r"'(/micstream/\w+)'", code)
    values = [int(value) for value in re.findall(r"value = (\d+)", code)]
    assert asked(where, values, NAMES) == Subscribe(60.0, 9001)


def test_the_lighting_desks_string_is_an_address_and_a_number() -> None:
    (said,) = re.findall(r"`(/micstream/[\w/]+)=(\d)`", part("show-recipes", "A lighting desk"))
    assert asked(said[0], [int(said[1])], NAMES) == Asked("cue", "applause")


def test_a_cues_address_is_told_as_it_is_made() -> None:
    assert osc_words.quoted("the end") == "the_end"
    assert asked("/micstream/cue/the_end", [1], NAMES) == Asked("cue", "the end")
