"""A setting: its name, default, range, unit and words, and the names that it goes by.

Nothing heavy is imported here, so that `--help` stays quick.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Knob:
    """One setting. `env` is the variable's name; the option is `--` and the name with dashes.

    `also` are other names of that variable, used elsewhere: `Settings.chosen` decides. `was` is
    the setting's name before: its option and its variable still do, where the new ones are not
    given.
    """

    name: str
    help: str
    panel: str
    default: Any = None
    kind: type = str
    low: float | None = None
    high: float | None = None
    unit: str = ""
    choices: tuple[Any, ...] = ()
    env: str = ""
    also: tuple[str, ...] = ()
    was: str = ""
    short: str = ""
    secret: bool = False
    several: bool = False

    @property
    def option(self) -> str:
        """`--lead-ms` for `lead_ms`."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return self.env or f"MICSTREAM_{self.name.upper()}"

    @property
    def variables(self) -> tuple[str, ...]:
        """That, and its older name where it has one."""
        return (self.variable, f"MICSTREAM_{self.was.upper()}") if self.was else (self.variable,)

    @property
    def names(self) -> tuple[str, ...]:
        """All variables that set it, its own first."""
        return (*self.variables, *self.also)


ROOM: Final = "Room and avatar"
STARTING: Final = "Bringing the avatar in"
MICROPHONE: Final = "Microphone"
PERFORMERS: Final = "Several performers"
CLEANING: Final = "Cleaning"
SENDING: Final = "Sending"
SHOW: Final = "The show's control"
KEEPING: Final = "Record and log"
CUTTING: Final = "Cutting into utterances"
