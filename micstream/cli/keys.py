"""Single keys while a command runs in a terminal: each one a verb of the controls."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, Final

from micstream.cli.keyboard import KeyParser
from micstream.controls import Controls
from micstream.tasks import task_group

KEYS: Final[dict[str, tuple[str, str | None]]] = {
    "m": ("mute", "toggle"),
    "t": ("manual", "toggle"),
    "v": ("auto", None),
    "i": ("interrupt", None),
}
"""Key: its verb, and the verb's argument. A digit is a `route`."""
QUIT: Final = "q"


class Keys:
    """Reads keys as they are pressed; puts the terminal back as it was on every path."""

    HELP = "keys: m mute   t talk (open the gate)   v automatic   i interrupt   q quit"

    @classmethod
    def help(cls, avatars: int) -> str:
        """Help: what there is to press, with so many avatars."""
        if avatars == 1:
            return cls.HELP
        return f"{cls.HELP}\n      1 to {min(avatars, 9)}: that avatar speaks   0: all of them"

    def __init__(self, controls: Controls, stop: asyncio.Event) -> None:
        self._controls = controls
        self._stop = stop
        self._loop = asyncio.get_running_loop()
        self._pressed: asyncio.Queue[str] = asyncio.Queue()
        self._parser = KeyParser(windows=os.name == "nt")
        self._decode = codecs.getincrementaldecoder("utf-8")("ignore").decode

    async def run(self) -> None:
        """Do what each key says, until cancelled.

        A verb that takes its time holds up no other.
        """
        with self._reading():
            async with task_group() as tasks:
                while True:
                    tasks.create_task(self.press(await self._pressed.get()))

    async def press(self, key: str) -> None:
        """Carry out what a key means."""
        key = key.lower()
        if key == QUIT:
            self._stop.set()
        elif key in KEYS:
            verb, argument = KEYS[key]
            await self._controls.do(verb, argument, by="key")
        elif key in "0123456789" and int(key) <= self._controls.avatars:
            await self._controls.do("route", int(key), by="key")

    # ---- the terminal --------------------------------------------------------------------------

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        if os.name == "nt":
            threading.Thread(target=self._read_console, daemon=True, name="keys").start()
            yield
            return
        import termios
        import tty

        descriptor = sys.stdin.fileno()
        before: list[Any] = termios.tcgetattr(descriptor)
        tty.setcbreak(descriptor)
        self._loop.add_reader(descriptor, self._read)
        try:
            yield
        finally:
            self._loop.remove_reader(descriptor)
            with contextlib.suppress(termios.error):  # the terminal was closed
                # Not after what is still to be written: where it is stopped that is for ever.
                termios.tcsetattr(descriptor, termios.TCSANOW, before)

    def _read(self) -> None:
        try:
            pressed = os.read(sys.stdin.fileno(), 4096)
        except OSError:
            pressed = b""
        if not pressed:  # the terminal was closed
            self._loop.remove_reader(sys.stdin.fileno())
            self._stop.set()
        self._take(self._decode(pressed))

    def _take(self, text: str) -> None:
        for key in self._parser.push(text, time.monotonic()):
            self._pressed.put_nowait(key)

    def _read_console(self) -> None:
        import msvcrt  # Windows only

        while not self._stop.is_set():
            key = msvcrt.getwch()  # type: ignore[attr-defined]
            self._loop.call_soon_threadsafe(self._take, key)
