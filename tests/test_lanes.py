"""The run of the tests itself: what comes first, what shares a process, how it closes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.lanes import NICE, Kind, kind

ROOT = Path(__file__).resolve().parents[1]
PASSES = "def test_passes(): pass\n"
FAILS = "def test_fails(): assert 1 == 2\n"
ABORTS_AT_EXIT = """
import atexit, os, threading

class Library:
    def __del__(self): os.abort()

left_to_the_end = Library()
"""


@pytest.mark.parametrize(
    ("markers", "is_of"),
    [
        ((), Kind.PURE),
        (("parametrize", "asyncio"), Kind.PURE),
        (("room", "sound"), Kind.KEEPS_TIME),
        (("sound",), Kind.KEEPS_TIME),
        (("room", "slow", "browser"), Kind.KEEPS_TIME),
        (("room", "slow"), Kind.LONG),
        (("room",), Kind.REAL),
        (("slow", "terminal"), Kind.LONG),
        (("slow",), Kind.LONG_PURE),
    ],
)
def test_what_kind_it_is(markers: tuple[str, ...], is_of: Kind) -> None:
    assert kind(markers) is is_of


def run(folder: Path, *arguments: str, **files: str) -> subprocess.CompletedProcess[str]:
    """`python -m tests` on files of its own, with the project's settings and hooks."""
    for name, text in files.items():
        (folder / f"test_{name}.py").write_text(text)
    (folder / "conftest.py").write_text("from tests.support.lanes import *\n")
    command = [sys.executable, "-m", "tests", "-c", str(ROOT / "pyproject.toml"), str(folder)]
    return subprocess.run(
        [*command, "-p", "no:cacheprovider", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("processes", [(), ("-n", "0")])
def test_it_closes_as_pytest_does(tmp_path: Path, processes: tuple[str, ...]) -> None:
    done = run(tmp_path, *processes, good=PASSES, bad=FAILS)
    last = done.stdout.splitlines()[-1]
    assert re.fullmatch(r"=+ 1 failed, 1 passed in [0-9.]+s =+", last), done.stdout
    assert done.returncode == 1
    assert re.search(r"^FAILED \S*test_bad.py::test_fails - ", done.stdout, re.MULTILINE)


def test_a_library_that_aborts_as_the_process_ends_fails_nothing(tmp_path: Path) -> None:
    done = run(tmp_path, one=ABORTS_AT_EXIT + PASSES, two=ABORTS_AT_EXIT + PASSES)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout.splitlines()[-1]
    assert "Abort" not in done.stderr


TELLS = """
import os, time, pytest
def tell(name):
    with open({told!r}, "a") as file:
        print(name, os.environ["PYTEST_XDIST_WORKER"], os.nice(0), file=file)
    time.sleep(0.05)
"""
TIMED = """
@pytest.mark.sound
@pytest.mark.parametrize("name", ["a", "b", "c"])
def test_sound(name): tell("timed")
@pytest.fixture
def chromium(): pass
@pytest.mark.slow
def test_browser(chromium): tell("timed")
@pytest.mark.room
def test_room(): tell("room")
"""
PURE = """
@pytest.mark.parametrize("number", range(9))
def test_pure(number): tell("pure")
@pytest.mark.slow
def test_long(): tell("pure")
"""


def told_by(folder: Path, processes: int) -> list[tuple[str, str, int]]:
    """Of each test of those above: its kind, the worker, and how nice that was."""
    told = folder / "told"
    by_name = TELLS.format(told=str(told))
    files = {"a": by_name + TIMED, "b": by_name + TIMED, "z": by_name + PURE}
    done = run(folder, "-n", str(processes), **files)
    assert done.returncode == 0, done.stdout
    lines = [line.split() for line in told.read_text().splitlines()]
    assert sorted(name for name, *_ in lines) == ["pure"] * 10 + ["room"] * 2 + ["timed"] * 8
    assert len({worker for name, worker, _ in lines if name == "timed"}) == 1
    return [(name, worker, int(nice)) for name, worker, nice in lines]


def test_of_two_processes_both_begin_with_the_pure_ones(tmp_path: Path) -> None:
    told = told_by(tmp_path, 2)
    for each in ("gw0", "gw1"):  # what one begins does not wait for what the other is at
        ours = [name for name, worker, _ in told if worker == each]
        assert ours[0] == "pure"
        assert ours[:-1] == sorted(ours[:-1], key=lambda name: name != "pure")
    assert {nice for *_, nice in told} == {os.nice(0)}


def test_one_more_takes_the_pure_ones_where_nobody_else_wants_the_processor(tmp_path: Path) -> None:
    told = told_by(tmp_path, 3)
    behind = [(name, nice) for name, worker, nice in told if worker == "gw2"]
    assert {name for name, _ in behind} == {"pure"}
    assert {nice for _, nice in behind} == {min(19, os.nice(0) + NICE)}
    for each in ("gw0", "gw1"):
        ours = [name for name, worker, _ in told if worker == each]
        assert ours == sorted(ours, key=lambda name: name == "pure")


def test_where_one_dies_in_the_background_the_others_take_what_it_had(tmp_path: Path) -> None:
    dies = """
import os, time
def test_dies():
    if os.environ["PYTEST_XDIST_WORKER"] == "gw2":
        time.sleep(1)  # the others are told to end meanwhile
        os._exit(3)
"""
    real = "import pytest\n@pytest.mark.room\ndef test_room(): pass\n"
    files = {"a": dies, "b": PASSES, "c": PASSES, "r": real, "s": real}
    done = run(tmp_path, "-n", "3", **files)
    assert "1 failed, 4 passed" in done.stdout.splitlines()[-1], done.stdout


def test_a_single_one_that_keeps_time_is_run(tmp_path: Path) -> None:
    sound = "import pytest\n@pytest.mark.sound\ndef test_sound(): pass\n"
    done = run(tmp_path, "-n", "3", one=sound)
    assert "1 passed" in done.stdout.splitlines()[-1], done.stdout


HANGS = """
def test_hangs():
    while True: pass
"""
DEAF = """
import signal, time
def test_deaf():
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    while True: time.sleep(1)
"""


def test_one_that_hangs_fails_is_named_at_once_and_holds_up_no_other(tmp_path: Path) -> None:
    limits = ("-o", "timeout=1", "-o", "faulthandler_timeout=3")
    done = run(tmp_path, *limits, hangs=HANGS, deaf=DEAF, z=PASSES)
    assert re.search(r"^ +\d+ s  FAILED  \S*::test_hangs$", done.stdout, re.MULTILINE), done.stdout
    assert re.search(r"worker 'gw\d' crashed while running '\S*::test_deaf", done.stdout)
    assert "2 failed, 1 passed" in done.stdout.splitlines()[-1], done.stdout
