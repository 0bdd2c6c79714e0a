"""Read the JSON of a lip-sync run from a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from micstream.errors import InputError, reason_of
from micstream.lab.compare import bad_run, check_run

_LARGEST: Final = 256 * 2**20


def read_run(file: Path) -> Mapping[str, Any]:
    """The run that a file holds: its last line, as events may come before it; or all of it.

    Raises:
        InputError: it cannot be read, or holds no run (code `bad_run`).
    """
    name = str(file)
    try:
        if file.stat().st_size > _LARGEST:
            raise bad_run(name, f"it is larger than {_LARGEST // 2**20} MiB")
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise bad_run(name, f"it cannot be read: {reason_of(error)}") from None
    except UnicodeDecodeError:
        raise bad_run(name, "it is not text in UTF-8") from None
    lines = [line for line in text.split("\n") if line.strip()]
    if not lines:
        raise bad_run(name, "it is empty")
    try:
        return check_run(_json(lines[-1]), name)
    except ValueError as error:
        # Not a line: a file that somebody has laid out for reading.
        try:
            whole = _json(text)
        except ValueError:
            raise bad_run(name, f"its last line is no JSON: {error}") from None
        return check_run(whole, name)


def _json(text: str) -> Any:
    """A value of strict JSON: no NaN, no Infinity.

    Raises:
        ValueError: it is none.
    """

    def refused(said: str) -> Any:
        raise ValueError(f"{said} is no number of JSON")

    try:
        return json.loads(text, parse_constant=refused)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def unwritable(file: Path, error: Exception) -> InputError:
    """The error for a file of a run that cannot be written."""
    why = reason_of(error) if isinstance(error, OSError) else str(error)
    return InputError(
        f"{file} cannot be written: {why}",
        hint="name a file in a folder that is there, and yours",
        code="unwritable",
    )
