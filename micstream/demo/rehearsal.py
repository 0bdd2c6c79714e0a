"""The settings file of a rehearsal room, with which every command works against it.

It is `.env.local` of the current folder where nothing there, and nothing in the environment, says
which server to use: the commands find it by themselves. Else what is there stays as it is, and the
file lies in a private folder, to be taken into the environment of a terminal. Either way it is for
its owner alone, and goes with the rehearsal.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from micstream.errors import UsageError
from micstream.settings.knob import ROOM, STARTING
from micstream.settings.table import KNOBS
from micstream.settings.variables import ENVIRONMENT, FILES, layered

HERE: Final = Path(".env.local")
HEAD: Final = "# Written by micstream demo --serve, for as long as it runs.\n"
_ELSEWHERE: Final = "rehearsal.env"
_ANSWER_S: Final = 0.5
_PLAIN: Final = re.compile(r"[\w@%+=:,./-]+")


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """Settings file that was written, and what stands in its way."""

    path: Path
    is_found: bool
    """Commands in this folder find it by themselves; else it is to be taken over by `paste`."""
    token_in: str = ""
    """Where a LIVEKIT_TOKEN is set, which goes before it: `ENVIRONMENT`, or a file's name."""

    @property
    def paste(self) -> str:
        """A line for a terminal, which takes the file into its environment."""
        if os.name == "nt":
            return (
                f"Get-Content '{self.path}' | Where-Object {{ $_ -match '^\\w+=' }} | "
                'ForEach-Object { $n, $v = $_ -split \'=\', 2; Set-Item "env:$n" $v.Trim("\'") }'
            )
        first = "unset LIVEKIT_TOKEN; " if self.token_in == ENVIRONMENT else ""
        return f"{first}set -a; . {shlex.quote(str(self.path))}; set +a"


@contextmanager
def settings_file(values: Mapping[str, str]) -> Iterator[SettingsFile]:
    """Have `values`, by their variables, in a file of their own until the context ends.

    Raises:
        UsageError: a settings file that is here already cannot be understood, or a value cannot be
            written.
        OSError: no file can be written anywhere.
    """
    here = Path.cwd() / HERE
    _forget_stale(here)
    there = {name: origin for name, (_, origin) in layered(FILES).items() if name in _LEADING}
    text = _text(values)
    if not there and _create(here, text):
        try:
            yield SettingsFile(here, is_found=True)
        finally:
            _remove(here, text)
        return
    with tempfile.TemporaryDirectory(prefix="micstream-rehearsal-") as private:
        place = Path(private) / _ELSEWHERE
        place.touch(mode=0o600)
        place.write_text(_text(_over(values, there)), encoding="utf-8")
        yield SettingsFile(place, is_found=False, token_in=there.get("LIVEKIT_TOKEN", ""))


_LEADING: Final = frozenset(
    name
    for knob in KNOBS
    if knob.panel in (ROOM, STARTING) and knob.kind is str
    for name in knob.names
)
"""Variables that say where commands go, and as whom."""


def _over(values: Mapping[str, str], set_already: Mapping[str, str]) -> dict[str, str]:
    """The values, and those other names of them that are set: both must say the same."""
    found = dict(values)
    for knob in KNOBS:
        if knob.variable in values:
            found |= {name: values[knob.variable] for name in knob.names if name in set_already}
    if "MICSTREAM_AVATAR" in set_already:
        found["MICSTREAM_AVATAR"] = f"avatar-{values['AVALUMA_AVATAR_ID']}"
    return found


def _text(values: Mapping[str, str]) -> str:
    return HEAD + "".join(f"{name}={_quoted(value)}\n" for name, value in values.items())


def _quoted(value: str) -> str:
    """As shells and readers of `.env` files both understand it."""
    if _PLAIN.fullmatch(value):
        return value
    if not set(value) & set("'\\"):
        return f"'{value}'"
    if set(value) & set("$`"):
        raise UsageError(
            f"{value!r} cannot be written so that a shell and a .env file read the same",
            hint="see MICSTREAM_IDENTITY: quotes or backslashes, but not $ or ` beside them",
            code="bad_settings",
        )
    escaped = value.replace("\\", r"\\").replace('"', r"\"")
    return f'"{escaped}"'


def _create(place: Path, text: str) -> bool:
    """Write a new file for its owner alone; whether there was none, and it could be written."""
    try:
        descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError:
        return False
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return True


def _remove(place: Path, text: str) -> None:
    """Take the file away, unless somebody has written into it meanwhile."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if place.read_text(encoding="utf-8") == text:
            place.unlink()


def _forget_stale(place: Path) -> None:
    """Take away what a rehearsal has left that was killed: its server answers no more."""
    try:
        text = place.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return
    if not text.startswith(HEAD):
        return
    found = re.search(r"^LIVEKIT_URL=(\S+)$", text, re.MULTILINE)
    parts = urlsplit(found[1] if found else "")
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 0), _ANSWER_S):
            return
    except (OSError, ValueError):
        _remove(place, text)
