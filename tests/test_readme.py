"""README is true: its commands run as they are pasted, in the room that it tells to begin with."""

from __future__ import annotations

import asyncio
import configparser
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from micstream.cli.lipsync import UNDECIDED
from testbed.program import environment, program
from testbed.sound import VirtualMicrophone
from testbed.speech import HELLO, SENTENCES
from testbed.waiting import wait_until
from tools import reference

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
HOME = "## A room to rehearse in"
OURS = "micstream "
CALL = re.compile(r"(?:^|\| )micstream ")
ENDLESS = {"live": "ready", "play": "ready", "stage": "http://"}
"""Commands that may run until Ctrl-C, and what they have said by when they work."""
DEVICE = '"USB"'
ESPEAK = f"""#!{sys.executable}
import shutil, sys
with open({str(HELLO)!r}, "rb") as speech:
    shutil.copyfileobj(speech, sys.stdout.buffer)
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    """What is to be typed of micstream, line by line, from the rehearsal's on; and what the text
    and the tables say that runs by itself."""
    told = README.partition(HOME)[2]
    typed = re.findall(r"^```sh\n(.*?)^```$", told, re.MULTILINE | re.DOTALL)
    lines = [re.sub(r"\s+#.*$", "", line) for block in typed for line in block.splitlines()]
    quoted = [word for word in re.findall(r"`([^`\n]+)`", told) if word.startswith(OURS)]
    return [line for line in dict.fromkeys([*lines, *quoted]) if CALL.search(line)]


def unit() -> configparser.ConfigParser:
    """The unit of systemd, read as strictly as systemd does."""
    (text,) = blocks("ini")
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[method-assign,assignment]
    parser.read_string(text)
    return parser


def test_the_rehearsal_comes_before_whatever_needs_a_room() -> None:
    first, *others = commands()
    assert first == "micstream demo --serve --avatars 2"
    assert len(others) > 15
    before = README.partition(HOME)[0]
    assert re.findall(r"^micstream .*$", before, re.MULTILINE) == ["micstream demo"]


def test_each_symptom_is_told() -> None:
    section = README.partition("## When something is wrong\n")[2].partition("\n## ")[0]
    told = re.findall(r"^\| \*\*(.+?)\*\* \|", section, re.MULTILINE)
    assert told == [
        "No sound",
        "Wrong microphone",
        "It stutters",
        "The avatar is silent",
        "It repeats itself",
        "Behind a proxy",
        "Over ssh",
        "In systemd",
    ]


def test_the_unit_starts_a_command_that_there_is() -> None:
    service = unit()["Service"]
    program_, *words = shlex.split(service["ExecStart"])
    assert program_.endswith("/.venv/bin/micstream")
    command = reference.commands()[words[0]]
    command.make_context(words[0], words[1:])
    assert service["WorkingDirectory"].startswith("%h/")
    assert service["Restart"] == "on-failure", "SIGTERM and q end with 0, and are no failure"
    assert service["RestartPreventExitStatus"] == "2"
    assert unit()["Install"]["WantedBy"] == "default.target"


@pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux's")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    place = tmp_path / "micstream.service"
    (text,) = blocks("ini")
    place.write_text(re.sub("ExecStart=.*", "ExecStart=/bin/true", text))
    said = subprocess.run(
        ["systemd-analyze", "--user", "verify", place], capture_output=True, text=True, check=False
    )
    assert "Unknown" not in said.stderr


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Programs that README calls, and the files that it names, in a folder `show`."""
    tools, show = tmp_path / "bin", tmp_path / "show"
    tools.mkdir()
    show.mkdir()
    for name, text in (
        ("micstream", f'#!/bin/sh\nexec {sys.executable} -m micstream "$@"\n'),
        ("espeak-ng", ESPEAK),
    ):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    (show / "assets").symlink_to(ROOT / "assets")
    for name in ("take1.wav", "rehearsal.wav"):
        shutil.copy(HELLO, show / name)
    shutil.copy(SENTENCES, show / "take2.flac")
    path = os.pathsep.join([str(tools), os.environ["PATH"]])
    yield environment(PATH=path, PYTHONPATH=str(ROOT), XDG_CONFIG_HOME=str(tmp_path / "config"))


async def pasted(line: str, folder: Path, env: dict[str, str]) -> str:
    """Run a line as a shell does; one without an end is interrupted once it works. All it said."""
    log = folder / "said"
    words = line.rsplit(OURS, maxsplit=1)[-1].split()
    with log.open("wb") as out:
        running = await asyncio.create_subprocess_exec(
            *("bash", "-c", line.replace(DEVICE, VirtualMicrophone.DEVICE)),
            cwd=folder,
            env=env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    kept = folder / line.partition("> ")[2] if "> " in line else log
    if (sign := ENDLESS.get(words[0])) is not None:
        kept.touch()

        def works() -> bool:
            return running.returncode is not None or sign in kept.read_text()

        with suppress(AssertionError):
            await wait_until(works, 30)
        if "--every" in words or "--loop" in words or words[0] != "play":
            with suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGINT)
    await asyncio.wait_for(running.wait(), 90)
    said = log.read_text() + (kept.read_text() if kept != log else "")
    # A machine that is busy draws late, and the mouth is judged by it.
    fine = (0, 1, UNDECIDED) if words[0] == "lipsync" else (0,)
    assert running.returncode in fine, f"{line}\n{said}"
    assert "Traceback" not in said, f"{line}\n{said}"
    return said


@pytest.mark.timeout(600)
@pytest.mark.room
@pytest.mark.sound
@pytest.mark.slow
@pytest.mark.usefixtures("server_binary")
async def test_each_command_of_it_runs_as_pasted(
    machine: dict[str, str], microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    env = {**microphone.env, **machine}
    first, *others = commands()
    show = tmp_path / "show"
    async with program(show, *first.split()[1:], "--json", env=env) as rehearsal:
        await rehearsal.until("rehearsal_open", 90)
        talking = asyncio.create_task(talk(microphone))
        try:
            for line in others:
                await pasted(line, show, env)
        finally:
            talking.cancel()
        rehearsal.send(signal.SIGINT)
        assert await rehearsal.ended() == 0


async def talk(microphone: VirtualMicrophone) -> None:
    """Somebody speaks, all the time."""
    while True:
        async with microphone.speaking(SENTENCES):
            await asyncio.sleep(30)
