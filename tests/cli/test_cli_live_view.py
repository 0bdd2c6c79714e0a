"""The live view of a real session: it has the terminal, tells the truth, and gives it back."""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import struct
import termios
from pathlib import Path

import pytest

from micstream.demo.server import LocalServer
from testbed.program import program
from testbed.rooms import wire_avatar
from testbed.sound import VirtualMicrophone
from testbed.speech import HELLO
from testbed.waiting import wait_until
from tests.cli.test_cli_keys import credentials
from tests.cli.test_cli_status import screen

pytestmark = [pytest.mark.room, pytest.mark.sound, pytest.mark.slow]

_ENTERED, _LEFT = "\x1b[?1049h", "\x1b[?1049l"


async def test_it_fills_the_terminal_follows_the_session_and_leaves_the_summary(
    server: LocalServer, room_name: str, microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    env = credentials(server, microphone) | {"TERM": "xterm-256color"}
    env = {key: value for key, value in env.items() if key not in ("COLUMNS", "LINES")}
    options = ("--device", microphone.DEVICE, "--room", room_name)
    with screen() as (shown, keyboard, terminal):
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        before = termios.tcgetattr(terminal)

        def written() -> str:
            text = "\n".join(shown.lines)
            return re.sub(r"\x1b\[[\d;]*[Hm]", "", text)

        async def until(said: str, since: int = 0) -> int:
            await wait_until(lambda: said in written()[since:], 20, lambda: written()[-3000:])
            return len(written())

        async with program(
            tmp_path, "live", *options, env=env, stdin=terminal, stdout=terminal
        ) as ours:
            await until(_ENTERED)
            await until("waiting for the avatar")
            async with wire_avatar(server, room_name, plays=True):
                await until("the next word is heard")
                await microphone.speak(HELLO)
                await until("utterance, ")
                at = len(written())
                os.write(keyboard, b"m")
                at = await until("you are NOT heard", at)
                os.write(keyboard, b"q")
                assert await ours.ended() == 0
            await until(_LEFT)
            await wait_until(
                lambda: "1 utterance, " in written().rpartition(_LEFT)[2], 5, "its summary"
            )
            assert termios.tcgetattr(terminal) == before, "the terminal is as it was"
            assert ours.stderr == ""
            await asyncio.sleep(0)
