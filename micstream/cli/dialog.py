"""Dialog of keys with one who sees the live view: help, the question before the end. Pure.

Before the end it is asked where the avatar would be cut off; Ctrl-C asks nothing. A key that means
something else takes the question back and does what it means: who presses panic means it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from micstream.cli.keymap import QUIT, Keymap, Meaning
from micstream.state import State
from micstream.view.live.scene import Asked

TWICE_S: Final = 0.6
"""Two presses of the space bar within it are one double press."""
_HELP: Final = "?"
_SPACE: Final = " "
_CTRL_C: Final = "\x03"
_QUITS: Final = ("q", "y")


class Dialog:
    """What keys mean; `state` is asked, `told` is called where what is seen has changed."""

    def __init__(
        self, keymap: Keymap, state: Callable[[], State], told: Callable[[Asked], None]
    ) -> None:
        self._keymap = keymap
        self._state = state
        self._told = told
        self._asked = Asked()
        self._spaced_at = float("-inf")

    def press(self, key: str, now: float) -> Meaning | Literal["quit"] | None:
        """What a key means that is pressed at this monotonic second."""
        if key == _CTRL_C:
            return "quit"
        if key == _HELP:
            self._tell(Asked(help=not self._asked.help))
            return None
        if self._asked.quitting:
            self._tell(Asked())
            if key.lower() in _QUITS:
                return "quit"
        elif key.lower() in QUIT:
            if not is_heard(self._state()):
                return "quit"
            self._tell(Asked(quitting=True))
            return None
        if key == _SPACE:
            return self._space(now)
        meaning = self._keymap.press(key)
        self._tell(Asked(help=self._asked.help, routing=self._keymap.is_routing))
        return meaning

    def _space(self, now: float) -> Meaning | None:
        """Terminals do not tell when a key is let go: pressed twice it latches, once it closes."""
        if self._state().gate == "open":
            self._spaced_at = float("-inf")
            return "manual", "off"
        twice = now - self._spaced_at <= TWICE_S
        self._spaced_at = float("-inf") if twice else now
        return ("manual", "on") if twice else None

    def _tell(self, asked: Asked) -> None:
        if asked != self._asked:
            self._asked = asked
            self._told(asked)


def is_heard(state: State) -> bool:
    """The audience hears something, or is about to: leaving would cut it off."""
    playing = any(avatar.playing or avatar.backlog_s > 0 for avatar in state.avatars)
    return playing or state.speaking or state.cue is not None
