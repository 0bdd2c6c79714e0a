"""The terminal belongs to the job in its foreground: in the background it is left alone."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from micstream.cli.keymap import QUIT
from micstream.cli.terminal import ConsoleReader
from micstream.windows import NO_KEY, WindowsConsole, told_of_closing

READER = """
import asyncio, sys, time
from micstream.cli.terminal import TerminalReader
from micstream.cli.streams import stay_in_background
from micstream.signals import set_on_signals

class noted:
    file = open(sys.argv[1], "wb", buffering=0)

    def write(text):
        noted.file.write(text.encode())

async def main():
    stop = asyncio.Event()
    reader = TerminalReader(lambda text, _: noted.write(f"[{text}]"), stop.set, 0)
    with set_on_signals(stop), reader.reading():
        while not stop.is_set():
            noted.write(".")  # alive
            if "loud" in sys.argv:
                print("something", flush=True)
            await asyncio.wait([asyncio.create_task(stop.wait())], timeout=0.05)
    noted.write("end")

stay_in_background()
asyncio.run(main())
"""

_TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""


class Shell:
    """An interactive shell in a terminal, and a program in it that notes what it reads there."""

    def __init__(self, keyboard: int, folder: Path) -> None:
        self._keyboard = keyboard
        self._folder = folder
        self.screen = ""
        (folder / "reader.py").write_text(READER)

    def type(self, text: str) -> None:
        """Press these keys."""
        os.write(self._keyboard, text.encode())

    def until(self, what: Callable[[], bool], timeout: float = 20) -> None:
        """Wait for it, and read what is on the screen."""
        end = time.monotonic() + timeout
        while not what():
            assert time.monotonic() < end, f"{self.noted!r}\n{self.screen}"
            self.look()
            time.sleep(0.02)

    def look(self) -> None:
        """Read the screen."""
        try:
            while part := os.read(self._keyboard, 65_536):
                self.screen += part.decode(errors="replace")
        except BlockingIOError:
            pass

    def until_taken(self) -> None:
        """Wait until a program reads single keys, and has dropped what was typed before."""
        self.until(lambda: not termios.tcgetattr(self._keyboard)[3] & termios.ICANON)
        time.sleep(0.3)  # it drops that right behind

    def prompt(self, line: str) -> None:
        """Type a line, and wait for the shell to have done it."""
        count = self.screen.count("done>")
        self.type(f"{line}\n")
        self.until(lambda: self.screen.count("done>") > count)

    @property
    def noted(self) -> str:
        """What the program noted: `.` while it is alive, what it read in brackets."""
        place = self._folder / "noted"
        return place.read_text() if place.exists() else ""

    @property
    def read(self) -> str:
        """What it read."""
        return self.noted.replace(".", "")

    def alive(self) -> None:
        """It goes on, for some time."""
        before = self.noted.count(".")
        self.until(lambda: self.noted.count(".") > before + 6, 10)

    @property
    def command(self) -> str:
        """The program's command line."""
        return f"{sys.executable} {self._folder}/reader.py {self._folder}/noted"


@contextmanager
def a_shell(folder: Path, **more: str) -> Iterator[Shell]:
    keyboard, terminal = os.openpty()
    os.set_blocking(keyboard, False)
    env = {"PS1": "done>", "PATH": os.environ["PATH"], "TERM": "dumb", "HOME": str(folder)}
    env["PYTHONPATH"] = os.pathsep.join(sys.path)
    running = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _TAKE_TERMINAL, "bash", "--norc", "--noediting", "-i"],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env=env | more,
        cwd=folder,
        start_new_session=True,
    )
    os.close(terminal)
    with closing(os.fdopen(keyboard, "rb", closefd=True)):
        shell = Shell(keyboard, folder)
        shell.until(lambda: "done>" in shell.screen)
        yield shell
    running.kill()
    running.wait(10)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    with a_shell(tmp_path) as shell:
        yield shell


def test_ctrl_z_then_fg(shell: Shell) -> None:
    shell.type(f"{shell.command}\n")
    shell.alive()
    shell.type("m")
    shell.until(lambda: shell.read == "[m]")
    count = shell.screen.count("done>")
    shell.type("\x1a")
    shell.until(lambda: shell.screen.count("done>") > count)
    assert "Stopped" in shell.screen
    shell.prompt("stty -a")
    assert " icanon" in shell.screen
    assert " echo " in shell.screen
    shell.prompt("echo mmm")
    assert shell.read == "[m]", "what is typed meanwhile is the shell's"
    shell.type("fg\n")
    shell.alive()
    shell.type("t")
    shell.until(lambda: shell.read == "[m][t]")
    shell.type("\x03")
    shell.until(lambda: shell.noted.endswith("end"))


@pytest.mark.parametrize("how", ["", "loud"])
def test_in_the_background_it_goes_on_and_reads_nothing(shell: Shell, how: str) -> None:
    shell.prompt("stty tostop")
    shell.prompt(f"{shell.command} {how} &")
    shell.alive()
    shell.prompt("echo m t q")
    shell.alive()
    assert shell.read == ""
    assert "Stopped" not in shell.screen
    shell.type("fg\n")
    for _ in range(40):  # a job that runs is told nothing by bash: it has to look
        shell.type("m")
        shell.alive()
        if shell.read:
            break
    assert set(shell.read.split("[")) == {"", "m]"}
    read = shell.read
    shell.type("\x1a")
    shell.until(lambda: "Stopped" in shell.screen)
    shell.prompt("bg")
    shell.alive()
    shell.prompt("echo t")
    shell.prompt("kill %1")
    shell.until(lambda: shell.noted.endswith("end"))
    shell.prompt("stty -a")
    assert " icanon" in shell.screen, "the shell's terminal was left alone"
    assert shell.read == f"{read}end"


def test_stopped_by_a_signal_and_let_go_on_it_reads_again(shell: Shell) -> None:
    shell.type(f"{shell.command}\n")
    shell.alive()
    shell.type("\x1a")
    shell.until(lambda: "Stopped" in shell.screen)
    shell.prompt("bg")
    shell.alive()
    shell.prompt("kill -STOP %1")
    shell.type("fg\n")
    shell.alive()
    shell.type("m")
    shell.until(lambda: shell.read == "[m]")
    shell.type("\x1a")
    shell.until(lambda: shell.screen.count("Stopped") > 1)
    shell.prompt("bg; kill %1")
    shell.until(lambda: shell.noted.endswith("end"))


class FakeConsole(WindowsConsole):
    """Windows' console, with keys that are pressed in a test."""

    def __init__(self, keys: str, mode: int | None = 7) -> None:
        self._keys = iter(keys)
        self._mode = mode
        self.modes: list[int] = []
        self.handle: Callable[[int], bool] | None = None
        self.more = threading.Event()

    def read_key(self) -> str:
        key = next(self._keys, None)
        if key is None:
            self.more.wait()
            return NO_KEY
        return key

    def mode(self) -> int | None:
        return self._mode

    def set_mode(self, mode: int) -> None:
        self.modes.append(mode)

    def add_handler(self, handle: Callable[[int], bool]) -> Callable[[], object]:
        self.handle = handle

        def remove() -> None:
            self.handle = None

        return remove


@contextmanager
def released(console: FakeConsole) -> Iterator[FakeConsole]:
    try:
        yield console
    finally:
        console.more.set()


async def test_windows_keys_come_in_order_and_the_console_is_put_back() -> None:
    got: list[str] = []
    with released(FakeConsole("m\xe0Q\x03")) as console:
        with ConsoleReader(lambda text, _: got.append(text), console).reading():
            async with asyncio.timeout(5):
                while len(got) < 4:  # noqa: ASYNC110 - a thread brings them
                    await asyncio.sleep(0.01)
        assert got == ["m", "\xe0", "Q", "\x03"]
        assert console.modes == [7]
    assert "\x03" in QUIT, "while a key is waited for Ctrl-C is one"


@pytest.mark.parametrize("mode", [None, 7])
async def test_where_there_is_no_console_nothing_is_read_again_and_again(mode: int | None) -> None:
    got: list[str] = []
    console = FakeConsole(NO_KEY + "m", mode)
    with ConsoleReader(lambda text, _: got.append(text), console).reading():
        await asyncio.sleep(0.05)
    assert got == []


@pytest.mark.parametrize("event", [2, 5, 6])
def test_a_windows_console_that_is_closed_waits_for_our_end(event: int) -> None:
    console, told = FakeConsole(""), threading.Event()
    with told_of_closing(told.set, console):
        assert console.handle is not None
        assert console.handle(0) is console.handle(1) is False, "Ctrl-C and Ctrl-Break are Python's"
        assert not told.is_set()
        handler = threading.Thread(target=console.handle, args=(event,), daemon=True)
        handler.start()
        assert told.wait(5)
    assert handler.is_alive(), "who returns from it is ended at once"


def test_otherwise_its_handler_is_taken_away() -> None:
    console = FakeConsole("")
    with told_of_closing(lambda: None, console):
        assert console.handle is not None
    assert console.handle is None


def test_ctrl_break_ends_in_order_where_there_is_one() -> None:
    from micstream.signals import ENDING

    assert (getattr(signal, "SIGBREAK", signal.SIGTERM)) in ENDING
