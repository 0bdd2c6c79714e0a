"""`make demo` ends as the command does: with 0 after Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# It asks for the signal: a handler that runs just before a sleep is begun does not end the sleep.
ENDS_IN_ORDER = """
import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
print("ready", flush=True)
signal.sigwait([signal.SIGINT])
print("ended in order", flush=True)
sys.exit(int(sys.argv[1]))
"""


# Not by `pty.fork`: a copy of a process with threads may wait for ever.
TAKES_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""


def started(folder: Path, *words: str) -> tuple[subprocess.Popen[bytes], int]:
    """Words running in a terminal, whose other end is ours."""
    ours, theirs = os.openpty()
    running = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", TAKES_TERMINAL, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    return running, ours


def in_terminal(folder: Path, *words: str, typed: bytes) -> tuple[int, str]:
    """Run words in a terminal, type once they say `ready`: exit code, and all that was shown."""
    running, terminal = started(folder, *words)
    shown = b""
    while True:
        try:
            shown += os.read(terminal, 4096)
        except OSError:  # Linux: its last one has gone
            break
        if typed and b"ready" in shown:
            os.write(terminal, typed)
            typed = b""
    os.close(terminal)
    return running.wait(30), shown.decode()


def made(folder: Path, code: int) -> tuple[str, ...]:
    (folder / "program.py").write_text(ENDS_IN_ORDER)
    python = sys.executable
    recipe = f"\t@{python} -m tools.in_front {python} program.py {code}\n"
    (folder / "Makefile").write_text(f"demo:\n{recipe}")
    return ("make", "demo")


def test_after_ctrl_c_make_ends_as_the_program_does(tmp_path: Path) -> None:
    code, shown = in_terminal(tmp_path, *made(tmp_path, 0), typed=b"\x03")
    assert "ended in order" in shown
    assert code == 0
    assert "***" not in shown


def test_stopped_by_ctrl_z_and_resumed_it_still_hears_ctrl_c(tmp_path: Path) -> None:
    running, terminal = started(tmp_path, *made(tmp_path, 0))
    shown = b""
    while b"ready" not in shown:
        shown += os.read(terminal, 4096)
    os.write(terminal, b"\x1a")
    _, status = os.waitpid(running.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status), "as a shell sees it"
    os.killpg(running.pid, signal.SIGCONT)
    while os.tcgetpgrp(terminal) == running.pid:
        time.sleep(0.01)
    os.write(terminal, b"\x03")
    assert running.wait(30) == 0
    os.close(terminal)


def test_told_to_end_it_tells_the_command(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(ENDS_IN_ORDER)
    command = (sys.executable, "-m", "tools.in_front", sys.executable, "program.py", "0")
    running, terminal = started(tmp_path, *command)
    while b"ready" not in os.read(terminal, 4096):
        pass
    running.terminate()
    assert running.wait(30) == 128 + signal.SIGTERM
    os.close(terminal)


def test_what_failed_has_failed(tmp_path: Path) -> None:
    code, shown = in_terminal(tmp_path, *made(tmp_path, 5), typed=b"\x03")
    assert "ended in order" in shown
    assert code == 2, "make's own for it"
    assert "Error 5" in shown


def test_a_command_that_is_not_there_is_told(tmp_path: Path) -> None:
    command = (sys.executable, "-m", "tools.in_front", "no-such-program")
    code, shown = in_terminal(tmp_path, *command, typed=b"")
    assert (code, "no-such-program: No such file" in shown) == (127, True)


def test_without_a_terminal_it_is_the_command_itself() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tools.in_front", sys.executable, "-c", "raise SystemExit(7)"],
        cwd=ROOT,
        start_new_session=True,
        check=False,
    )
    assert ended.returncode == 7


def test_make_demo_is_run_so() -> None:
    made = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "-m tools.in_front $(bin)/micstream demo" in made
