"""`--help` as plain text, by panel: what people use; `--help-all` tells the rest.

Without rich: that takes longer to load than all the rest.
"""

from __future__ import annotations

import copy
import os
import re
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

COMMANDS: Final = {
    "live": "Speak through the avatar with your microphone.",
    "play": "Speak sound files through the avatar: each file one utterance.",
    "pipe": "Speak what comes on standard input: 16-bit PCM, or WAVs.",
    "avatar": "Bring the avatar into the room, look whether it is there, take it out again.",
    "cut": "Show how files would be cut into utterances, without a room.",
    "calibrate": "Measure the microphone, and keep the preset that fits the room and your voice.",
    "devices": "List the microphones; the default one is marked.",
    "token": "Print a token, for a machine that must not know the API secret.",
    "doctor": "Check everything from the microphone to the avatar; exit 0 when one can go on "
    "stage.",
    "stage": "Show the avatar on a page: for a projector, a tablet, OBS or vMix.",
    "performer-page": "Give performers a page that sends their microphone into the room.",
    "ctl": "Control a show that runs on this machine with --control.",
    "inspect": "Show what goes over an avatar's topic, as it happens, and what breaks the "
    "protocol.",
    "replay": "Perform a recorded session again, with the same timing, into any room.",
    "report": "Write a recorded session as one page: timeline, delays, cues, faults, marks.",
    "lipsync": "Measure how well an avatar's mouth follows its sound.",
    "demo": "Everything on this machine: a LiveKit server, an avatar, and you.",
}
"""Every command, and the first sentence of what it says of itself."""

USUAL: Final = frozenset(
    (
        *("room", "avatar", "avatar_id", "start_avatar", "keep_avatar", "device", "talk"),
        *("mode", "lead_ms", "preset", "show", "control"),
    )
)
"""Settings that people give on the command line; `--help` tells no others."""
_WHERE: Final = (
    "The server's address and credentials come from LIVEKIT_URL, LIVEKIT_API_KEY and "
    "LIVEKIT_API_SECRET, in the environment or in .env.local."
)

_RANGE: Final = re.compile(r"  \[[\d.]+<=x<=[\d.]+\]$")
"""Range as typer tells it; the words before tell it too."""


class PlainCommand(TyperCommand):
    """A command whose options are told panel by panel."""

    _every: Any = None
    """Its `--help-all`, once it is asked for."""

    def get_help_option(self, ctx: Any) -> Any:
        """`--help`, given or not given: else typer loads pydantic to find out what None means."""
        return _defaulting(super().get_help_option(ctx))

    def get_params(self, ctx: Any) -> list[Any]:
        """Its parameters, and `--help-all` where `--help` does not tell them all."""
        parameters = super().get_params(ctx)
        flag = self.get_help_option(ctx)
        if flag is None or not any(is_rare(parameter) for parameter in parameters):
            return parameters
        self._every = self._every or _help_all(flag)  # one: the parser compares objects
        return [*parameters, self._every]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help page."""
        super(TyperCommand, self).format_help(ctx, formatter)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write a section for each panel, in the order of their first options."""
        parameters = self.get_params(ctx)
        told = [each for each in parameters if ctx.meta.get(_ALL) or not is_rare(each)]
        self._write_panels(ctx, formatter, told)
        if len(told) < len(parameters):
            more = f"{len(parameters) - len(told)} more options: {ctx.command_path} --help-all"
            formatter.write_paragraph()
            formatter.write_text(f"{_WHERE} {more}")

    def _write_panels(self, ctx: Any, formatter: Any, told: list[Any]) -> None:
        panels: dict[str, list[tuple[str, str]]] = {}
        for parameter in told:
            record = parameter.get_help_record(ctx)
            if record is None:
                continue
            panel = getattr(parameter, "rich_help_panel", None)
            kind = "Arguments" if parameter.param_type_name == "argument" else "Options"
            panels.setdefault(panel or kind, []).append(record)
        for panel, records in panels.items():
            _write_section(formatter, panel, records)


class PlainGroup(TyperGroup):
    """A command with commands, told plainly."""

    def get_help_option(self, ctx: Any) -> Any:
        """`--help`, given or not given: see `PlainCommand`."""
        return _defaulting(super().get_help_option(ctx))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help page."""
        super(TyperGroup, self).format_help(ctx, formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write each command with its first sentence."""
        records = [(name, self.summary(ctx, name)) for name in self.list_commands(ctx)]
        _write_section(formatter, "Commands", records)

    def summary(self, ctx: Any, name: str) -> str:
        """The first sentence of a command."""
        command = self.get_command(ctx, name)
        return command.get_short_help_str(limit=200) if command is not None else ""


class LazyGroup(PlainGroup):
    """All commands, each imported when it is asked for."""

    @property
    def commands(self) -> dict[str, Any]:
        """Every one of them: this imports them all."""
        return {name: _load(name) for name in COMMANDS}

    @commands.setter
    def commands(self, _: object) -> None:
        pass  # those that typer knows of: none

    def list_commands(self, _: Any) -> list[str]:
        """Their names."""
        return list(COMMANDS)

    def get_command(self, _: Any, name: str) -> Any:
        """One of them; None where there is none of that name."""
        return _load(name) if name in COMMANDS else None

    def summary(self, _: Any, name: str) -> str:
        """The first sentence of a command, without importing it."""
        return COMMANDS[name]


def is_rare(parameter: Any) -> bool:
    """Whether it is a setting that `--help-all` alone tells."""
    from micstream.settings.table import BY_NAME

    setting = BY_NAME.get(parameter.name or "")
    panel = getattr(parameter, "rich_help_panel", None)
    return setting is not None and setting.panel == panel and setting.name not in USUAL


_ALL: Final = "micstream.cli.help.all"


def _help_all(flag: Any) -> Any:
    """`--help-all`, made after `--help`: how typer makes an option is its own affair."""

    def show(ctx: Any, _: Any, wanted: bool) -> None:
        if wanted and not ctx.resilient_parsing:
            ctx.meta[_ALL] = True
            typer.echo(ctx.get_help(), color=ctx.color)
            ctx.exit()

    every = copy.copy(flag)
    every.name, every.opts, every.secondary_opts = "help_all", ["--help-all"], []
    every.callback, every.help = show, "Show every option and exit."
    return every


def _defaulting(flag: Any) -> Any:
    if flag is not None:
        flag.default = False
    return flag


def _load(name: str) -> Any:
    app = typer.Typer()
    import_module(f"micstream.cli.{name.replace('-', '_')}").register(app)
    _tell_plainly(app)
    return typer.main.get_group(app).commands[name]


def _tell_plainly(app: typer.Typer) -> None:
    for command in app.registered_commands:
        command.cls = PlainCommand
    for group in app.registered_groups:
        group.cls = PlainGroup
        if group.typer_instance is not None:
            _tell_plainly(group.typer_instance)


def _write_section(formatter: Any, heading: str, records: list[tuple[str, str]]) -> None:
    with formatter.section(_strong(heading)):
        formatter.write_dl([(_strong(name), _RANGE.sub("", words)) for name, words in records])


def _strong(text: str) -> str:
    """Bold; taken out again where it is no terminal that is written to."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return text if plain else typer.style(text, bold=True)
