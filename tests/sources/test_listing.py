"""Listing the microphones: those that answer, and what is said where one does not."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from micstream.cli.app import app
from micstream.errors import AudioDeviceError
from micstream.sources import audio_thread, portaudio
from micstream.sources.listing import list_devices
from tests.support.portaudio import FakeDevice, FakePortAudio
from tests.support.standstill import Standstill

NAMES = ("one", "two", "three")


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakePortAudio:
    fake = FakePortAudio([FakeDevice(name) for name in NAMES])
    monkeypatch.setattr(portaudio, "load", lambda: fake)
    monkeypatch.setattr(audio_thread, "DEADLINE_S", 0.2)
    return fake


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> Iterator[Standstill]:
    still = Standstill(monkeypatch)
    yield still
    still.let_go()


def standing_still_at(still: Standstill, fake: FakePortAudio, name: str) -> None:
    """Asking this device what it can be opened as does not return."""
    asked = fake.check_input_settings

    def check(device: int, channels: int, dtype: str, *, samplerate: float) -> None:
        if fake.devices[device].name == name:
            still.wait()
        asked(device, channels, dtype, samplerate=samplerate)

    fake.check_input_settings = check  # type: ignore[method-assign]


async def test_all_of_them_and_their_rates(fake: FakePortAudio) -> None:
    found, error = await list_devices()
    assert [(device.name, rates) for device, rates in found] == [(n, [48_000]) for n in NAMES]
    assert error is None


async def test_where_none_answers_that_is_told(fake: FakePortAudio, still: Standstill) -> None:
    still.of(fake, "query_devices")
    with pytest.raises(AudioDeviceError, match="does not answer"):
        await list_devices()


async def test_one_that_does_not_answer_hides_none(fake: FakePortAudio, still: Standstill) -> None:
    standing_still_at(still, fake, "two")
    found, error = await list_devices()
    assert [(device.name, rates) for device, rates in found] == [
        ("one", [48_000]),
        ("two", None),
        ("three", None),
    ]
    assert error is not None
    assert error.message.startswith("'two': the sound system does not answer")


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_the_command_lists_those_that_answer_and_fails(
    fake: FakePortAudio, still: Standstill, options: tuple[str, ...]
) -> None:
    standing_still_at(still, fake, "two")
    done = CliRunner().invoke(app, ["devices", *options])
    assert isinstance(done.exception, AudioDeviceError)
    assert done.exception.exit_code == 4
    if options:
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert [line["rates"] for line in lines] == [[48_000], [], []]
