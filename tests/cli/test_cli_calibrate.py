"""`micstream calibrate`: a room and a voice, through a real sound server; and live with it."""

from __future__ import annotations

import json
import signal
import stat
from pathlib import Path
from typing import Any

import pytest

from micstream.demo.server import LocalServer
from testbed.program import Program, environment, program, run
from testbed.sound import VirtualMicrophone
from testbed.waiting import wait_until
from tests.support.signals import made, room, speech

pytestmark = [pytest.mark.room, pytest.mark.sound, pytest.mark.slow]

QUIET, SPOKEN = ("--quiet-s", "1"), ("--speech-s", "3")


def on_this(
    microphone: VirtualMicrophone, config: Path, server: LocalServer | None = None
) -> dict[str, str]:
    """Its environment, and where calibrations are kept."""
    ours = {k: v for k, v in environment(server).items() if k.startswith("LIVEKIT_")}
    return microphone.env | ours | {"XDG_CONFIG_HOME": str(config), "COLUMNS": "200"}


def kept(config: Path) -> Any:
    """What is stored."""
    return json.loads((config / "micstream" / "calibration.json").read_text("utf-8"))


async def asked_to_speak(calibrating: Program) -> None:
    """Until it says so."""
    await wait_until(
        lambda: "speak as you will" in calibrating.stdout + calibrating.stderr, 15, "its request"
    )


async def test_a_room_and_a_voice_give_figures_and_a_preset_that_live_uses(
    microphone: VirtualMicrophone, server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    config = tmp_path / "kept"
    env = on_this(microphone, config, server)
    device = ("--device", microphone.DEVICE)
    noise = made(tmp_path / "noise.wav", room(-55, hum_db=-50))
    voice = made(tmp_path / "voice.wav", speech(-15))
    live = (*device, "--room", room_name, "--json")
    async with microphone.speaking(noise):
        arguments = (*device, *QUIET, *SPOKEN)
        async with program(tmp_path / "1", "calibrate", *arguments, "--json", env=env) as ours:
            await asked_to_speak(ours)
            async with microphone.speaking(voice):
                assert await ours.ended() == 0
        (said,) = (json.loads(line) for line in ours.stdout.splitlines())
        assert said["device"] == microphone.DEVICE
        assert said["floor_db"] == pytest.approx(-55, abs=3)
        assert said["speech_db"] == pytest.approx(-34, abs=3)
        assert said["snr_db"] == pytest.approx(said["speech_db"] - said["floor_db"], abs=0.1)
        assert (said["hum_hz"], said["clipped_share"]) == (50, 0)
        assert said["gain_db"] == pytest.approx(14, abs=4)
        assert said["preset"] == "room"
        place = config / "micstream" / "calibration.json"
        assert said["stored"] == str(place)
        assert stat.S_IMODE(place.stat().st_mode) == 0o600
        assert kept(config)["devices"][microphone.DEVICE]["0"]["preset"] == "room"

        async with program(tmp_path / "2", "live", *live, env=env) as ours:
            assert (await ours.until("capturing"))["preset"] == "room"
        async with program(tmp_path / "3", "live", *live, "--preset", "stage", env=env) as ours:
            assert "preset" not in await ours.until("capturing"), "one was given"
        place.write_text("{", "utf-8")
        async with program(tmp_path / "4", "live", *live, env=env) as ours:
            assert "preset" not in await ours.until("capturing")
            assert [event["code"] for event in ours.named("warning")] == ["bad_calibration"]


async def test_for_people_and_without_storing(
    microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    env = on_this(microphone, tmp_path / "kept")
    noise = made(tmp_path / "noise.wav", room(-36))
    voice = made(tmp_path / "voice.wav", speech(20))
    arguments = ("--device", microphone.DEVICE, *QUIET, *SPOKEN, "--dry-run")
    async with (
        microphone.speaking(noise),
        program(tmp_path / "1", "calibrate", *arguments, env=env) as ours,
    ):
        await asked_to_speak(ours)
        async with microphone.speaking(voice):
            assert await ours.ended() == 0
    lines = {line[:13].strip(): line[14:] for line in ours.stdout.splitlines()}
    assert "CLIPPED" in ours.stdout
    assert lines["clipping"].endswith("% of the time")
    assert lines["hum"] == "none"
    assert "dB down" in lines["gain"]
    assert lines["preset"] == "stage"
    assert "nothing was stored" in ours.stdout
    assert not (tmp_path / "kept").exists()


async def test_where_nobody_speaks_or_nothing_is_heard_it_does_not_judge(
    microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    env = on_this(microphone, tmp_path / "kept")
    arguments = ("calibrate", "--device", microphone.DEVICE, *QUIET, "--speech-s", "2", "--json")
    code, ours = await run(tmp_path / "1", *arguments, env=env)
    assert (code, json.loads(ours.stdout)["code"]) == (4, "only_zeros")
    assert "unmute it" in ours.stderr
    async with microphone.speaking(made(tmp_path / "noise.wav", room(-50))):
        code, ours = await run(tmp_path / "2", *arguments, env=env)
    assert (code, json.loads(ours.stdout)["code"]) == (1, "nobody_spoke")
    assert not (tmp_path / "kept" / "micstream").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_ends_cleanly_at_any_time(
    microphone: VirtualMicrophone, tmp_path: Path, number: signal.Signals
) -> None:
    env = on_this(microphone, tmp_path / "kept")
    arguments = ("calibrate", "--device", microphone.DEVICE, "--quiet-s", "60")
    async with program(tmp_path / "1", *arguments, env=env) as ours:
        await wait_until(lambda: "dBFS" in ours.stdout, 15, "its first figures")
        ours.send(number)
        assert await ours.ended() == 0
        assert ours.stderr == ""
    assert not (tmp_path / "kept").exists()
