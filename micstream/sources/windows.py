"""What Windows asks of a thread that works with its sound system. Elsewhere: nothing."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Final

_COINIT_APARTMENTTHREADED: Final = 2
"""As PortAudio itself does; ASIO drivers need it."""

_joined: Final = threading.local()


def join_com() -> None:
    """Make COM known to this thread, once: without it WASAPI opens nothing outside of the thread
    that has initialised PortAudio (CO_E_NOTINITIALIZED)."""
    if getattr(_joined, "done", False):
        return
    _joined.done = True
    begin = _initializer()
    if begin is not None:
        begin(None, _COINIT_APARTMENTTHREADED)  # one that joined in another way before may stay so


def _initializer() -> Callable[[None, int], int] | None:
    """`CoInitializeEx` of ole32.dll; None on other systems."""
    if sys.platform != "win32":
        return None
    import ctypes

    made: Callable[[None, int], int] = ctypes.windll.ole32.CoInitializeEx
    return made
