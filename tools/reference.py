"""Writes docs/reference.md's tables from the commands themselves: what they do, and their options.

    python -m tools.reference

Between two marks of the page all is written anew; the rest is left as it is. A test says when the
page is no longer what the commands say.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import typer.main
from typer.core import TyperCommand, TyperGroup, TyperOption

from micstream.cli.app import app
from micstream.settings.table import BY_NAME
from tools.check_docs import anchor

PAGE = Path(__file__).resolve().parents[1] / "docs/reference.md"
_OUTPUT = "Output"


def commands() -> dict[str, TyperCommand]:
    """Every command by its whole name: `live`, `avatar start`."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    found: dict[str, TyperCommand] = {}
    for name, command in group.commands.items():
        parts = {name: command}
        if isinstance(command, TyperGroup):
            parts = {f"{name} {part}": below for part, below in command.commands.items()}
        for whole, part in parts.items():
            assert isinstance(part, TyperCommand)
            found[whole] = part
    return found


def options(command: TyperCommand) -> list[TyperOption]:
    """Its options, but for those that are hidden."""
    return [each for each in command.params if isinstance(each, TyperOption) and not each.hidden]


def is_setting(option: TyperOption) -> bool:
    """Whether the table of settings has it, and it means there what it means here."""
    setting = BY_NAME.get(option.name or "")
    return setting is not None and setting.panel == option.rich_help_panel


def shared() -> dict[str, dict[str, TyperOption]]:
    """The options that are settings, and those of all output, by group and by name."""
    found: dict[str, dict[str, TyperOption]] = {}
    for command in commands().values():
        for option in options(command):
            if is_setting(option) or option.rich_help_panel == _OUTPUT:
                group = found.setdefault(option.rich_help_panel or "", {})
                group.setdefault(option.name or "", option)
    return found


def choices(option: TyperOption) -> list[str]:
    """The words that it can be set to; none where it takes anything."""
    hint: Any = option.type_descriptor.annotation
    chosen = [hint, *get_args(hint)]
    return [word for each in chosen if get_origin(each) is Literal for word in get_args(each)]


def row(option: TyperOption) -> str:
    """One option as a line of a table."""
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    words = [(option.help or "").replace("*", r"\*").replace("|", r"\|")]
    if choices(option) and not is_setting(option):
        words.append(f"One of: {', '.join(choices(option))}.")
    if option.show_default and option.default not in (None, "", False, True):
        words.append(f"(default {option.default})")
    return f"| {names} | {' '.join(words)} |"


def described(name: str, command: TyperCommand) -> str:
    """A command: what it does, its own options, and the settings that it takes."""
    words, _, _ = (command.help or "").partition("Examples:")
    lines = [f"### micstream {name}", "", words.strip(), ""]
    taken = options(command)
    output = shared()[_OUTPUT]
    own = [each for each in taken if not is_setting(each) and each.name not in output]
    if own:
        lines += ["| option | |", "|---|---|", *map(row, own), ""]
    names: set[str | None] = {each.name for each in taken if each not in own}
    groups = [told for group in shared() if (told := group_taken(group, names))]
    lines += [f"And the options of {', '.join(groups)}.", ""]
    return "\n".join(lines)


def group_taken(group: str, names: set[str | None]) -> str:
    """A group of settings with a link to it, and which of them a command takes; "" for none."""
    known = shared()[group]
    here = [option.opts[0] for name, option in known.items() if name in names]
    lacking = [option.opts[0] for name, option in known.items() if name not in names]
    if not here:
        return ""
    link = f"[{group}](#{anchor(group)})"
    if not lacking:
        return link
    what, few = ("only", here) if len(here) < len(lacking) else ("without", lacking)
    return f"{link} ({what} {', '.join(f'`{each}`' for each in few)})"


def tables() -> str:
    """All that is written into the page."""
    known = commands()
    lines = ["| command | what it does |", "|---|---|"]
    for name, command in known.items():
        first = (command.help or "").strip().split("\n\n")[0].replace("\n", " ")
        lines.append(f"| [`micstream {name}`](#{anchor(f'micstream {name}')}) | {first} |")
    lines += ["", *(described(name, command) for name, command in known.items())]
    lines += ["## Settings", ""]
    for group, its in shared().items():
        lines += [f"### {group}", "", "| option | |", "|---|---|", *map(row, its.values()), ""]
    return "\n".join(lines)


def renewed(page: str) -> str:
    """The page with its tables as they are now."""
    begin, end = "<!-- begin: python -m tools.reference -->\n", "<!-- end -->"
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n{tables()}\n{end}{after}"


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text("utf-8")), "utf-8")
