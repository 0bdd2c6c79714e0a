"""What is told of a microphone while it is heard: events and warnings, with their hints."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from micstream import events
from micstream.audio.format import SPEECH
from micstream.sources.health import HealthReporter
from micstream.sources.source import Block
from micstream.taps import Captured
from tests.audio.test_meter import noise, pcm

BLOCK = 1_024


class Device:
    """A source by its name."""

    format = SPEECH
    pick = 0

    def __init__(self, name: str) -> None:
        self.name = name

    async def blocks(self) -> AsyncIterator[Block]:
        """Nothing is read of it here."""
        return
        yield


class Browser(Device):
    """One that is silent where nobody speaks."""

    silent_at_rest = True


def heard(reporter: HealthReporter, sound: bytes) -> None:
    for at in range(0, len(sound), BLOCK):
        piece = sound[at : at + BLOCK]
        reporter.captured(Captured("Jabra", 0, at // 2, at / 32_000, piece, speaking=False))


@pytest.mark.parametrize(("floor_db", "seconds"), [(None, 62), (-60.0, 12)])
def test_a_headset_that_is_muted_at_itself_is_told_with_what_to_do(
    floor_db: float | None, seconds: int
) -> None:
    told: list[events.Event] = []
    reporter = HealthReporter(told.append)
    reporter.opened(Device("Jabra"), floor_db=floor_db)
    heard(reporter, pcm(noise(-78, seconds)))
    (warned,) = told
    assert isinstance(warned, events.Warned)
    assert warned.code == "microphone_muted"
    assert "'Jabra' delivers next to nothing: -78 dBFS" in warned.message
    assert "muted, at the headset or its cable?" in warned.hint
    assert "micstream calibrate" in warned.hint


def test_another_device_begins_anew() -> None:
    told: list[events.Event] = []
    reporter = HealthReporter(told.append)
    reporter.opened(Device("Jabra"), floor_db=-60.0)
    heard(reporter, pcm(noise(-78, 8)))
    reporter.opened(Device("studio"))
    heard(reporter, pcm(noise(-78, 50)))
    assert told == []


@pytest.mark.parametrize("silence", [bytes(90 * 32_000), pcm(noise(-88, 90))])
def test_a_silence_that_a_browser_makes_is_no_dead_microphone(silence: bytes) -> None:
    told: list[events.Event] = []
    reporter = HealthReporter(told.append)
    reporter.opened(Browser("room:anna"), floor_db=-60.0)
    heard(reporter, silence)
    assert told == []
    reporter.opened(Device("Jabra"), floor_db=-60.0)
    heard(reporter, silence)
    assert len(told) == 1


def test_a_browser_that_clips_is_told() -> None:
    told: list[events.Event] = []
    reporter = HealthReporter(told.append)
    reporter.opened(Browser("room:anna"))
    heard(reporter, pcm(noise(6, 20)))
    assert [type(each) for each in told] == [events.Microphone]
