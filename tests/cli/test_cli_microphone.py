"""`micstream live` with a microphone that is not as it should be: told once, and counted."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from micstream.demo.server import LocalServer
from micstream.settings.calibration import Calibration
from testbed.program import Program, program, run
from testbed.sound import VirtualMicrophone, virtual_microphone
from testbed.waiting import wait_until
from tests.cli.test_cli_calibrate import on_this
from tests.support.signals import made, room, speech

pytestmark = [pytest.mark.room, pytest.mark.sound, pytest.mark.slow]


def states(ours: Program) -> list[str]:
    """What was told of the microphone, in order."""
    told: list[str] = [event["state"] for event in ours.named("microphone")]
    return told


def warned(ours: Program) -> list[dict[str, Any]]:
    """What was warned of, but that nobody listens: there is no avatar in this room."""
    return [event for event in ours.named("warning") if event["code"] != "no_avatar"]


async def until_told(ours: Program, state: str) -> None:
    """Until that is said of the microphone."""
    await wait_until(lambda: state in states(ours), 25, lambda: f"{state}\n{ours}")


async def test_quiet_clipping_hum_and_zeros(
    microphone: VirtualMicrophone, server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    env = on_this(microphone, tmp_path / "kept", server)
    hums = made(tmp_path / "hums.wav", room(-75, 90, hum_db=-45))
    quiet = made(tmp_path / "quiet.wav", speech(-32, 30))
    loud = made(tmp_path / "loud.wav", speech(20, 20))
    good = made(tmp_path / "good.wav", speech(0, 5))
    options = ("--device", microphone.DEVICE, "--room", room_name, "--json")
    async with AsyncExitStack() as stack:
        humming = await stack.enter_async_context(AsyncExitStack())
        await humming.enter_async_context(microphone.speaking(hums))
        ours = await stack.enter_async_context(program(tmp_path / "1", "live", *options, env=env))
        await ours.until("capturing")
        await wait_until(lambda: warned(ours), 25, lambda: f"hum\n{ours}")
        assert "50 Hz" in warned(ours)[0]["message"]
        async with microphone.speaking(quiet):
            await until_told(ours, "quiet")
        assert ours.named("microphone")[0]["level_db"] == pytest.approx(-51, abs=3)
        async with microphone.speaking(loud):
            await until_told(ours, "clipping")
        await humming.aclose()
        await until_told(ours, "zeros")
        async with microphone.speaking(good):
            await until_told(ours, "back")
        ours.running.terminate()
        assert await ours.ended() == 0
    assert states(ours) == ["quiet", "clipping", "zeros", "back"]
    assert [event["code"] for event in warned(ours)] == ["hum"]
    assert ours.events[-1]["faults"] == 3
    assert {event["device"] for event in ours.named("microphone")} == {microphone.DEVICE}


async def test_in_a_terminal_it_says_what_to_do(
    microphone: VirtualMicrophone, server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    env = on_this(microphone, tmp_path / "kept", server)
    options = ("--device", microphone.DEVICE, "--room", room_name, "--plain", "--quiet")
    async with program(tmp_path / "1", "live", *options, env=env) as ours:
        await wait_until(lambda: "only silence for 5 s: unmute it" in ours.stdout, 25, str(ours))


async def test_one_that_is_muted_at_the_headset(
    microphone: VirtualMicrophone, server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    """It delivers noise and no zeros: far below the room that was calibrated."""
    config = tmp_path / "kept"
    store(config, microphone.DEVICE, floor_db=-55.0)
    env = on_this(microphone, config, server)
    muted = made(tmp_path / "muted.wav", room(-78, 60))
    options = ("--device", microphone.DEVICE, "--room", room_name, "--json")
    async with microphone.speaking(muted):
        async with program(tmp_path / "1", "live", *options, env=env) as ours:
            await wait_until(lambda: warned(ours), 25, lambda: f"muted\n{ours}")
            ours.running.terminate()
            assert await ours.ended() == 0
        (warning,) = warned(ours)
        assert warning["code"] == "microphone_muted"
        assert "at the headset" in warning["hint"]
        _, checked = await run(tmp_path / "2", "doctor", *options, env=env)
    (sound,) = (
        check for check in map(json.loads, checked.stdout.splitlines()) if check["name"] == "sound"
    )
    assert sound["state"] == "warning"
    assert "below the room that calibrate heard" in sound["found"]


def store(config: Path, device: str, *, floor_db: float) -> None:
    """A calibration of that device, as calibrate would have stored it."""
    kept = Calibration("room", 0, floor_db, -20.0, -6.0, 0.0, None, None, "2026-01-01T00:00:00Z")
    place = config / "micstream" / "calibration.json"
    place.parent.mkdir(parents=True)
    devices = {device: {"0": asdict(kept)}}
    place.write_text(json.dumps({"version": 1, "devices": devices}), "utf-8")


async def test_a_balanced_line_in_a_stereo_input_is_heard_and_told(
    server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    """One channel is the other upside down: whoever mixes them makes silence of a voice."""
    voice = speech(0, 15)
    both = made(tmp_path / "both.wav", np.stack([voice, -voice], axis=1))
    async with virtual_microphone(channels=2) as microphone:
        env = on_this(microphone, tmp_path / "kept", server)
        options = ("--device", microphone.DEVICE, "--room", room_name, "--json")
        async with program(tmp_path / "1", "live", *options, env=env) as ours:
            await ours.until("capturing")
            async with microphone.speaking(both):
                await wait_until(
                    lambda: "channels_cancel" in [event["code"] for event in warned(ours)],
                    15,
                    lambda: f"its channels\n{ours}",
                )
                # Nobody listens in this room: what was found is told as dropped.
                await ours.until("dropped")
