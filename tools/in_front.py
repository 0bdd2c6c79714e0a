"""Runs a command as a foreground job of its own, so that Ctrl-C reaches it and not `make`.

    python -m tools.in_front COMMAND [ARGUMENT...]

A make that gets Ctrl-C ends with 130, however well the command has ended. Without a terminal, or
in the background, the command is run as it is.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys

HEARD = {signal.SIGCHLD, signal.SIGCONT, signal.SIGTERM, signal.SIGHUP}
NOTHING_NEW = (0, 0)


def main(words: list[str]) -> int:
    """Run the command; its exit code, or 128 and the number of the signal that ended it."""
    terminal = _terminal()
    if terminal is None:
        os.execvp(words[0], words)
    # Whoever is no longer in front must be allowed to say who is.
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    # Asked for and not handled: a handler would not wake a wait that is just being begun.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        _run(words, terminal)
    with contextlib.suppress(PermissionError):  # it was quicker
        os.setpgid(child, child)
    while True:
        number = signal.sigwait(HEARD)
        if number == signal.SIGCONT:
            _resume(terminal, child)
        elif number != signal.SIGCHLD:
            os.kill(child, number)
        elif (status := os.waitpid(child, os.WUNTRACED | os.WNOHANG)) != NOTHING_NEW:
            _put_in_front(terminal, os.getpgrp())
            if not os.WIFSTOPPED(status[1]):
                code = os.waitstatus_to_exitcode(status[1])
                return code if code >= 0 else 128 - code
            os.killpg(os.getpgrp(), signal.SIGSTOP)  # Ctrl-Z: the shell is to see all of us stopped


def _resume(terminal: int, child: int) -> None:
    """After `fg` or `bg`, which speak to our group alone."""
    with contextlib.suppress(OSError):
        if os.tcgetpgrp(terminal) == os.getpgrp():
            os.tcsetpgrp(terminal, child)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGCONT)


def _terminal() -> int | None:
    """Descriptor of our terminal, where we are in front in it."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR)
        return terminal if os.tcgetpgrp(terminal) == os.getpgrp() else None
    except OSError:
        return None


def _run(words: list[str], terminal: int) -> None:
    os.setpgid(0, 0)
    _put_in_front(terminal, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.close(terminal)
    try:
        os.execvp(words[0], words)
    except OSError as error:
        sys.stderr.write(f"{words[0]}: {error.strerror}\n")
        os._exit(127)


def _put_in_front(terminal: int, group: int) -> None:
    with contextlib.suppress(OSError):  # the terminal may be gone
        os.tcsetpgrp(terminal, group)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
