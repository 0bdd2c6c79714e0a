"""The avatar's sound comes back into a real microphone: with and without the echo guard."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from micstream.demo.server import LocalServer
from micstream.echo.memory import memory_file
from testbed.loudspeakers import loudspeakers
from testbed.program import AT_ONCE, Program, program, run
from testbed.sound import VirtualMicrophone
from testbed.speech import HELLO, RATE, samples
from tests.cli.test_cli_keys import credentials
from tests.conftest import AvatarFactory
from tests.support.halls import STILL_MS, moved_ms

pytestmark = [pytest.mark.room, pytest.mark.sound, pytest.mark.slow]

SILENCE_S = 2.5
TAKES = 8
"""How often it is tried where the loudspeakers stutter, as on a busy machine they may."""
AVATAR = "avatar-test"
LONGER_S = 0.42 + 0.2 + 0.15
"""Hangover, what an echo may add, and what is sent from before the onset."""
WORD_S = samples(HELLO).size / RATE


async def _guards(
    folder: Path,
    env: dict[str, str],
    options: Sequence[str],
    microphone: VirtualMicrophone,
    *,
    learns: int,
    said: int,
) -> None:
    """Say HELLO so often that the guard learns of the hall, then so often that it has to guard.

    Where it does not, the loudspeakers have to have stuttered; it is tried again then.
    """
    word = spoken(folder)
    for take in range(TAKES):
        record = folder / f"record-{take}"
        guarded = ("--echo-guard", "auto", "--record", str(record), "--record-avatar")
        live = ("live", *options, *guarded)
        async with program(folder / f"take-{take}", *live, env=env, prefix=AT_ONCE) as ours:
            await ours.until("ready")
            for _ in range(learns):
                await microphone.speak(word)
            before, since = len(ours.named("utterance_started")), time.time()
            for _ in range(said):
                await microphone.speak(word)
            wrong = _wrong(ours, before, said)
            if not learns and any(each["code"] == "echo_unknown" for each in ours.named("warning")):
                wrong += " what the doctor learned is not known"
            ours.send(signal.SIGTERM)
            assert await ours.ended() == 0
        if not wrong:
            return
        assert moved_ms(record, since) > STILL_MS, f"{wrong}: {ours}"
    pytest.fail("the loudspeakers have moved each time")


def _wrong(ours: Program, before: int, said: int) -> str:
    """What is not as it should be after those utterances; empty: nothing.

    HELLO is two words each time, which an echo between them may part.
    """
    ended = ours.named("utterance_ended")[before:]
    started = len(ours.named("utterance_started")) - before
    seconds = sum(each["duration_s"] for each in ended)
    most_s = said * WORD_S + min(len(ended), 2) * LONGER_S
    fine = said <= len(ended) <= 2 * said and started == len(ended) and seconds < most_s
    return "" if fine else f"{started} begun, {len(ended)} ended, {seconds:.2f} s of {most_s:.2f}"


def spoken(folder: Path) -> Path:
    """HELLO and a silence after it, as a file."""
    silence = np.zeros(round(SILENCE_S * RATE), np.int16)
    soundfile.write(folder / "word.wav", np.concatenate([samples(HELLO), silence]), RATE)
    return folder / "word.wav"


async def test_the_avatar_does_not_go_on_by_itself(
    server: LocalServer,
    room_name: str,
    microphone: VirtualMicrophone,
    avatar: AvatarFactory,
    tmp_path: Path,
) -> None:
    env = credentials(server, microphone)
    word = spoken(tmp_path)
    options = ("--device", microphone.DEVICE, "--room", room_name, "--json")
    async with avatar(room_name), loudspeakers(server, room_name, microphone, AVATAR):
        async with program(tmp_path / "off", "live", *options, env=env) as ours:
            await ours.until("ready")
            await microphone.speak(word)
            ended = ours.named("utterance_ended")
            goes_on = len(ended) != 1 or ended[0]["duration_s"] > WORD_S + LONGER_S
            assert goes_on, f"nothing comes back: {ours}"
        await _guards(tmp_path, env, options, microphone, learns=1, said=2)
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
            _, done = await run(tmp_path / f"{take}", *asked, env=env, prefix=AT_ONCE)
            checks = [json.loads(line) for line in done.stdout.splitlines()]
            (found,) = [each for each in checks if each["name"] == "echo"]
            if "that will do" in found["found"]:
                break
        assert found["state"] == "ok", found
        assert "that will do" in found["found"]
        # What it has learned counts from the show's first word on.
        await _guards(tmp_path, env, options, microphone, learns=0, said=1)
