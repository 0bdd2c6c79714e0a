"""Keyboard: what a terminal sends, told apart into lone keys and what is none. Pure.

A function key, an arrow, a mouse, a window that gets the focus and a pasted text arrive as runs of
ordinary letters behind an escape: a presenter's Page Down is `ESC [ 6 ~`. They are swallowed whole,
also where a run comes in two reads. Sources: ECMA-48 (CSI, SS3 and strings), XTerm's control
sequences (mouse, focus, bracketed paste), `console_codes(4)` (Linux' function keys).
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto
from typing import Final

LONE_ESCAPE_S: Final = 0.05
"""An escape with nothing behind it for so long is the key itself; a run comes faster."""
BROKEN_S: Final = 1.0
"""A run that stops for so long has lost its end: what comes then is a key."""
PASTED: Final = 4
"""So many letters in one read are no fingers, but a text pasted into a terminal that says nothing
of it."""

_PASTE_BEGINS, _PASTE_ENDS = "200~", "201~"
_STRINGS: Final = "]PX^_"
"""Behind an escape: a string follows, up to BEL or `ESC \\`."""
_LONGEST: Final = 64
"""Characters of a control sequence; a longer one is none."""


class _State(Enum):
    NOTHING = auto()
    ESCAPE = auto()
    SEQUENCE = auto()
    SKIP = auto()
    STRING = auto()


class KeyParser:
    """Lone keys of what is read; `windows`: a console's prefix of two-part keys counts too."""

    def __init__(self, *, windows: bool = False) -> None:
        self._prefixes = "\0\xe0" if windows else ""
        self._state = _State.NOTHING
        self._run = ""
        self._skip = 0
        self._pasting = False
        self._pasted = False
        self._read_at = 0.0

    def push(self, text: str, now: float) -> list[str]:
        """Lone keys in what was read at this monotonic second, in order."""
        pause = now - self._read_at
        self._read_at = now
        lone = self._state is _State.ESCAPE and pause >= LONE_ESCAPE_S
        if lone or (self._state is not _State.NOTHING and pause >= BROKEN_S):
            self._state = _State.NOTHING
        keys = [key for sign in text for key in self._take(sign)]
        # The rest of a long text may come in a read of its own.
        self._pasted = len(keys) >= PASTED or (self._pasted and pause < LONE_ESCAPE_S)
        return [] if self._pasted else keys

    def _take(self, sign: str) -> Iterator[str]:
        match self._state:
            case _State.NOTHING:
                yield from self._begin(sign)
            case _State.ESCAPE:
                self._escaped(sign)
            case _State.SEQUENCE:
                self._sequence(sign)
            case _State.SKIP:
                self._skip -= 1
                if self._skip <= 0:
                    self._state = _State.NOTHING
            case _State.STRING:
                if sign == "\a" or (self._run == "\x1b" and sign == "\\"):
                    self._state = _State.NOTHING
                self._run = sign

    def _begin(self, sign: str) -> Iterator[str]:
        if sign == "\x1b":
            self._state = _State.ESCAPE
        elif sign in self._prefixes and self._prefixes:
            self._skip_next(1)
        elif not self._pasting:
            yield sign

    def _escaped(self, sign: str) -> None:
        self._run = ""
        if sign == "[":
            self._state = _State.SEQUENCE
        elif sign == "O":
            self._skip_next(1)
        elif sign in _STRINGS:
            self._state = _State.STRING
        elif sign != "\x1b":  # with Alt held down
            self._state = _State.NOTHING

    def _sequence(self, sign: str) -> None:
        self._run += sign
        if self._run == "[":  # Linux' console: ESC [ [ A
            self._skip_next(1)
        elif self._run == "M":  # the oldest mouse protocol: button, column, row
            self._skip_next(3)
        elif "@" <= sign <= "~" or len(self._run) > _LONGEST:
            self._state = _State.NOTHING
            if self._run == _PASTE_BEGINS:
                self._pasting = True
            elif self._run == _PASTE_ENDS:
                self._pasting = False
        elif sign == "\x1b":
            self._state = _State.ESCAPE

    def _skip_next(self, count: int) -> None:
        self._state, self._skip = _State.SKIP, count
