"""Log of events: always kept, in two files of the user's state of 5 MB at most together.

A line is an event as `--json` prints it, and `run`, by which those of one program are told apart.
Several programs may write into it at a time.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import platformdirs

from micstream import notices, record_notices
from micstream.errors import reason_of
from micstream.events import Event
from micstream.plain_text import as_json
from micstream.record.files import Appended
from micstream.record.format import without_key

LIMIT_BYTES: Final = 2_500_000
"""Of each of the two files."""


def log_folder() -> Path:
    """Folder of the log, in the user's state."""
    return Path(platformdirs.user_state_dir("micstream", appauthor=False)) / "log"


class EventLog:
    """Writes events into `folder`; where that fails it says so once, counts them, and goes on."""

    def __init__(
        self,
        run: str,
        tell: Callable[[Event], None],
        *,
        folder: Path | None = None,
        limit: int = LIMIT_BYTES,
    ) -> None:
        self._run = run
        self._tell = tell
        self._folder = folder or log_folder()
        self._limit = limit
        self._file: Appended | None = None
        self._torn = False
        self._unkept = 0
        self._said = False

    @property
    def place(self) -> Path:
        """The file that is written to; the one before it is `events.1.jsonl`."""
        return self._folder / "events.jsonl"

    def write(self, items: Sequence[tuple[float, Event]], lost: int) -> None:
        """Write events, and before them how many are missing there."""
        self._unkept += lost
        told = []
        if self._unkept:
            missing = notices.events_lost("the log", self._unkept)
            told.append(self._line(missing))
        told += [self._line(event) for _, event in items]
        try:
            for line in told:
                self._append(line)
                self._unkept = 0
        except OSError as error:
            self._torn = True
            self._unkept += len(items)
            self._drop_file()
            if not self._said:
                self._said = True
                self._tell(record_notices.log_failed(str(self.place), reason_of(error)))

    def sync(self) -> None:
        """Leave it to the system: what was written outlives the program."""

    def close(self) -> None:
        """Close the file."""
        self._drop_file()

    def _line(self, event: Event) -> bytes:
        told = without_key(event.as_dict())
        return (as_json({**told, "run": self._run}) + "\n").encode()

    def _append(self, line: bytes) -> None:
        if len(line) > self._limit:
            return
        file = self._file or self._open()
        known = file.stat
        if known.st_size + len(line) > self._limit or self._is_moved(known):
            self._drop_file()
            with contextlib.suppress(FileNotFoundError):
                if self.place.stat().st_size + len(line) > self._limit:
                    self.place.replace(self._folder / "events.1.jsonl")
            file = self._open()
        if self._torn:
            line, self._torn = b"\n" + line, False
        file.write(line)

    def _open(self) -> Appended:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = Appended(self.place, fresh=False)
        return self._file

    def _is_moved(self, known: os.stat_result) -> bool:
        """Whether another program has begun a new file."""
        try:
            return not os.path.samestat(known, self.place.stat())
        except OSError:
            return True

    def _drop_file(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None


def new_run() -> str:
    """A name for the events of one session: when it began, and which program."""
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
