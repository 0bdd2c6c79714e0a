"""The doctor's look at a microphone, with a double in PortAudio's place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from micstream.calibrate import Progress, measure
from micstream.doctor.check import Check
from micstream.doctor.microphone import check_microphone
from micstream.errors import AudioDeviceError
from micstream.settings import Settings, calibration
from micstream.settings.calibration import Calibration
from micstream.sources import audio_thread, microphone, portaudio
from micstream.sources.microphone import Microphone
from tests.audio.test_meter import noise, pcm
from tests.support.portaudio import FakeDevice, FakePortAudio
from tests.support.standstill import Standstill

BLOCK = 1_024
ROOM = pcm(noise(-55, 3))


def second(seconds: float) -> bytes:
    return bytes(2 * round(16_000 * seconds))


@pytest.fixture(autouse=True)
def config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where calibrations are kept."""
    place = tmp_path / "calibration.json"
    monkeypatch.setattr(calibration, "store_path", lambda: place)
    return place


def installed(monkeypatch: pytest.MonkeyPatch, sound: bytes, *, channels: int = 1) -> FakePortAudio:
    block = BLOCK * channels
    blocks = [sound[at : at + block] for at in range(0, len(sound) - block + 1, block)]
    device = FakeDevice(
        "headset",
        channels=channels,
        counts=(1, channels),
        rate=16_000,
        rates=(16_000,),
        blocks=blocks,
        unplugged=True,
    )
    fake = FakePortAudio([device])
    fake.get_portaudio_version = lambda: (1, "PortAudio V19")  # type: ignore[attr-defined]
    monkeypatch.setattr(portaudio, "load", lambda: fake)
    return fake


async def checked(**given: Any) -> dict[str, Check]:
    return {check.name: check async for check in check_microphone(Settings(**given))}


async def test_a_headset_that_begins_with_seconds_of_zeros_is_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    installed(monkeypatch, second(2.5) + ROOM)
    checks = await checked()
    assert [check.state for check in checks.values()] == ["ok", "ok", "ok"]
    assert checks["sound"].found == "-55 dBFS"


async def test_one_of_many_channels_is_judged_without_the_silent_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sound = np.zeros((len(ROOM) // 2, 16), np.int16)
    sound[:, 15] = np.frombuffer(ROOM, np.int16)
    installed(monkeypatch, sound.tobytes(), channels=16)
    assert (await checked(channel=16))["sound"].found == "-55 dBFS"


async def test_one_that_clicks_and_then_begins_with_zeros_is_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    click = b"\xff\x3f" * 200 + second(1)
    installed(monkeypatch, second(1) + click + second(1) + ROOM)
    assert (await checked())["sound"].found == "-55 dBFS"


@pytest.mark.parametrize("before", [b"", b"\xff\x3f" * 200], ids=["nothing", "a click"])
async def test_zeros_that_do_not_end_fail_in_the_words_of_the_system(
    monkeypatch: pytest.MonkeyPatch, before: bytes
) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    installed(monkeypatch, before + second(20))
    sound = (await checked())["sound"]
    assert (sound.state, sound.exit_code) == ("failed", 4)
    assert "6 s of only silence from headset" in sound.found
    assert sound.do.startswith("unmute it; allow the terminal to use it: System Settings")


async def test_a_gate_that_shuts_between_words_is_judged_by_a_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    installed(monkeypatch, (ROOM[: BLOCK * 20] + second(1)) * 9)
    assert (await checked())["sound"].found == "-55 dBFS"


async def test_one_that_is_muted_at_the_headset(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, pcm(noise(-78, 3)))
    sound = (await checked())["sound"]
    assert (sound.state, sound.found) == ("warning", "-78 dBFS")
    assert "muted, at the headset" in sound.do


async def test_one_that_is_far_below_what_was_calibrated(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, pcm(noise(-68, 3)))
    kept = Calibration("room", 0, -50.0, -20.0, -6.0, 0.0, None, None, "2026-01-01T00:00:00Z")
    assert (await checked())["sound"].state == "ok"
    calibration.save("headset", 0, kept)
    sound = (await checked())["sound"]
    assert (sound.state, sound.expected) == ("warning", "-50 dBFS or more")
    assert "below the room that calibrate heard" in sound.found
    calibration.store_path().write_text("{")
    assert (await checked())["sound"].state == "ok", "what cannot be read is no reason to fail"


@pytest.mark.parametrize("call", ["query_devices", "check_input_settings", "RawInputStream"])
async def test_a_call_that_does_not_return_is_told(
    monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    fake = installed(monkeypatch, ROOM)
    monkeypatch.setattr(audio_thread, "DEADLINE_S", 0.05)
    monkeypatch.setattr(microphone, "_BEGIN_S", 0.05)
    still = Standstill(monkeypatch)
    still.of(fake, call)
    try:
        *_, last = (await checked()).values()
    finally:
        still.let_go()
    assert (last.state, last.exit_code) == ("failed", 4)
    assert "the sound system does not answer" in last.found
    assert last.do


async def test_calibrate_waits_for_a_headset_that_wakes_up(monkeypatch: pytest.MonkeyPatch) -> None:
    voice = pcm(noise(-20, 3) + noise(-55, 3))
    installed(monkeypatch, second(2.5) + ROOM + voice)
    seen: list[Progress] = []
    measured = await measure(Microphone(), quiet_s=2, speech_s=2, show=seen.append)
    assert measured.floor_db == pytest.approx(-55, abs=3)
    assert measured.room.zeros_s == 0


async def test_calibrate_of_nothing_but_zeros_says_what_may_forbid_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.platform", "win32")
    installed(monkeypatch, second(20))
    with pytest.raises(AudioDeviceError, match="nothing but zeros") as caught:
        await measure(Microphone(), quiet_s=1, speech_s=2, show=lambda _: None)
    assert "Let desktop apps access your microphone" in caught.value.hint
