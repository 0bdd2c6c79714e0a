"""Signals as a person's shell leaves them, for programs that are started from here."""

from __future__ import annotations

import signal


def heed_signals() -> None:
    """Have what is started from here heed Ctrl-C and a closed terminal.

    A shell's background job ignores the one, a job of nohup the other, and so would all that it
    starts: a program that finds a signal ignored leaves it so.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
