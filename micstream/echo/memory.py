"""What echo guards have learned of halls, kept in the user's state from one show to the next.

A file for its owner alone. What cannot be read there, or is not of these days, is not there.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
import platformdirs

from micstream.echo.delay import LONGEST
from micstream.echo.guard import BANDS, Known
from micstream.private_files import replacing

AGES_S: Final = 24 * 3_600.0
"""So long it counts: a hall stays as it is for an evening, and is another one on a tour."""
_MOST: Final = 16
"""Of halls that are kept: those that were learned last."""
_LIMIT: Final = 1_000_000
"""Bytes of a file that is read."""
_MOST_DB: Final = 100.0
"""Levels of 16-bit sound are no further apart."""
_MOST_SUM: Final = 1e22
"""Of some hundred frames' powers and their squares there is no more: a band at full scale has less
than 1e9."""

_writing: Final = threading.Lock()
"""Several performers of one session are kept at a time."""


def memory_file() -> Path:
    """The file, in the user's state."""
    return Path(platformdirs.user_state_dir("micstream", appauthor=False)) / "echo" / "halls.json"


class HallMemory:
    """Halls by reference and source; `reference` as `--echo-guard` names it.

    Read once, here; one serves all guards of a session.
    """

    def __init__(
        self,
        reference: str,
        place: Path | None = None,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._reference = reference
        self._place = place or memory_file()
        self._now = now
        self._known = self._read()
        """Before the show: none of it waits for a disk then."""

    def recall(self, source: str) -> Known | None:
        """What was learned at this source within a day; None: nothing that can be used."""
        found = self._known.get(self._key(source))
        return None if found is None else _known(found, self._now())

    def keep(self, source: str, known: Known | None) -> None:
        """Keep what was learned there; None leaves what is kept. Where it cannot be, it is not."""
        if known is None:
            return
        hall = {
            "at": int(self._now()),
            "delay": known.delay,
            "learned": np.round(known.learned, 2).tolist(),
            "sums": known.sums.tolist(),
        }
        with _writing:
            halls = self._read()
            halls.pop(self._key(source), None)
            halls[self._key(source)] = hall
            self._write(dict([*halls.items()][-_MOST:]))

    def forget(self, source: str) -> None:
        """Keep nothing of it: there is no echo any more."""
        with _writing:
            halls = self._read()
            if halls.pop(self._key(source), None) is not None:
                self._write(halls)

    def _key(self, source: str) -> str:
        return f"{self._reference} {source}"

    def _read(self) -> dict[str, Any]:
        try:
            with self._place.open("rb") as file:
                read = json.loads(file.read(_LIMIT))
        except (OSError, ValueError, RecursionError):
            return {}
        return read if isinstance(read, dict) else {}

    def _write(self, halls: Mapping[str, Any]) -> None:
        with suppress(OSError):
            self._place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with replacing(self._place) as fresh:
                fresh.write_text(json.dumps(halls), encoding="utf-8")


def _known(found: object, now: float) -> Known | None:
    """What a line of the file says, where that is possible at all."""
    if not isinstance(found, dict):
        return None
    try:
        age, delay = now - float(found["at"]), int(found["delay"])
        learned = np.array(found["learned"], np.float32)
        sums = np.array(found["sums"], np.float64)
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    if not 0 <= age <= AGES_S or not 0 <= delay <= LONGEST:
        return None
    if learned.shape != (2, BANDS) or sums.shape != (5, BANDS):
        return None
    if not np.isfinite(learned).all() or not np.isfinite(sums).all():
        return None
    if np.abs(learned).max() > _MOST_DB or sums.min() < 0 or sums.max() > _MOST_SUM:
        return None
    return Known(delay, learned, sums)
