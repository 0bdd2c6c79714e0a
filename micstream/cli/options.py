"""The options that commands share, drawn from the one table of settings."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import typer

from micstream.settings.knob import (
    CLEANING,
    CUTTING,
    KEEPING,
    MICROPHONE,
    PERFORMERS,
    ROOM,
    SENDING,
    SHOW,
    STARTING,
    Knob,
)
from micstream.settings.table import KNOBS

Flags = dict[str, Any]
"""Settings given as options, by name; None where not given."""

CONNECTION = tuple(knob for knob in KNOBS if knob.panel == ROOM and knob.name != "take_over")
JOINING = tuple(knob for knob in KNOBS if knob.panel == ROOM)
"""What a command needs that joins as the sender."""
START = tuple(knob for knob in KNOBS if knob.panel == STARTING)
CAPTURE = tuple(knob for knob in KNOBS if knob.panel == MICROPHONE)
PERFORMING = tuple(knob for knob in KNOBS if knob.panel == PERFORMERS)
CLEAN = tuple(knob for knob in KNOBS if knob.panel == CLEANING)
TRANSPORT = tuple(knob for knob in KNOBS if knob.panel == SENDING)
SHOWING = tuple(knob for knob in KNOBS if knob.panel == SHOW)
RECORDING = tuple(knob for knob in KNOBS if knob.panel == KEEPING)
SEGMENTATION = tuple(knob for knob in KNOBS if knob.panel == CUTTING)


FileChannel = Annotated[
    int,
    typer.Option(
        "--channel",
        min=0,
        max=64,
        metavar="N",
        help="Channel to use, from 1; 0 mixes them. (default 0)",
    ),
]
"""Option of commands that read sound from files or pipes; the microphone's is a setting."""


@dataclass(frozen=True, slots=True)
class Output:
    """Output of a command: its form, and how much of it."""

    json: bool
    plain: bool
    quiet: bool
    verbose: bool


_OUTPUT = (
    ("json", "One JSON object a line on stdout, nothing else there."),
    ("plain", "No colours; live: lines, and no picture."),
    ("quiet", "Only trouble, and the summary."),
    ("verbose", "A line for each event, and what the libraries log and print, on stderr."),
)


def takes(*knobs: tuple[Knob, ...]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command these settings as options, and those of `Output`.

    The command declares `flags: Flags` and `output: Output` and gets what was given there.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = [
            parameter
            for parameter in inspect.signature(command, eval_str=True).parameters.values()
            if parameter.name not in ("flags", "output")
        ]
        shared = [_parameter(knob) for group in knobs for knob in group]
        names = [parameter.name for parameter in shared]
        spoken = [_flag(name, words) for name, words in _OUTPUT]

        def wrapped(**given: Any) -> None:
            flags = {name: given.pop(name) for name in names}
            output = Output(**{name: given.pop(name) for name, _ in _OUTPUT})
            command(**given, flags=flags, output=output)

        parameters = [
            parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for parameter in (*own, *shared, *spoken)
        ]
        wrapped.__name__, wrapped.__doc__ = command.__name__, command.__doc__
        wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        wrapped.__annotations__ = {p.name: p.annotation for p in parameters}
        return wrapped

    return decorate


def _flag(name: str, words: str) -> inspect.Parameter:
    option = typer.Option(f"--{name}", help=words, rich_help_panel="Output")
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Annotated[bool, option]
    )


def _parameter(knob: Knob) -> inspect.Parameter:
    kind: Any = knob.kind
    names = [knob.option, *([knob.short] if knob.short else [])]
    if knob.was:
        names.append(f"--{knob.was}")
    words: dict[str, Any] = {
        "help": f"{knob.help} ({describe(knob)})",
        "rich_help_panel": knob.panel,
        "show_default": False,
    }
    if knob.low is not None:
        words |= {"min": knob.low, "max": knob.high, "metavar": knob.unit or "N"}
    elif knob.choices:
        kind = Literal[knob.choices]
    if knob.several:
        kind = list[str]
    if knob.kind is bool:  # None where not given: a variable may say yes, and the option no
        words["metavar"] = " "  # typer would write <bool>, as if a value had to follow
        names[0] = f"{knob.option}/--no-{knob.option.removeprefix('--')}"
    option = typer.Option(*names, **words)
    return inspect.Parameter(
        knob.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kind | None, option],
    )


def describe(knob: Knob) -> str:
    """Default, range and variable: `100 ms; 0 to 5000; MICSTREAM_LEAD_MS`."""
    parts = []
    if knob.default not in (None, "", ()) and knob.kind is not bool:
        default = ",".join(knob.default) if knob.several else f"{knob.default}"
        parts.append(f"default {default} {knob.unit}".rstrip())
    if knob.low is not None:
        parts.append(f"{knob.low:g} to {knob.high:g}")
    parts.append(" or ".join((knob.variable, *knob.also)))
    return "; ".join(parts)
