"""Status: the last line of a terminal, drawn anew in its place: am I heard, how loud, what keys.

Pure: a function of the state, a level and a width. Who draws it is `lines.Lines`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len, chop_cells
from rich.text import Text

from micstream.audio.levels import FLOOR_DB
from micstream.events import Event
from micstream.state import Obstacle, State
from micstream.view.console import printable

KEYS: Final = "m mute  t talk  v auto  i interrupt  q quit"
_BAR: Final = 10
_LOWEST_DB: Final = -60.0
_NARROW: Final = 20
"""Columns: with fewer there is no status."""

_WHY: Final[dict[Obstacle, str]] = {
    "microphone": "NOT heard: no sound from the microphone",
    "connection": "NOT heard: no connection",
    "muted": "NOT heard: muted",
    "gate": "NOT heard: gate closed",
    "avatar": "NOT heard: no avatar",
}


@dataclass(frozen=True, kw_only=True)
class Tick(Event):
    """Time to draw the status anew; never on the bus."""

    level_db: float | None = None
    """Loudest that the microphone has delivered since the last one; None: nothing."""


def status(state: State, level_db: float | None, width: int, *, avatars: int = 1) -> Text:
    """The line, as much of it as has a place; the keys give way first, then the level.

    `avatars`: how many keys lead to one of them. Empty where the terminal is too narrow.
    """
    if width < _NARROW:
        return Text()
    heard = _heard(state)
    parts = [(heard, "bold green" if state.heard else "bold red")]
    if level_db is not None:
        parts.append((_bar(level_db), "red" if level_db > -1 else ""))
    parts += [(each, "") for each in (_avatar(state), _route(avatars) + KEYS) if each]
    line = Text()
    for said, style in parts:
        gap = "  |  " if line else ""
        if line and line.cell_len + cell_len(gap + said) >= width:
            break
        line.append(gap).append(said, style)
    if line.cell_len >= width:
        line = Text(chop_cells(line.plain, width - 1)[0], parts[0][1])
    return line


def _heard(state: State) -> str:
    obstacle = state.obstacle
    if obstacle is not None:
        return _WHY[obstacle]
    if state.speaking:
        return "heard: sending"
    return "heard: gate open" if state.gate == "open" else "heard"


def _bar(level_db: float) -> str:
    share = (max(level_db, _LOWEST_DB) - _LOWEST_DB) / -_LOWEST_DB
    reached = min(_BAR, round(share * _BAR))
    shown = "  --" if level_db <= FLOOR_DB else f"{level_db:4.0f}"
    return f"[{'=' * reached}{' ' * (_BAR - reached)}]{shown} dB"


def _avatar(state: State) -> str:
    here = [avatar for avatar in state.avatars if avatar.link != "absent"]
    if not here:
        return ""
    links = {"joined": "getting ready", "listening": "ready", "silent": "SILENT", "bound": "bound"}
    shown = [f"{_name(avatar.name)} {links[avatar.link]}" for avatar in here[:3]]
    if len(here) > 3:
        shown.append(f"{len(here) - 3} more")
    behind = f" {state.backlog_s:.0f} s behind" if state.backlog_s >= 1.0 else ""
    delay = state.delay_median_ms
    return ", ".join(shown) + behind + (f" {delay} ms" if delay is not None else "")


def _name(name: str) -> str:
    return printable(name).replace("\n", " ")[:24]


def _route(avatars: int) -> str:
    return "" if avatars < 2 else f"0-{min(avatars, 9)} who speaks  "
