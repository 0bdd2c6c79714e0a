"""Keyboard: what a terminal sends, told apart into lone keys and what is none. Pure.

A function key, an arrow, a mouse, a window that gets the focus and a pasted text arrive as runs of
ordinary letters behind an escape: a presenter's Page Down is `ESC [ 6 ~`. They are swallowed whole,
however the reads divide them. What is no run but comes faster than fingers is a text (a paste that
the terminal does not mark, a scanner): swallowed too. So a letter is held back for some
milliseconds, until it is known to be alone. Time is handed in, and decides alone: how many letters
a read brings makes no difference. Sources: ECMA-48 (CSI, SS3 and strings, in 7 and 8 bits), XTerm's
control sequences (mouse, focus, bracketed paste), `console_codes(4)` (Linux' function keys).
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto
from typing import Final

LONE_ESCAPE_S: Final = 0.05
"""An escape with no letter behind it for so long is the key itself; with Alt held down, a letter
follows at once."""
BROKEN_S: Final = 1.0
"""A run that takes longer has lost its end: what comes then is a key."""
LOST_PASTE_S: Final = 5.0
"""So long after its last letter a marked paste is over, though its end has not come."""
FASTER_S: Final = 0.008
"""Letters that come closer upon each other than this are none of fingers, if they are `PASTED`."""
PASTED: Final = 4
QUIET_S: Final = 0.3
"""The rest of a text may come in a packet of its own: until so long after its last letter."""

_PASTE_BEGINS: Final = "200~"
_PASTE_ENDS: Final = "\x1b[201~"
_STRINGS: Final = "]PX^_"
"""Behind an escape: a string follows, up to BEL or `ESC \\`."""
_IN_8_BITS: Final = {"\x9b": "[", "\x8f": "O", "\x90": "P", "\x98": "X"} | {
    "\x9d": "]",
    "\x9e": "^",
    "\x9f": "_",
}
"""Two signs in one, as some terminals send them: `ESC [` and so on."""
_STRING_ENDS: Final = "\a\x9c\x18\x1a"
_CANCELS: Final = "\x18\x1a"
_LONGEST: Final = 64
"""Characters of a control sequence; a longer one is none."""


class _State(Enum):
    NOTHING = auto()
    ESCAPE = auto()
    SEQUENCE = auto()
    SINGLE = auto()
    SKIP = auto()
    STRING = auto()
    STRING_ESCAPE = auto()


class _Fingers:
    """Letters, held back until it is known whether they are keys or a text."""

    def __init__(self) -> None:
        self._held: list[str] = []
        self._at = float("-inf")
        self._text_at = float("-inf")

    def push(self, letter: str, now: float) -> list[str]:
        """Take one; the earlier ones that are keys, as it turns out."""
        done = self.take(now)
        if now - self._text_at < QUIET_S:
            self._text_at = now
            return done
        self._held.append(letter)
        self._at = now
        if len(self._held) >= PASTED:
            self._held.clear()
            self._text_at = now
        return done

    def take(self, now: float) -> list[str]:
        """Those that have been alone for long enough."""
        if not self._held or now < self._at + FASTER_S:
            return []
        done, self._held = self._held, []
        return done

    def next_timer(self) -> float | None:
        """When `take` has something, if nothing else comes."""
        return self._at + FASTER_S if self._held else None


class KeyParser:
    """Lone keys of what is read; `windows`: a console's prefix of two-part keys counts too.

    Hand in what was read, with its monotonic second, then `take` the keys; once more at the time of
    `next_timer`.
    """

    def __init__(self, *, windows: bool = False) -> None:
        self._prefixes = "\0\xe0" if windows else ""
        self._state = _State.NOTHING
        self._run = ""
        self._run_at = 0.0
        self._run_s = BROKEN_S
        self._skip = 0
        self._pasting = False
        self._read_at = 0.0
        self._fingers = _Fingers()
        self._keys: list[str] = []

    def push(self, text: str, now: float) -> None:
        """Take what was read at this second; bytes that are no UTF-8 by `surrogateescape`."""
        if self._pasting and now - self._read_at >= LOST_PASTE_S:
            self._pasting, self._run = False, ""
        self._read_at = now
        if self._state not in (_State.NOTHING, _State.ESCAPE) and now >= self._run_at + self._run_s:
            self._state = _State.NOTHING
        for sign in text:
            for letter in self._take(_of_8_bits(sign), now):
                self._keys += self._fingers.push(letter, now)

    def take(self, now: float) -> list[str]:
        """Lone keys that have come to light since, in order."""
        keys, self._keys = self._keys + self._fingers.take(now), []
        return keys

    def next_timer(self) -> float | None:
        """When `take` has something, if nothing else comes."""
        return self._fingers.next_timer()

    def _take(self, sign: str, now: float) -> Iterator[str]:
        if self._pasting:
            self._paste(sign)
            return
        match self._state:
            case _State.NOTHING:
                yield from self._begin(sign, now)
            case _State.ESCAPE:
                yield from self._escaped(sign, now)
            case _State.SEQUENCE:
                self._sequence(sign, now)
            case _State.SINGLE:
                if sign not in "0123456789;":  # with a modifier: ESC O 5 q
                    self._state = _State.NOTHING
            case _State.SKIP:
                self._skip -= 1
                if self._skip <= 0:
                    self._state = _State.NOTHING
            case _State.STRING:
                if sign in _STRING_ENDS:
                    self._state = _State.NOTHING
                elif sign == "\x1b":
                    self._state = _State.STRING_ESCAPE
            case _State.STRING_ESCAPE:
                if sign == "\\":
                    self._state = _State.NOTHING
                else:  # the string was given up
                    self._enter(_State.ESCAPE, now)
                    yield from self._escaped(sign, now)

    def _begin(self, sign: str, now: float) -> Iterator[str]:
        if sign == "\x1b":
            self._enter(_State.ESCAPE, now)
        elif sign in _IN_8_BITS:
            self._enter(_State.ESCAPE, now)
            yield from self._escaped(_IN_8_BITS[sign], now)
        elif sign in self._prefixes and self._prefixes:
            self._skip_next(1)
            self._run_at, self._run_s = now, LONE_ESCAPE_S  # else it was the letter à
        else:
            yield sign

    def _escaped(self, sign: str, now: float) -> Iterator[str]:
        lone = now >= self._run_at + LONE_ESCAPE_S
        if sign == "\x1b":
            self._enter(_State.ESCAPE, now)
        elif sign == "[":
            self._enter(_State.SEQUENCE, now)
        elif sign == "O":
            self._enter(_State.SINGLE, now)
        elif sign in _STRINGS:
            self._enter(_State.STRING, now)
        else:  # with Alt held down, unless the escape was a key
            self._state = _State.NOTHING
            if lone:
                yield from self._begin(sign, now)

    def _sequence(self, sign: str, now: float) -> None:
        self._run += sign
        if self._run == "[":  # Linux' console: ESC [ [ A
            self._skip_next(1)
        elif self._run == "M":  # the oldest mouse protocol: button, column, row
            self._skip_next(3)
        elif sign == "\x1b":
            self._enter(_State.ESCAPE, now)
        elif "@" <= sign <= "~" or sign in _CANCELS or len(self._run) > _LONGEST:
            self._state = _State.NOTHING
            self._pasting = self._run == _PASTE_BEGINS
            self._run = ""

    def _paste(self, sign: str) -> None:
        """Whatever is in it, only its end counts."""
        self._run = (self._run + sign)[-len(_PASTE_ENDS) :]
        if self._run == _PASTE_ENDS:
            self._pasting, self._run = False, ""

    def _enter(self, state: _State, now: float) -> None:
        self._state, self._run = state, ""
        self._run_at, self._run_s = now, BROKEN_S

    def _skip_next(self, count: int) -> None:
        self._state, self._skip = _State.SKIP, count


def _of_8_bits(sign: str) -> str:
    """A control sign in a terminal of 8 bits, whose byte is no UTF-8; else the sign."""
    return chr(ord(sign) - 0xDC00) if "\udc80" <= sign <= "\udc9f" else sign
