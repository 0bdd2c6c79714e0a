"""Whoever reads us and stops: sound, Ctrl-C and the end wait for nobody."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from micstream.cli.fail import write_in_time
from micstream.demo.server import LocalServer
from testbed.program import environment, program
from testbed.rooms import wire_avatar
from testbed.speech import HELLO, MONOLOGUE, samples
from testbed.waiting import wait_until

SAID = samples(HELLO).tobytes()


@contextmanager
def full_pipe() -> Iterator[tuple[int, int]]:
    """A pipe into which nothing more goes: its reading end, and its writing end."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    try:
        while True:
            os.write(write, b" " * 4_096)
    except BlockingIOError:
        os.set_blocking(write, True)
    try:
        yield read, write
    finally:
        os.close(read)
        os.close(write)


@contextmanager
def stopped_terminal() -> Iterator[int]:
    """A terminal in which somebody has pressed Ctrl-S."""
    keyboard, terminal = pty.openpty()
    termios.tcflow(terminal, termios.TCOOFF)
    try:
        yield terminal
    finally:
        os.close(keyboard)  # first, or closing would wait for what is still to be written
        os.close(terminal)


@pytest.mark.room
@pytest.mark.parametrize("view", ["--json", "--plain"])
async def test_a_reader_that_has_stopped_holds_up_neither_the_sound_nor_the_end(
    server: LocalServer, room_name: str, tmp_path: Path, view: str
) -> None:
    async with wire_avatar(server, room_name, plays=True) as avatar:
        command = ("play", HELLO, "--pace", "fast", "--room", room_name, view)
        with full_pipe() as (_, write):
            async with program(tmp_path, *command, env=environment(server), stdout=write) as ours:
                assert await ours.ended() == 0
        assert [stream.payload for stream in avatar.streams] == [SAID]
        assert ours.stderr == ""


@pytest.mark.room
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_nor_a_signal(
    server: LocalServer, room_name: str, tmp_path: Path, number: signal.Signals
) -> None:
    async with wire_avatar(server, room_name, plays=True) as avatar:
        command = ("play", MONOLOGUE, "--room", room_name, "--json")
        with full_pipe() as (_, write):
            async with program(tmp_path, *command, env=environment(server), stdout=write) as ours:
                await wait_until(lambda: avatar.streams, 20, "sound")
                ours.send(number)
                assert await ours.ended(10) == 0, "what a full pipe holds up it holds up for ever"
        await wait_until(
            lambda: all(stream.closed for stream in avatar.streams), 5, "the end of what it said"
        )


@pytest.mark.room
async def test_one_that_reads_on_gets_whole_lines_to_the_last(
    server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    async with wire_avatar(server, room_name, plays=True) as avatar:
        command = ("play", HELLO, HELLO, "--room", room_name, "--json")
        with full_pipe() as (read, write):
            async with program(tmp_path, *command, env=environment(server), stdout=write) as ours:
                await wait_until(lambda: len(avatar.streams) == 2, 20, "the second")
                os.close(os.dup(write))
                got: list[bytes] = []
                reading = threading.Thread(target=_read, args=(read, got), daemon=True)
                reading.start()
                assert await ours.ended() == 0
                await wait_until(lambda: b'"bye"' in b"".join(got), 5, "the summary")
        lines = b"".join(got).lstrip(b" ").decode().splitlines()
        names = [json.loads(line)["event"] for line in lines]
        assert names[0] == "connection"
        assert names.count("utterance_ended") == 2
        assert names[-1] == "bye"


def _read(read: int, got: list[bytes]) -> None:
    while b'"bye"' not in b"".join(got):
        got.append(os.read(read, 65_536))
        assert got[-1], "it ended without a last word"


@pytest.mark.room
async def test_a_terminal_that_is_stopped_holds_up_nothing(
    server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    async with wire_avatar(server, room_name, plays=True) as avatar:
        command = ("play", HELLO, "--pace", "fast", "--room", room_name)
        with stopped_terminal() as terminal:
            async with program(
                tmp_path, *command, env=environment(server), stdin=terminal, stdout=terminal
            ) as ours:
                assert await ours.ended() == 0
        assert [stream.payload for stream in avatar.streams] == [SAID]


def test_an_error_that_nobody_can_read_still_ends_with_its_code(tmp_path: Path) -> None:
    with stopped_terminal() as terminal:
        command = [sys.executable, "-m", "micstream", "play", "nothing.wav"]
        ended = subprocess.run(
            command, cwd=tmp_path, stdout=terminal, stderr=terminal, timeout=20, check=False
        )
    assert ended.returncode == 3


def test_last_words_are_waited_for_as_long_as_they_may_take() -> None:
    said: list[str] = []
    assert write_in_time(lambda: said.append("bye"), 5)
    assert said == ["bye"]
    never = threading.Event()
    begun = time.monotonic()
    assert not write_in_time(never.wait, 0.05)
    assert time.monotonic() - begun < 5
    never.set()

    def broken() -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        write_in_time(broken, 5)
