"""A network that can be broken: a namespace for micstream, and a line of two ends to the server.

Linux and root alone can do this. Packets are thrown away where they arrive (nftables, at the
ingress of either end), so that neither end learns of it, as on a real way.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import secrets
import shutil
import socket
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

_CLONE_NEWNET: Final = 0x40000000
_PROGRAMS: Final = {"ip": "iproute2", "tc": "iproute2", "nft": "nftables"}


class Namespace:
    """A network namespace with its own loopback; `line` connects it with this machine."""

    def __init__(self) -> None:
        tag = secrets.token_hex(3)
        self.name = f"chaos-{tag}"
        self.server_address = f"10.213.{secrets.randbelow(256)}.{4 * secrets.randbelow(63) + 1}"
        self._our_end, self._their_end = f"mc{tag}a", f"mc{tag}b"

    @property
    def prefix(self) -> Sequence[str]:
        """The command that runs another one in it."""
        return ("ip", "netns", "exec", self.name)

    async def up(self) -> None:
        """Make it."""
        await run("ip", "netns", "add", self.name)
        await run("ip", "-n", self.name, "link", "set", "lo", "up")

    async def down(self) -> None:
        """Take it away; the line goes with it."""
        await run("ip", "netns", "del", self.name)

    async def line(self) -> None:
        """A pair of ends; the server is at `server_address`, one number above it is micstream."""
        first, _, last = self.server_address.rpartition(".")
        ours, theirs = self._our_end, self._their_end
        await run("ip", "link", "add", ours, "type", "veth", "peer", "name", theirs)
        await run("ip", "link", "set", theirs, "netns", self.name)
        await run("ip", "address", "add", f"{self.server_address}/30", "dev", ours)
        address = f"{first}.{int(last) + 1}/30"
        await run("ip", "-n", self.name, "address", "add", address, "dev", theirs)
        await run("ip", "link", "set", ours, "up")
        await run("ip", "-n", self.name, "link", "set", theirs, "up")

    async def lose(self, percent: int) -> None:
        """Throw away so many of a hundred packets, in both directions; 0: none any more."""
        for end, inside in ((self._our_end, ()), (self._their_end, self.prefix)):
            await run(*inside, "nft", f"add table netdev {end}; delete table netdev {end}")
            if percent:
                hook = f'type filter hook ingress device "{end}" priority 0;'
                rule = f"numgen random mod 100 < {percent} drop" if percent < 100 else "drop"
                await run(
                    *inside,
                    *("nft", f"add table netdev {end}; add chain netdev {end} c {{ {hook} }};"),
                    f"add rule netdev {end} c {rule}",
                )

    async def narrow(self, rate: str | None) -> None:
        """Let no more than `rate` (as tc writes it) go up; None: as much as there is."""
        tc = (*self.prefix, "tc", "qdisc")
        if rate is None:
            await run(*tc, "del", "dev", self._their_end, "root")
        else:
            shape = ("tbf", "rate", rate, "burst", "3000", "limit", "30000")
            await run(*tc, "add", "dev", self._their_end, "root", *shape)

    def sockets(self, make: Callable[[], list[socket.socket]]) -> list[socket.socket]:
        """What `make` makes while it is in there; the sockets stay in it for good."""
        made: list[socket.socket] = []
        failed: list[OSError] = []

        def enter() -> None:
            try:
                libc = ctypes.CDLL(None, use_errno=True)
                with Path(f"/run/netns/{self.name}").open() as place:
                    if libc.setns(place.fileno(), _CLONE_NEWNET) != 0:
                        raise OSError(ctypes.get_errno(), "setns")
                made.extend(make())
            except OSError as error:
                failed.append(error)

        # A thread of its own: it never comes back from there.
        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        if failed:
            raise AssertionError(f"this machine does not permit it: {failed[0]}")
        return made


@asynccontextmanager
async def namespace() -> AsyncIterator[Namespace]:
    """A Namespace; it goes with the context.

    Raises AssertionError where this machine does not have or permit what it takes.
    """
    for program, package in _PROGRAMS.items():
        if shutil.which(program) is None:
            raise AssertionError(f"{program} is missing: install the package {package}")
    if os.geteuid() != 0:
        raise AssertionError("this machine does not permit it: a network namespace needs root")
    made = Namespace()
    await made.up()
    try:
        yield made
    finally:
        await made.down()


async def run(*command: str) -> None:
    """Run to its end; AssertionError with what it said where it fails."""
    done = await asyncio.to_thread(
        subprocess.run, command, check=False, capture_output=True, text=True, timeout=10
    )
    if done.returncode != 0:
        said = done.stderr.strip() or f"exit {done.returncode}"
        raise AssertionError(f"this machine does not permit it: {' '.join(command)}: {said}")
