"""The status in a real terminal: below the lines, true at each moment, and gone at the end."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from micstream.demo.server import LocalServer
from testbed.program import program
from testbed.rooms import wire_avatar
from testbed.sound import VirtualMicrophone
from testbed.speech import HELLO
from testbed.waiting import wait_until
from tests.cli.test_cli_keys import credentials

pytestmark = [pytest.mark.room, pytest.mark.sound, pytest.mark.slow]


class Screen:
    """What a terminal shows of what was written to it."""

    def __init__(self, keyboard: int) -> None:
        self._written = b""
        self._keyboard = keyboard
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        try:
            while True:
                self._written += os.read(self._keyboard, 65_536)
        except OSError:
            pass

    @property
    def lines(self) -> list[str]:
        """Line by line; the last one is where the cursor stands."""
        shown = [""]
        for part in re.split(r"(\r\x1b\[2K|\r*\n)", self._written.decode(errors="replace")):
            if part.endswith("\n"):
                shown.append("")
            elif part.startswith("\r"):
                shown[-1] = ""
            else:
                shown[-1] += re.sub(r"\x1b\[[\d;]*m", "", part)
        return shown

    async def until(self, last: str) -> None:
        """Until the last line holds that."""
        await wait_until(lambda: last in self.lines[-1], 20, lambda: f"{last}: {self.lines[-5:]}")


@contextmanager
def screen() -> Iterator[tuple[Screen, int, int]]:
    keyboard, terminal = pty.openpty()
    try:
        yield Screen(keyboard), keyboard, terminal
    finally:
        os.close(terminal)
        os.close(keyboard)


async def test_it_says_at_each_moment_whether_one_is_heard(
    server: LocalServer, room_name: str, microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    env = credentials(server, microphone) | {"TERM": "xterm", "COLUMNS": "120"}
    options = ("--device", microphone.DEVICE, "--room", room_name, "--plain")
    with screen() as (shown, keyboard, terminal):
        async with program(
            tmp_path, "live", *options, env=env, stdin=terminal, stdout=terminal
        ) as ours:
            await shown.until("NOT heard: no avatar")
            await shown.until("q quit")
            async with wire_avatar(server, room_name, plays=True):
                await shown.until("heard  |  [")
                await microphone.speak(HELLO)
                await wait_until(
                    lambda: any(" s sent" in line for line in shown.lines),
                    20,
                    lambda: f"{shown.lines}",
                )
                os.write(keyboard, b"m")
                await shown.until("NOT heard: muted")
                await microphone.speak(HELLO)
                await wait_until(
                    lambda: any("you speak, but muted" in line for line in shown.lines),
                    20,
                    lambda: f"{shown.lines}",
                )
                await shown.until("NOT heard: muted")
                await asyncio.sleep(0.2)
                os.write(keyboard, b"q")
                assert await ours.ended() == 0
        assert ours.stderr == ""
        # What it wrote last is read by a thread of ours.
        await wait_until(
            lambda: shown.lines[-1] == "" and "1 utterance" in shown.lines[-2],
            5,
            lambda: f"{shown.lines[-5:]}",
        )
        lines = shown.lines
    assert not [line for line in lines if "q quit" in line], lines
    assert all(re.match(r"\d\d:\d\d:\d\d  |  +\S", line) for line in lines[:-1]), lines
