"""Single keys, pressed in a real terminal."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from micstream.cli.keymap import Keymap
from micstream.demo.server import LocalServer
from testbed.program import environment, program
from testbed.rooms import wire_avatar
from testbed.sound import VirtualMicrophone
from testbed.speech import HELLO, RATE, samples
from testbed.waiting import wait_until
from tests.cli.test_terminal import a_shell

pytestmark = [pytest.mark.room, pytest.mark.sound, pytest.mark.slow]


async def test_each_key_does_what_it_says(
    server: LocalServer, room_name: str, microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    env = credentials(server, microphone)
    # What is said while nobody is to be heard has been heard to its end before the next key.
    unheard = tmp_path / "unheard.wav"
    soundfile.write(unheard, np.concatenate([samples(HELLO), np.zeros(RATE, np.int16)]), RATE)
    with pressed() as (keyboard, terminal):
        before = termios.tcgetattr(terminal)
        options = ("--device", microphone.DEVICE, "--room", room_name, "--json")
        async with (
            wire_avatar(server, room_name, plays=True) as avatar,
            program(tmp_path, "live", *options, env=env, stdin=terminal) as ours,
        ):

            async def press(key: str, answer: str, count: int = 1) -> None:
                os.write(keyboard, key.encode())
                await wait_until(lambda: ours.stderr.count(answer) == count, 20, f"{key}: {answer}")

            def last_end() -> str:
                return str(ours.named("utterance_ended")[-1]["reason"])

            await ours.until("capturing")
            await ours.until("ready")

            # m in mid-utterance ends it, and nothing is sent until m again.
            speaking = asyncio.create_task(microphone.speak(HELLO))
            await ours.until("utterance_started", count=1)
            await press("m", "muted: ")
            await ours.until("utterance_ended", count=1)
            assert last_end() == "mute"
            await speaking
            await microphone.speak(unheard)
            assert len(ours.named("utterance_started")) == 1
            await press("m", "automatic")
            await microphone.speak(HELLO)
            await ours.until("utterance_ended", count=2)
            assert last_end() == "silence"

            # t opens the gate by hand, though nobody speaks; t again closes it.
            await press("t", "gate open")
            await ours.until("utterance_started", count=3)
            await press("t", "gate closed")
            await ours.until("utterance_ended", count=3)
            assert last_end() == "mute"
            await microphone.speak(unheard)
            assert len(ours.named("utterance_started")) == 3

            # v leaves it to the voice again; i stops what is being said.
            await press("v", "automatic", count=2)
            cleared = avatar.clears
            speaking = asyncio.create_task(microphone.speak(HELLO))
            await ours.until("utterance_started", count=4)
            await press("I", "interrupted")
            await ours.until("utterance_ended", count=4)
            assert last_end() == "interrupt"
            await wait_until(lambda: avatar.clears > cleared, 5, "the avatar to be told")
            await speaking

            await press("x", "x", count=ours.stderr.count("x"))  # any other key: nothing
            os.write(keyboard, b"q")
            assert await ours.ended() == 0
            assert ours.events[-1]["event"] == "bye"
            gates = [(each["state"], each["muted"], each["by"]) for each in ours.named("gate")]
            assert gates == [
                ("detector", False, ""),
                ("closed", True, "key"),
                ("detector", False, "key"),
                ("open", False, "key"),
                ("closed", False, "key"),
                ("detector", False, "key"),
            ]
            assert [each["by"] for each in ours.named("interrupted")] == ["key"]
            assert len(avatar.streams) == 4
            assert all(stream.closed for stream in avatar.streams)
        assert termios.tcgetattr(terminal) == before, "the terminal is as it was"


async def test_a_number_leads_what_is_said_to_that_avatar_in_mid_utterance(
    server: LocalServer, room_name: str, microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    env = credentials(server, microphone)
    avatars = ("--avatar", "avatar-a", "--avatar", "avatar-b", "--route", "1")
    options = ("--device", microphone.DEVICE, "--room", room_name, "--json", *avatars)
    with pressed() as (keyboard, terminal):
        async with (
            wire_avatar(server, room_name, identity="avatar-a", plays=True) as a,
            wire_avatar(server, room_name, identity="avatar-b", plays=True) as b,
            program(tmp_path, "live", *options, env=env, stdin=terminal) as ours,
        ):
            await ours.until("capturing")
            await ours.until("ready")
            speaking = asyncio.create_task(microphone.speak(HELLO))
            await ours.until("utterance_started")
            os.write(keyboard, b"19")  # it leads there already; there is no such one
            os.write(keyboard, b"2")
            await ours.until("utterance_started", count=2)
            await speaking
            await ours.until("utterance_ended", count=2)
            ended = [(each["avatar"], each["reason"]) for each in ours.named("utterance_ended")]
            assert ended == [("avatar-a", "mute"), ("avatar-b", "silence")]
            for name in ("route", "voice"):
                had = [each["avatars"] for each in ours.named(name)]
                assert had == [["avatar-a"], ["avatar-b"]]
            first, second = ours.named("utterance_started")
            assert second["onset_s"] >= first["decided_s"], "nothing is said twice"
            os.write(keyboard, b"q")
            assert await ours.ended() == 0
            assert (len(a.streams), len(b.streams)) == (1, 1)
    assert "1 to 2: that avatar speaks   0: all of them" in Keymap(avatars=2).help()


async def test_a_job_of_a_shell_goes_on_in_the_background_and_has_its_keys_in_the_foreground(
    server: LocalServer, room_name: str, microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    told = tmp_path / "told.jsonl"

    def events(name: str) -> list[dict[str, Any]]:
        lines = told.read_text().splitlines() if told.exists() else []
        return [event for event in map(json.loads, lines) if event["event"] == name]

    def gates() -> list[str]:
        return [each["state"] for each in events("gate")]

    options = f"--device {microphone.DEVICE} --room {room_name} --json"
    command = f"{sys.executable} -m micstream live {options} > {told}"

    def scene() -> None:
        with a_shell(tmp_path, **credentials(server, microphone)) as shell:
            shell.prompt("stty tostop")
            shell.prompt(f"{command} &")
            shell.until(lambda: bool(events("ready")))
            shell.prompt("echo m t q")
            assert gates() == ["detector"]
            shell.type("fg\n")
            shell.until_taken()
            shell.type("m")
            shell.until(lambda: gates() == ["detector", "closed"])
            shell.type("\x1a")
            shell.until(lambda: "Stopped" in shell.screen)
            shell.type("fg\n")
            shell.until_taken()
            shell.type("m")
            shell.until(lambda: gates() == ["detector", "closed", "detector"])
            prompts = shell.screen.count("done>")
            shell.type("q")
            shell.until(lambda: bool(events("bye")))
            shell.until(lambda: shell.screen.count("done>") > prompts)
            shell.prompt("echo code $?")
            assert "code 0" in shell.screen

    async with wire_avatar(server, room_name, plays=True):
        await asyncio.to_thread(scene)


def credentials(server: LocalServer, microphone: VirtualMicrophone) -> dict[str, str]:
    """The microphone's environment, and the server's."""
    return microphone.env | {
        name: value for name, value in environment(server).items() if name.startswith("LIVEKIT_")
    }


@contextmanager
def pressed() -> Iterator[tuple[int, int]]:
    """A keyboard to write to, and the terminal that it belongs to."""
    keyboard, terminal = pty.openpty()
    try:
        yield keyboard, terminal
    finally:
        os.close(keyboard)
        os.close(terminal)
