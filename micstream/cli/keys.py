"""Single keys while a command runs in a terminal: each one a verb of the controls."""

from __future__ import annotations

import asyncio
import os

from micstream.cli.keyboard import KeyParser
from micstream.cli.keymap import QUIT, Keymap
from micstream.cli.terminal import Reader, terminal
from micstream.controls import Controls
from micstream.signals import hangup_ends
from micstream.tasks import task_group


class Keys:
    """Reads keys as they are pressed; puts the terminal back as it was on every path."""

    def __init__(
        self,
        controls: Controls,
        stop: asyncio.Event,
        reader: Reader | None = None,
        keymap: Keymap | None = None,
    ) -> None:
        self._controls = controls
        self._keymap = keymap or Keymap(avatars=controls.avatars)
        self._stop = stop
        self._loop = asyncio.get_running_loop()
        self._pressed: asyncio.Queue[str] = asyncio.Queue()
        self._parser = KeyParser(windows=os.name == "nt")
        self._timer: asyncio.TimerHandle | None = None
        self._reader = reader or terminal(self.take, self._hung_up)

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
        if key.lower() in QUIT:
            self._stop.set()
        elif (meaning := self._keymap.press(key)) is not None:
            await self._controls.do(*meaning, by="key")

    def take(self, text: str, now: float) -> None:
        """Take what the terminal sent at this monotonic second."""
        self._parser.push(text, now)
        self._take_keys(now)

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
