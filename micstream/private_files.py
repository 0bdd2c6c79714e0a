"""Files written for their owner alone, and whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(place: Path) -> Iterator[Path]:
    """A fresh file of mode 0600 to write into, with the same ending; it then takes `place`.

    What was there before is kept until then, and for good where writing fails. A symbolic link is
    replaced, not followed. What is no file (a pipe, a terminal) is written as it is.

    Raises:
        OSError: it cannot be made or moved; and whatever is raised within.
    """
    if (place.exists() and not place.is_file()) or _is_of_the_system(place):
        yield place
        return
    descriptor, name = tempfile.mkstemp(dir=place.parent, prefix=".new-", suffix=place.suffix)
    fresh = Path(name)
    try:
        os.close(descriptor)
        yield fresh
        with fresh.open("r+b") as written:
            os.fsync(written.fileno())
        fresh.replace(place)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def _is_of_the_system(place: Path) -> bool:
    """Whether it is one such as `/dev/stdout`: a name for what is open, never to be replaced."""
    return os.name == "posix" and place.absolute().parts[1:2] in (("dev",), ("proc",))
