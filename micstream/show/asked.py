"""What a program asks for, in any of the ways in which programs say it: a verb and its argument.

Pure. A switch may be true, 1 or "on"; an argument may be the body itself, the only value of an
object, or stand under a name that one would expect.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from micstream.errors import UsageError
from micstream.verbs import VERBS, Verb, expected

NAMES: Final = ("argument", "arg", "value", "state", "name", "number", "text", "to", "on")
"""Under which an argument may stand; the verb's own name too. The first that is there counts."""
_ON: Final = (True, "1", "true", "yes", "on")
_OFF: Final = (False, "0", "false", "no", "off")
_TEXT_LENGTH: Final = 1_000


def argument_for(verb: str, said: Any) -> str | int | None:
    """Argument of a verb as `Controls.do` takes it, from JSON or from a word.

    Nothing said: a switch toggles, and push-to-talk is on.

    Raises:
        UsageError: there is no such verb, or that is no argument for it.
    """
    known = VERBS.get(verb)
    if known is None:
        raise UsageError(
            f"there is no verb {verb[:40]!r}",
            hint=f"one of {', '.join(VERBS)}",
            code="no_such_verb",
        )
    value = _value(known, said)
    match known.takes:
        case "switch":
            return _switch(value, "toggle")
        case "hold":
            return _switch(value, "on")
        case "number":
            return _number(value)
        case "cue" | "performer" if isinstance(value, float) and value.is_integer():
            return int(value)
        case "nothing" if value is True or value in ("on", "1", 1):
            return None  # a button that says that it was pressed
        case _:
            return value if isinstance(value, str | int) and not isinstance(value, bool) else None


def _value(verb: Verb, said: Any) -> Any:
    if isinstance(said, Mapping):
        found = [said[name] for name in (verb.name, *NAMES) if name in said]
        others = {k: v for k, v in said.items() if k not in ("id", "do", "verb")}
        if not found and len(others) == 1:
            found = list(others.values())
        said = found[0] if found else None
        if others and said is None and not found:
            raise _refused(verb, f"{sorted(others)}")
    if isinstance(said, str):
        said = said.strip()[:_TEXT_LENGTH]
        return said or None
    if said is None or isinstance(said, bool | int | float):
        return said
    raise _refused(verb, type(said).__name__)


def _switch(value: Any, unsaid: str) -> str | int | None:
    if value is None:
        return unsaid
    plain = value.lower() if isinstance(value, str) else value
    for words, switch in ((_ON, "on"), (_OFF, "off")):
        if plain in words:
            return switch
    return plain if isinstance(plain, str) else None


def _number(value: Any) -> str | int | None:
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 10:
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, str | int) and not isinstance(value, bool) else None


def _refused(verb: Verb, said: str) -> UsageError:
    return UsageError(
        f"{verb.name}: {said} cannot be used", hint=expected(verb, 0), code="bad_argument"
    )
