"""Single keys while a command runs in a terminal."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from typing import Any, Self

from micstream.pipeline import Performance
from micstream.speech.cutter import Gate


class Keys:
    """Reads keys as they are pressed; puts the terminal back as it was on every path."""

    HELP = "keys: m mute   t talk (hold the line open)   v by voice   i interrupt   q quit"

    @classmethod
    def help(cls, avatars: int) -> str:
        """What there is to press, with so many avatars."""
        if avatars == 1:
            return cls.HELP
        return f"{cls.HELP}\n      1 to {min(avatars, 9)}: that avatar speaks   0: all of them"

    def __init__(self, performance: Performance, stop: asyncio.Event) -> None:
        self._performance = performance
        self._stop = stop
        self._loop = asyncio.get_running_loop()
        self._before: list[Any] | None = None
        self._unmuted = Gate.DETECTOR
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        if os.name == "nt":
            threading.Thread(target=self._read_console, daemon=True, name="keys").start()
            return self
        import termios
        import tty

        descriptor = sys.stdin.fileno()
        self._before = termios.tcgetattr(descriptor)
        tty.setcbreak(descriptor)
        self._loop.add_reader(descriptor, self._read)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            import termios

            descriptor = sys.stdin.fileno()
            self._loop.remove_reader(descriptor)
            with contextlib.suppress(termios.error):  # the terminal was closed
                termios.tcsetattr(descriptor, termios.TCSADRAIN, self._before)

    def _read(self) -> None:
        try:
            pressed = os.read(sys.stdin.fileno(), 64)
        except OSError:
            pressed = b""
        if not pressed:  # the terminal was closed
            self._loop.remove_reader(sys.stdin.fileno())
            self._stop.set()
        for key in pressed.decode(errors="ignore"):
            self.press(key)

    def _read_console(self) -> None:
        import msvcrt  # Windows only

        while not self._stop.is_set():
            key = msvcrt.getwch()  # type: ignore[attr-defined]
            self._loop.call_soon_threadsafe(self.press, key)

    def press(self, key: str) -> None:
        """What a key does."""
        performance = self._performance
        match key.lower():
            case "m" if performance.gate is Gate.CLOSED:
                self._gate(self._unmuted, "unmuted")
            case "m":
                self._unmuted = Gate.DETECTOR
                self._gate(Gate.CLOSED, "muted")
            case "t" if performance.gate is Gate.OPEN:
                self._unmuted = Gate.OPEN
                self._gate(Gate.CLOSED, "line closed")
            case "t":
                self._gate(Gate.OPEN, "line open: all you say is sent")
            case "v":
                self._gate(Gate.DETECTOR, "by voice")
            case "i":
                task = self._loop.create_task(performance.interrupt())
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
                sys.stderr.write("interrupted\n")
            case "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9":
                with contextlib.suppress(ValueError):  # there are not so many
                    performance.give_voice(int(key))
            case "q":
                self._stop.set()
            case _:
                pass

    def _gate(self, gate: Gate, words: str) -> None:
        self._performance.set_gate(gate)
        sys.stderr.write(f"{words}\n")
