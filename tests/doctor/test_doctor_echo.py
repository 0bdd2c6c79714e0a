"""What the doctor says of an echo: whether the guard will do, and if not what helps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from micstream import doctor
from micstream.doctor import echo as module
from micstream.doctor.check import Check
from micstream.doctor.echo import Echo, check_echo, judge
from micstream.room.utterance import UtteranceClosed
from micstream.settings import Settings, load
from micstream.sources import opening
from micstream.sources.source import Block, Item, Opened
from testbed.sources import Silent


@pytest.mark.parametrize(
    ("echo", "guarded", "state", "words"),
    [
        (Echo(heard=False), True, "warning", "no reference"),
        (Echo(heard=True), True, "ok", "no echo"),
        (Echo(True, 220, -3.0, 24.0, 0.98), True, "ok", "220 ms after it, -3 dB"),
        (Echo(True, 220, -3.0, 24.0, 0.98), False, "warning", "takes off 24 dB"),
        (Echo(True, 220, 9.0, 10.0, 0.95), True, "warning", "will not do"),
        (Echo(True, 220, 0.0, 10.0, 0.5), True, "warning", "knows 50% of it: that will not do"),
        (Echo(True, 20, 0.0, 10.0, 0.95, missed=0.3), True, "warning", "20 ms"),
    ],
)
def test_the_verdict(echo: Echo, guarded: bool, state: str, words: str) -> None:
    check = judge(echo, avatar="it", guarded=guarded)
    assert check.state == state
    assert words in check.found
    assert state == "ok" or check.do


def test_what_helps_is_told() -> None:
    check = judge(Echo(True, 220, 9.0, 10.0, 0.95), avatar="it", guarded=True)
    for word in ("mix-minus", "directional", "in-ear"):
        assert word in check.do


class Gone:
    """A room whose avatar leaves as soon as anything is said through it."""

    adopted = ears = None

    def __init__(self, error: Exception) -> None:
        self._error = error
        self.identity, self.is_listening = "avatar-anna", True

    @property
    def avatars(self) -> tuple[Gone, ...]:
        return (self,)

    async def wait_ready(self, timeout: float, *, at_least: int) -> None:
        del timeout, at_least

    @asynccontextmanager
    async def utterance(self, *, avatar: str) -> AsyncIterator[Gone]:
        del avatar
        if isinstance(self._error, KeyError):
            raise self._error
        yield self

    async def write(self, pcm: bytes) -> None:
        del pcm
        raise self._error


class Endless:
    """A microphone in a silent room."""

    async def items(self) -> AsyncIterator[Item]:
        yield Opened(Silent(16_000))
        at = 0.0
        while True:
            at += 0.01
            await asyncio.sleep(0)
            yield Block(bytes(320), at)


@pytest.mark.parametrize("error", [UtteranceClosed(), KeyError("avatar-anna")])
async def test_an_avatar_that_leaves_meanwhile_is_a_check_that_failed(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    @asynccontextmanager
    async def as_sender(*_: Any) -> AsyncIterator[Gone]:
        yield Gone(error)

    monkeypatch.setattr(module, "as_sender", as_sender)
    monkeypatch.setattr(opening, "live", lambda *_, **__: Endless())
    (check,) = [each async for each in check_echo(load(_env_file=None))]
    assert (check.state, check.exit_code) == ("failed", 6)
    assert "avatar-anna left, or was interrupted" in check.found


async def test_each_performers_microphone_is_checked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def checked(settings: Settings) -> AsyncIterator[Check]:
        yield Check("device", "ok", f"{settings.device}, {settings.channel}")

    monkeypatch.setattr(doctor, "check_microphone", checked)
    monkeypatch.chdir(tmp_path)
    for name in ("LIVEKIT_URL", "LIVEKIT_TOKEN", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"):
        monkeypatch.delenv(name, raising=False)
    performers = ("anna=USB:2", "ben=room:ben")

    async def found(**given: Any) -> list[tuple[str, str, str]]:
        settings = load(_env_file=None, performer=performers, **given)
        checks = [each async for each in doctor.diagnose(settings, through=False)]
        return [(each.name, each.state, each.found) for each in checks[:-1]]

    away = "it is in the room, and not at this machine"
    several = [("anna, device", "ok", "USB, 2"), ("ben, microphone", "left out", away)]
    assert await found() == several
    assert await found(device="Headset") == [("device", "ok", "Headset, 0")]
