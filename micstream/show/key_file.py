"""Files that tell `micstream ctl` which shows can be controlled on this machine, and their keys.

One for each, that only this user can read; gone once the show is over.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import platformdirs

from micstream.private_files import replacing


@dataclass(frozen=True, slots=True)
class RunningShow:
    """A show that can be controlled."""

    url: str
    """Of its server: `http://127.0.0.1:8421`."""
    key: str = field(repr=False)
    room: str
    pid: int
    since: float
    """Unix seconds."""


def folder() -> Path:
    """Folder of these files, in the user's state."""
    return Path(platformdirs.user_state_dir("micstream", appauthor=False)) / "control"


@contextmanager
def announced(show: RunningShow) -> Iterator[Path]:
    """Announce a show for as long as it runs.

    Raises:
        OSError: the file cannot be written.
    """
    place = folder() / f"{show.pid}.json"
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with replacing(place) as fresh:
        fresh.write_text(json.dumps(asdict(show)), "utf-8")
    try:
        yield place
    finally:
        with contextlib.suppress(OSError):
            place.unlink()


def running() -> list[RunningShow]:
    """Shows that are announced, the newest first; those of programs that are gone are removed."""
    found = []
    for file in folder().glob("*.json"):
        try:
            show = RunningShow(**json.loads(file.read_text("utf-8")))
            alive = _is_alive(show.pid)
        except (OSError, ValueError, TypeError):
            continue
        if alive:
            found.append(show)
        else:
            with contextlib.suppress(OSError):
                file.unlink()
    return sorted(found, key=lambda show: show.since, reverse=True)


def _is_alive(pid: int) -> bool:
    if os.name == "nt":  # there a signal of 0 would end it
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
