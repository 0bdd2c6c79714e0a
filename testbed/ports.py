"""Ports for what is served there again, or by a program that cannot be handed a socket.

No other program is given one of them because it asked for any: those begin at 32768 on Linux, at
49152 elsewhere.
"""

from __future__ import annotations

import random
import socket
from typing import Final

_PORTS: Final = range(20_000, 32_000)


def own_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """One at which nobody listens on this machine."""
    for port in random.sample(_PORTS, 100):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("all ports are taken")
