"""Keys and what they mean: a verb and its argument, as the show's file may say otherwise. Pure.

Digits are cues where there are cues; then `r` and a digit is a route. Where there are none a digit
is a route by itself, as it always was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from micstream.errors import UsageError
from micstream.verbs import NEXT, STOP, VERBS

Meaning = tuple[str, str | int | None]
"""A verb and its argument."""

KEYS: Final[dict[str, Meaning]] = {
    "m": ("mute", "toggle"),
    "t": ("manual", "toggle"),
    "v": ("auto", None),
    "c": ("cough", None),
    "i": ("interrupt", None),
    "p": ("panic", None),
    "s": ("cue", STOP),
    "k": ("mark", "key"),
    "n": ("performer", NEXT),
}
"""Key: its verb, and the verb's argument."""
ROUTE: Final = "r"
HELP: Final = "?"
QUIT: Final = ("q", "\x03")
"""Ctrl-C is a key where the terminal makes no signal of it."""
_WORDS: Final = {
    "mute": "mute",
    "manual": "talk (open the gate)",
    "auto": "automatic",
    "cough": "cough",
    "interrupt": "interrupt",
    "panic": "panic",
    "cue": "stop the cue",
    "mark": "mark",
    "performer": "next performer",
}


class Keymap:
    """Keys of one show: `cues` are names by their keys in order, `own` keys of verbs.

    Raises:
        UsageError: a verb is not there, or a key is taken twice.
    """

    def __init__(
        self,
        *,
        avatars: int = 1,
        cues: Sequence[tuple[str, str]] = (),
        own: Mapping[str, str] | None = None,
        performers: int = 0,
    ) -> None:
        self._avatars = avatars
        self._cues = tuple(cues)
        own = dict(own or {})
        # First all that give their key up: two verbs may change places.
        self._keys = {key: m for key, m in KEYS.items() if m[0] not in own}
        if not performers:
            self._keys.pop("n", None)
        for verb, key in own.items():
            self._rebind(verb, key)
        if not performers:
            self._keys = {key: m for key, m in self._keys.items() if m[0] != "performer"}
        # As they are told: in the order of the usual ones.
        order = [verb for verb, _ in KEYS.values()]
        self._keys = dict(sorted(self._keys.items(), key=lambda each: order.index(each[1][0])))
        self._named = {key: name for name, key in cues if key}
        for key in self._named:
            if _is_reserved(key) or key in self._keys:
                raise _taken(key)
        self._routing = False

    def press(self, key: str) -> Meaning | None:
        """What a key means; None: nothing, or not yet."""
        routing, self._routing = self._routing, False
        if key in self._named:
            return "cue", self._named[key]
        if key in self._keys:
            return self._keys[key]
        key = key.lower()
        if key in self._named:
            return "cue", self._named[key]
        if key == ROUTE and self._cues and self._avatars > 1:
            self._routing = True
            return None
        if key.isascii() and key.isdecimal():
            return self._digit(int(key), routing)
        return self._keys.get(key)

    @property
    def is_routing(self) -> bool:
        """The next digit is a route."""
        return self._routing

    @property
    def verbs(self) -> tuple[tuple[str, str], ...]:
        """Keys of verbs, and their words."""
        return tuple(
            (key, _WORDS[verb])
            for key, (verb, _) in self._keys.items()
            if self._cues or verb != "cue"
        )

    @property
    def cues(self) -> tuple[tuple[str, str], ...]:
        """Keys of cues, and their names: digits for those without one of their own."""
        numbered = enumerate(self._cues, 1)
        keyed = ((key or (str(n) if n <= 9 else ""), name) for n, (name, key) in numbered)
        return tuple((key, name) for key, name in keyed if key)

    def help(self) -> str:
        """Words for people: what there is to press."""
        words = [f"{key} {word}" for key, word in self.verbs]
        lines = ["keys: " + "   ".join([*words, "q quit"])]
        digits = f"1 to {min(self._avatars, 9)}: that avatar speaks   0: all of them"
        if self._cues:
            names = (
                f"{number} {name}" if not key else f"{key} {name}"
                for number, (name, key) in enumerate(self._cues[:9], 1)
            )
            lines.append("cues: " + "   ".join(names))
            digits = f"r, then {digits}"
        if self._avatars > 1:
            lines.append(digits)
        return "\n      ".join(lines)

    def _digit(self, number: int, routing: bool) -> Meaning | None:
        if self._cues and not routing:
            return ("cue", self._cues[number - 1][0]) if 1 <= number <= len(self._cues) else None
        return ("route", number) if number <= self._avatars else None

    def _rebind(self, verb: str, key: str) -> None:
        if verb not in VERBS or verb not in _WORDS:
            raise UsageError(
                f"--show: [keys]: there is no verb {verb!r}",
                hint=f"one of {', '.join(_WORDS)}",
                code="bad_show",
            )
        if len(key) != 1 or key.isspace() or key.isdecimal() or not key.isprintable():
            raise UsageError(
                f"--show: [keys]: {verb} = {key!r} is no key",
                hint="expected one letter or sign; digits are cues",
                code="bad_show",
            )
        if _is_reserved(key) or key in self._keys:
            raise _taken(key)
        self._keys[key] = next(m for m in KEYS.values() if m[0] == verb)


def _is_reserved(key: str) -> bool:
    return key.lower() in (*QUIT, ROUTE, HELP)


def _taken(key: str) -> UsageError:
    return UsageError(
        f"--show: the key {key!r} is taken", hint="choose another for one of both", code="bad_show"
    )
