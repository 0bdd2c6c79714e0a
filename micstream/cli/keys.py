"""Single keys while a command runs in a terminal: each one a verb of the controls."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from typing import Literal, Protocol

from micstream.cli.dialog import Dialog
from micstream.cli.keyboard import KeyParser
from micstream.cli.keymap import QUIT, Keymap, Meaning
from micstream.cli.terminal import Reader, Screen, terminal
from micstream.controls import Controls
from micstream.signals import hangup_ends
from micstream.tasks import task_group
from micstream.view.live.scene import Asked, KeyWords


class Picture(Screen, Protocol):
    """What fills the terminal, as far as keys have to do with it: see `view.live.live_view`."""

    def use(self, keys: KeyWords, press: Callable[[str], None]) -> None:
        """Tell these keys; `press` is called, in any thread, for what is clicked."""
        ...

    def ask(self, asked: Asked) -> None:
        """Show what the keyboard waits for."""
        ...

    def feed(self, text: str) -> None:
        """Take what the terminal sent."""
        ...


class Keys:
    """Reads keys as they are pressed; puts the terminal back as it was on every path.

    `picture` fills the terminal for as long as it is read: then there is a dialog.
    """

    def __init__(
        self,
        controls: Controls,
        stop: asyncio.Event,
        reader: Reader | None = None,
        keymap: Keymap | None = None,
        picture: Picture | None = None,
    ) -> None:
        self._controls = controls
        self._keymap = keymap or Keymap(avatars=controls.avatars)
        self._stop = stop
        self._loop = asyncio.get_running_loop()
        self._pressed: asyncio.Queue[str] = asyncio.Queue()
        self._parser = KeyParser(windows=os.name == "nt")
        self._timer: asyncio.TimerHandle | None = None
        self._picture = picture
        self._dialog: Dialog | None = None
        if picture is not None:
            self._dialog = Dialog(self._keymap, lambda: controls.state, picture.ask)
            words = KeyWords(self._keymap.verbs, self._keymap.cues, controls.avatars)
            picture.use(words, self._click)
        self._reader = reader or terminal(self.take, self._hung_up, picture)

    async def run(self) -> None:
        """Do what each key says, until cancelled.

        A verb that takes its time holds up no other.
        """
        with self._reader.reading():
            async with task_group() as tasks:
                while True:
                    tasks.create_task(self.press(await self._pressed.get()))

    async def press(self, key: str) -> None:
        """Carry out what a key means."""
        meaning = self._meaning(key)
        if meaning == "quit":
            self._stop.set()
        elif meaning is not None:
            await self._controls.do(*meaning, by="key")

    def _meaning(self, key: str) -> Meaning | Literal["quit"] | None:
        if self._dialog is not None:
            return self._dialog.press(key, time.monotonic())
        return "quit" if key.lower() in QUIT else self._keymap.press(key)

    def take(self, text: str, now: float) -> None:
        """Take what the terminal sent at this monotonic second."""
        if self._picture is not None:
            self._picture.feed(text)
        self._parser.push(text, now)
        self._take_keys(now)

    def _click(self, key: str) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has closed
            self._loop.call_soon_threadsafe(self._pressed.put_nowait, key)

    def _take_keys(self, now: float) -> None:
        for key in self._parser.take(now):
            self._pressed.put_nowait(key)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self._parser.next_timer()
        if due is not None:
            self._timer = self._loop.call_at(due, self._take_keys, due)

    def _hung_up(self) -> None:
        """The terminal was closed: nothing more is pressed."""
        if hangup_ends():
            self._stop.set()
