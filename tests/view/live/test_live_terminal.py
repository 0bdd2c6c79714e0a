"""The live view in a real terminal: a shell, job control, a terminal that stands still."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from testbed.waiting import has_ended

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[3]


class Terminal:
    """A shell in a terminal of tmux's."""

    def __init__(self, name: str) -> None:
        self._name = name
        env = os.environ | {"PYTHONPATH": str(ROOT), "PS1": "> ", "TERM": "xterm-256color"}
        self._env = {key: value for key, value in env.items() if key != "TMUX"}
        self._do("new-session", "-d", "-x", "80", "-y", "24", "bash --norc --noprofile")
        self._do("set", "-g", "history-limit", "1000")

    def _do(self, *words: str) -> str:
        command = ["tmux", "-L", self._name, "-f", "/dev/null", *words]
        run = subprocess.run(
            command, env=self._env, cwd=ROOT, capture_output=True, timeout=20, check=False
        )
        return run.stdout.decode(errors="replace")

    def start(self, *options: str, env: str = "") -> None:
        """Run the show in it, and wait until it is seen."""
        self.type(f"{env} {sys.executable} -m tests.support.live_show {' '.join(options)}", "Enter")
        self.until("? help")

    def type(self, *keys: str) -> None:
        """Press these keys."""
        self._do("send-keys", *keys)

    def say(self, text: str) -> None:
        """Have the terminal send this, as it is."""
        self._do("send-keys", "-l", text)

    @property
    def styled(self) -> str:
        """What is seen, with its colours."""
        return self._do("capture-pane", "-p", "-e")

    @property
    def screen(self) -> str:
        """What is seen."""
        return self._do("capture-pane", "-p")

    def until(self, what: str, *, gone: str | None = None, timeout: float = 20) -> str:
        """Wait until it is seen, and something else is not."""
        end = time.monotonic() + timeout
        while True:
            screen = self.screen
            if what in screen and (gone is None or gone not in screen):
                return screen
            assert time.monotonic() < end, f"no {what!r}, or still {gone!r}:\n{screen}"
            time.sleep(0.05)

    def resize(self, columns: int, rows: int) -> None:
        """Make it another size."""
        self._do("resize-window", "-x", str(columns), "-y", str(rows))

    def flag(self, name: str) -> str:
        """A mode of the terminal: `alternate_on`, `cursor_flag`, `mouse_any_flag`."""
        return self._do("display-message", "-p", f"#{{{name}}}").strip()

    def kill(self) -> None:
        """Close it."""
        self._do("kill-server")


@pytest.fixture
def terminal(request: pytest.FixtureRequest) -> Iterator[Terminal]:
    terminal = Terminal(f"micstream-{os.getpid()}-{abs(hash(request.node.name)) % 10_000}")
    try:
        yield terminal
    finally:
        terminal.kill()


def put_back(terminal: Terminal) -> None:
    """The shell has its terminal as it was."""
    assert terminal.flag("alternate_on") == "0"
    assert terminal.flag("cursor_flag") == "1"
    assert terminal.flag("mouse_any_flag") == "0"
    terminal.type("echo it ech''oes", "Enter")
    terminal.until("it echoes")


def longest_gap_ms(screen: str) -> int:
    found = re.search(r"gap (\d+) ms", screen)
    assert found is not None, screen
    return int(found.group(1))


def test_a_key_a_click_the_help_and_the_end(terminal: Terminal) -> None:
    terminal.start()
    assert terminal.flag("alternate_on") == "1"
    terminal.type("m")
    screen = terminal.until("you are NOT heard")
    row = next(n for n, line in enumerate(screen.splitlines(), 1) if "m mute" in line)
    column = screen.splitlines()[row - 1].index("m mute") + 1
    terminal.say(f"\x1b[<0;{column};{row}M\x1b[<0;{column};{row}m")
    terminal.until("the next word is heard")
    terminal.type("?")
    terminal.until("space twice")
    terminal.type("?")
    terminal.until("? help", gone="space twice")
    terminal.type("q")
    screen = terminal.until("ended: ")
    assert "0 utterances" in screen
    put_back(terminal)


def test_it_stands_still_and_goes_on_with_its_whole_picture(terminal: Terminal) -> None:
    terminal.start()
    terminal.type("C-z")
    terminal.until("Stopped", gone="? help")
    put_back(terminal)
    terminal.type("fg", "Enter")
    terminal.until("? help")
    assert terminal.flag("alternate_on") == "1"
    assert "LISTENING" not in terminal.screen  # in big letters
    terminal.until("ready: the next word is heard")
    terminal.type("q")
    terminal.until("ended: ")


def test_in_the_background_it_leaves_the_terminal_alone(terminal: Terminal) -> None:
    terminal.start()
    terminal.type("C-z")
    terminal.until("Stopped")
    terminal.type("bg", "Enter")
    terminal.type("echo st''ill mine", "Enter")
    terminal.until("still mine", gone="? help")
    time.sleep(1.2)  # longer than it takes to draw by itself
    assert "? help" not in terminal.screen
    terminal.type("fg", "Enter")
    terminal.until("? help")
    terminal.type("q")
    terminal.until("ended: ")
    put_back(terminal)


def test_another_size_is_another_picture(terminal: Terminal) -> None:
    terminal.start()
    terminal.resize(40, 12)
    terminal.until("L I S T E N I N G")
    terminal.resize(100, 30)
    terminal.until("? help", gone="L I S T E N I N G")
    terminal.type("q")
    terminal.until("ended: ")


def test_it_asks_before_it_cuts_the_avatar_off_and_ctrl_c_does_not(terminal: Terminal) -> None:
    terminal.start("speaks")
    terminal.until("the audience hears")
    terminal.type("q")
    terminal.until("Quit, though the avatar speaks?")
    terminal.type("n")
    terminal.until("? help", gone="Quit, though")
    terminal.type("C-c")
    terminal.until("ended: ")
    put_back(terminal)


def test_a_terminal_that_takes_nothing_more_holds_up_neither_sound_nor_keys(
    terminal: Terminal,
) -> None:
    terminal.start()
    time.sleep(0.5)
    terminal.type("C-s")
    time.sleep(4)  # it stands still for so long
    terminal.type("m")  # a key is heard all the same, and shown once it can be
    time.sleep(0.3)
    terminal.type("C-q")
    terminal.until("you are NOT heard")
    terminal.type("q")
    assert longest_gap_ms(terminal.until("ended: ")) < 2_500
    put_back(terminal)


def test_what_libraries_write_is_not_over_the_picture_and_is_told_in_the_end(
    terminal: Terminal,
) -> None:
    terminal.start("noise")
    time.sleep(1.5)
    assert "complains" not in terminal.screen
    terminal.type("q")
    assert "a library complains" in terminal.until("ended: ")


def test_without_colour_it_is_told_by_words_and_reversed_signs(terminal: Terminal) -> None:
    terminal.start(env="NO_COLOR=1")
    terminal.until("ready: the next word is heard")
    styled = terminal.styled
    assert re.search(r"\x1b\[[\d;]*\b7m", styled)
    assert not re.search(r"\x1b\[[\d;]*\b([349][0-7]|[34]8)\b[\d;]*m", styled)
    terminal.type("q")
    terminal.until("ended: ")


def test_a_terminal_that_is_closed_ends_it(terminal: Terminal) -> None:
    terminal.start()
    (show,) = psutil.Process(int(terminal.flag("pane_pid"))).children()  # of its shell
    terminal.kill()
    end = time.monotonic() + 30
    while not has_ended(show):
        assert time.monotonic() < end, "it is still there"
        time.sleep(0.1)
