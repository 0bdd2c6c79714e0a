"""Keys, pressed in a terminal: each is one verb, and the terminal is put back as it was."""

from __future__ import annotations

import asyncio
import errno
import io
import os
import pty
import signal
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from micstream import signals
from micstream.bus import Bus
from micstream.cli.keymap import KEYS
from micstream.cli.keys import Keys
from micstream.cli.run import showing
from micstream.cli.streams import OutputError
from micstream.controls import Controls
from micstream.events import Event, Ready
from micstream.fan_out import FanOut
from micstream.settings.pieces import ControlSettings
from micstream.verbs import VERBS
from testbed.outputs import NotedOutput
from testbed.waiting import wait_until


class Desk:
    """Keys of a terminal, over controls with two avatars."""

    def __init__(self, keyboard: int) -> None:
        self._keyboard = keyboard
        self.outputs = NotedOutput("avatar-a"), NotedOutput("avatar-b")
        self.bus = Bus()
        self.told = self.bus.subscribe("test", 1_000).events
        fan_out = FanOut(self.outputs)
        self.controls = Controls(fan_out, self.bus, ControlSettings(manual=False, route=0))
        self.stop = asyncio.Event()

    async def press(self, keys: str) -> None:
        """One after the other, as fingers do: many at once would be a text that was pasted."""
        for key in keys:
            os.write(self._keyboard, key.encode())
            await asyncio.sleep(0.05)  # the loop looks at the terminal meanwhile

    async def until(self, *expected: str) -> None:
        """So much was told, and nothing else."""
        await wait_until(lambda: len(self.told) >= len(expected), 5, lambda: f"{self.told}")
        assert [self._short(event.as_dict()) for event in self.told] == list(expected)

    @staticmethod
    def _short(told: dict[str, object]) -> str:
        assert told["event"] == "voice" or told["by"] == "key"
        muted = "muted " if told.get("muted") else ""
        return f"{told['event']} {muted}{told.get('state', told.get('number', ''))}".strip()


@asynccontextmanager
async def desk(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    keyboard, terminal = pty.openpty()
    before = termios.tcgetattr(terminal)
    try:
        with os.fdopen(terminal, "rb", buffering=0, closefd=False) as stdin:
            monkeypatch.setattr("sys.stdin", stdin)
            ours = Desk(keyboard)
            running = asyncio.create_task(Keys(ours.controls, ours.stop).run())
            await asyncio.sleep(0)
            yield ours
            running.cancel()
            await asyncio.wait([running])
        after = termios.tcgetattr(terminal)
        pending = getattr(termios, "PENDIN", 0)  # a matter of the driver's
        after[3] &= ~pending
        assert after == before, "the terminal is as it was"
    finally:
        os.close(keyboard)
        os.close(terminal)


async def test_each_is_its_verb(monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk(monkeypatch) as ours:
        await ours.press("mMtTvi")
        await ours.until(
            "gate muted closed",
            "gate detector",
            "gate open",
            "gate closed",
            "gate detector",
            "interrupted",
        )
        await wait_until(lambda: [each.interrupts for each in ours.outputs] == [1, 1], 5)


async def test_a_digit_routes_and_one_too_high_does_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with desk(monkeypatch) as ours:
        await ours.press("2391")
        await ours.until("route 2", "voice", "route 1", "voice")


async def test_q_asks_for_the_end_and_what_is_no_key_for_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with desk(monkeypatch) as ours:
        await ours.press("x#\xe4")
        await ours.press("q")
        await asyncio.wait_for(ours.stop.wait(), 5)
        assert not ours.told


async def test_one_that_takes_its_time_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk(monkeypatch) as ours:

        async def never() -> None:
            await asyncio.Event().wait()

        ours.outputs[0].interrupt = never  # type: ignore[method-assign]
        await ours.press("im")
        await ours.until("interrupted", "gate muted closed")


async def test_a_terminal_that_is_closed_asks_for_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    keyboard, terminal = pty.openpty()
    with os.fdopen(terminal, "rb", buffering=0) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        ours = Desk(keyboard)
        running = asyncio.create_task(Keys(ours.controls, ours.stop).run())
        await asyncio.sleep(0)
        os.close(keyboard)
        await asyncio.wait_for(ours.stop.wait(), 5)
        running.cancel()
        await asyncio.wait([running])


def test_each_key_means_a_verb_that_there_is() -> None:
    assert {verb for verb, _ in KEYS.values()} <= set(VERBS)


@pytest.mark.parametrize("ignored", [False, True])
async def test_a_closed_terminal_ends_nothing_where_hangups_are_ignored(
    monkeypatch: pytest.MonkeyPatch, ignored: bool
) -> None:
    """As under `nohup`, and after `trap '' HUP`."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
    asked: list[bool] = []

    def hangup_ends() -> bool:
        asked.append(signals.hangup_ends())
        return asked[-1]

    monkeypatch.setattr("micstream.cli.keys.hangup_ends", hangup_ends)
    keyboard, terminal = pty.openpty()
    try:
        with os.fdopen(terminal, "rb", buffering=0) as stdin:
            monkeypatch.setattr("sys.stdin", stdin)
            ours = Desk(keyboard)
            keys = Keys(ours.controls, ours.stop)
            running = asyncio.create_task(keys.run())
            await asyncio.sleep(0)
            os.close(keyboard)
            await wait_until(lambda: asked, 5)
            await asyncio.sleep(0)
            assert asked == [not ignored], "read once: again and again would take a whole core"
            assert ours.stop.is_set() is not ignored
            running.cancel()
            await asyncio.wait([running])
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
    ("number", "ignored", "ends"),
    [
        (errno.EPIPE, False, True),
        (errno.EIO, False, True),
        (errno.EIO, True, False),
        (errno.ENOSPC, False, False),
        (errno.EBADF, False, False),
    ],
)
async def test_what_ends_with_its_reader(
    monkeypatch: pytest.MonkeyPatch, number: int, ignored: bool, ends: bool
) -> None:
    def view(_: Event) -> None:
        raise OutputError(number, os.strerror(number))

    dropped = asyncio.Event()
    monkeypatch.setattr("micstream.cli.run.drop_stdout", dropped.set)
    monkeypatch.setattr("sys.stderr", io.StringIO())
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
    try:
        bus, stop = Bus(), asyncio.Event()
        async with showing(bus, view, stop):
            bus.emit(Ready())
            async with asyncio.timeout(5):
                await dropped.wait()
        assert stop.is_set() is ends
    finally:
        signal.signal(signal.SIGHUP, before)
