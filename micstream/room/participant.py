"""A participant of the SDK that has not joined yet, and an end of the process that it survives."""

from __future__ import annotations

import atexit
import time
from functools import cache
from typing import Final

from livekit import rtc

_THREADS_S: Final = 0.1
"""For so long the end of the process lets the SDK's threads finish what they tell Python."""


def participant() -> rtc.Room:
    """Room of the SDK, as a participant has it who is in none yet."""
    _let_threads_finish()
    return rtc.Room()


@cache
def _let_threads_finish() -> None:
    """Have a program of somebody's own end with its exit code, and not by SIGABRT.

    A thread of the SDK that waits for the interpreter while it is taken down is ended by Python up
    to 3.13, and Rust then aborts the process: on a busy machine in one run of three. The SDK's own
    exit handler, after which nothing new is told, is registered with its first room, so that this
    one, registered before, runs after it.
    """
    atexit.register(time.sleep, _THREADS_S)
