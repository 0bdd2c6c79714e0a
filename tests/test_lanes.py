"""The run of the tests itself: what comes first, what shares a process, how it closes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.lanes import rank

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
    ("markers", "place"),
    [
        ((), 0),
        (("parametrize", "asyncio"), 0),
        (("room", "sound"), 1),
        (("sound",), 1),
        (("room", "slow", "browser"), 1),
        (("room", "slow"), 2),
        (("room",), 3),
    ],
)
def test_pure_comes_first_then_what_keeps_time_then_what_is_long(
    markers: tuple[str, ...], place: int
) -> None:
    assert rank(markers) == place


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


def test_what_keeps_time_has_one_process_and_pure_ones_come_first(tmp_path: Path) -> None:
    told = tmp_path / "told"
    by_name = f"""
import os, time, pytest
def tell(name):
    with open({str(told)!r}, "a") as file:
        print(name, os.environ["PYTEST_XDIST_WORKER"], file=file)
    time.sleep(0.05)
"""
    timed = """
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
    pure = """
@pytest.mark.parametrize("number", range(9))
def test_pure(number): tell("pure")
"""
    files = {"a": by_name + timed, "b": by_name + timed, "z": by_name + pure}
    done = run(tmp_path, "-n", "2", **files)
    assert done.returncode == 0, done.stdout
    told_by = [line.split() for line in told.read_text().splitlines()]
    names = [name for name, _ in told_by]
    assert sorted(names) == ["pure"] * 9 + ["room"] * 2 + ["timed"] * 8
    for each in ("gw0", "gw1"):  # what one begins does not wait for what the other is at
        ours = [name for name, worker in told_by if worker == each]
        assert ours == sorted(ours, key=lambda name: name != "pure")
    assert len({worker for name, worker in told_by if name == "timed"}) == 1
    assert len({worker for name, worker in told_by if name == "pure"}) == 2


def test_what_one_that_dies_last_had_is_run_by_another(tmp_path: Path) -> None:
    dies = """
import os, time
def test_dies():
    time.sleep(1)  # the other one is told to end meanwhile
    os._exit(3)
"""
    done = run(tmp_path, "-n", "2", a=dies, b=PASSES, c=PASSES, d=PASSES)
    assert "1 failed, 3 passed" in done.stdout.splitlines()[-1], done.stdout


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
