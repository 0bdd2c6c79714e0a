"""The live view, and lines before and after it: whatever becomes of the screen, nothing is lost."""

from __future__ import annotations

import asyncio
import errno
import io
import os
import pty
import threading
from collections.abc import Iterator

import pytest
from rich.console import Console

from micstream import events
from micstream.view.lines import Lines
from micstream.view.live.live_view import LiveView
from micstream.view.live.picture import Picture
from testbed.waiting import wait_until

ENTERED, LEFT = "\x1b[?1049h", "\x1b[?1049l"
WARNED = events.Warned(code="x", message="the hall is on fire", hint="leave it")
BYE = events.Bye(
    utterances=3, seconds=1, dropped=0, delay_median_ms=None, delay_p95_ms=None, faults=0
)


class Stage:
    """A live view on a terminal, and lines of it that are noted."""

    def __init__(self) -> None:
        self.keyboard, self.terminal = pty.openpty()
        self.written = ""
        self.out = io.StringIO()
        self.errors = io.StringIO()
        console = Console(file=self.out, width=200, highlight=False)
        self.view = LiveView(Lines(console, errors=self.errors), self.terminal, room="show")
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        try:
            while part := os.read(self.keyboard, 65_536):
                self.written += part.decode(errors="replace")
        except OSError:
            pass

    async def until(self, said: str, count: int = 1) -> None:
        """Until the terminal was sent that."""
        await wait_until(lambda: self.written.count(said) >= count, 20, lambda: self.written[-500:])

    async def take(self, *told: events.Event) -> None:
        """As the consumer's thread does."""
        for event in told:
            await asyncio.to_thread(self.view, event)


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    try:
        yield stage
    finally:
        stage.view.hide()
        os.close(stage.terminal)
        os.close(stage.keyboard)


async def test_before_it_is_shown_there_are_lines(stage: Stage) -> None:
    await stage.take(events.Connection(state="connected", attempt=1), WARNED, BYE)
    said = stage.out.getvalue()
    assert said.index("in the room") < said.index("the hall is on fire") < said.index("3 utter")
    assert stage.written == ""


async def test_while_it_is_shown_there_are_none_and_trouble_and_summary_come_after(
    stage: Stage,
) -> None:
    stage.view.show()
    await stage.until(ENTERED)
    await stage.take(events.Connection(state="connected", attempt=1), WARNED)
    await stage.until("leave it")
    assert stage.out.getvalue() == ""
    await stage.take(BYE)
    await stage.until(LEFT)
    said = stage.out.getvalue()
    assert said.index("the hall is on fire") < said.index("3 utterances")


async def test_the_error_that_ends_it_is_told_when_the_terminal_is_free(stage: Stage) -> None:
    stage.view.show()
    await stage.until(ENTERED)
    failed = events.Failed(code="x", message="no such room", hint="look again")
    await stage.take(failed)
    assert stage.errors.getvalue() == ""
    await stage.take(BYE)
    assert "no such room" in stage.errors.getvalue()
    assert stage.view.lines.told_error.is_set()


async def test_it_is_given_back_and_taken_again(stage: Stage) -> None:
    for count in (1, 2, 3):
        stage.view.show()
        await stage.until(ENTERED, count)
        stage.view.hide()
        await stage.until(LEFT, count)
        assert not stage.view.is_shown


async def test_given_back_before_it_has_begun_it_never_begins(stage: Stage) -> None:
    stage.view.show()
    stage.view.hide()
    await wait_until(lambda: not stage.view.is_shown, 20, "it to be free")
    await stage.take(WARNED, BYE)
    assert "3 utterances" in stage.out.getvalue()


async def test_a_mistake_in_drawing_leaves_lines(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def draw(*_: object) -> Picture:
        raise ValueError("a mistake")

    monkeypatch.setattr("micstream.view.live.screen.draw", draw)
    stage.view.show()
    await wait_until(lambda: not stage.view.is_shown, 20, "it to be given up")
    stage.view.hide()  # Ctrl-Z, and fg
    stage.view.show()
    assert not stage.view.is_shown
    await stage.take(WARNED, BYE)
    assert "the hall is on fire" in stage.out.getvalue()
    assert "3 utterances" in stage.out.getvalue()


async def test_a_terminal_that_was_closed_is_told_to_whoever_watches() -> None:
    stage = Stage()
    stage.view.show()
    await stage.until(ENTERED)
    os.close(stage.terminal)
    with pytest.raises(OSError) as raised:
        for n in range(200):
            await stage.take(events.Marked(text=f"{n}", by="key"))
            await asyncio.sleep(0.05)
    assert raised.value.errno in (errno.EIO, errno.EBADF)
    os.close(stage.keyboard)
