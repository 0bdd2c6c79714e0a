"""The avatar's sound comes back into a real microphone: with and without the echo guard."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from micstream.demo.server import LocalServer
from micstream.echo.memory import memory_file
from testbed.loudspeakers import loudspeakers
from testbed.program import program, run
from testbed.sound import VirtualMicrophone
from testbed.speech import HELLO, RATE, samples
from tests.cli.test_cli_keys import credentials
from tests.conftest import AvatarFactory

pytestmark = [pytest.mark.room, pytest.mark.sound, pytest.mark.slow]

SILENCE_S = 2.5
TAKES = 4
"""How often the doctor is asked where the loudspeakers stutter, as on a busy machine they may."""
AVATAR = "avatar-test"
LONGER_S = 0.42 + 0.2 + 0.15
"""Hangover, what an echo may add, and what is sent from before the onset."""
WORD_S = samples(HELLO).size / RATE


async def test_the_avatar_does_not_go_on_by_itself(
    server: LocalServer,
    room_name: str,
    microphone: VirtualMicrophone,
    avatar: AvatarFactory,
    tmp_path: Path,
) -> None:
    env = credentials(server, microphone)
    silence = np.zeros(round(SILENCE_S * RATE), np.int16)
    word = tmp_path / "word.wav"
    soundfile.write(word, np.concatenate([samples(HELLO), silence]), RATE)
    options = ("--device", microphone.DEVICE, "--room", room_name, "--json")
    async with avatar(room_name), loudspeakers(server, room_name, microphone, AVATAR):
        async with program(tmp_path / "off", "live", *options, env=env) as ours:
            await ours.until("ready")
            await microphone.speak(word)
            ended = ours.named("utterance_ended")
            goes_on = len(ended) != 1 or ended[0]["duration_s"] > WORD_S + LONGER_S
            assert goes_on, f"nothing comes back: {ours}"
        async with program(
            tmp_path / "auto", "live", *options, "--echo-guard", "auto", env=env
        ) as ours:
            await ours.until("ready")
            await microphone.speak(word)  # before it the guard knows nothing of the hall
            before = len(ours.named("utterance_started"))
            for _ in range(2):
                await microphone.speak(word)
            ended = ours.named("utterance_ended")[before:]
            # Two words each, which an echo between them may part.
            assert 2 <= len(ended) <= 4, str(ours)
            assert len(ours.named("utterance_started")) == before + len(ended), str(ours)
            said_s = sum(each["duration_s"] for each in ended)
            assert said_s < 2 * (WORD_S + LONGER_S), str(ours)
        assert memory_file().stat().st_size > 0  # for the next show in this hall


async def test_the_doctor_says_what_comes_back(
    server: LocalServer,
    room_name: str,
    microphone: VirtualMicrophone,
    avatar: AvatarFactory,
    tmp_path: Path,
) -> None:
    env = credentials(server, microphone)
    options = ("--device", microphone.DEVICE, "--room", room_name, "--json")
    async with avatar(room_name), loudspeakers(server, room_name, microphone, AVATAR):
        for take in range(TAKES):
            asked = ("doctor", "--echo", "--echo-guard", "auto", *options)
            _, done = await run(tmp_path / f"{take}", *asked, env=env)
            checks = [json.loads(line) for line in done.stdout.splitlines()]
            (found,) = [each for each in checks if each["name"] == "echo"]
            if found["state"] == "ok":
                break
        assert found["state"] == "ok", found
        assert "that will do" in found["found"]
        # What it has learned counts from the show's first word on.
        word = tmp_path / "word.wav"
        silence = np.zeros(round(SILENCE_S * RATE), np.int16)
        soundfile.write(word, np.concatenate([samples(HELLO), silence]), RATE)
        live = ("live", *options, "--echo-guard", "auto")
        async with program(tmp_path / "live", *live, env=env) as ours:
            await ours.until("ready")
            await microphone.speak(word)
            ended = ours.named("utterance_ended")
            assert 1 <= len(ended) <= 2, str(ours)  # two words, which an echo may part
            assert len(ours.named("utterance_started")) == len(ended), str(ours)
            said_s = sum(each["duration_s"] for each in ended)
            assert said_s < WORD_S + LONGER_S * len(ended), str(ours)
