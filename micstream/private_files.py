"""Files written for their owner alone, and whole or not at all."""

from __future__ import annotations

import os
import sys
import tempfile
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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


def folded(name: str) -> str:
    """The name as a file system sees it that takes upper for lower case: macOS', Windows', FAT."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


def folds_names(folder: Path) -> bool:
    """Whether names that differ in case alone are one file in this folder, which may be yet to be
    made. Each file system has its own rule, so one is asked by a name that is there."""
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    with suppress(OSError):
        for place in folder.iterdir():
            if place.name != place.name.swapcase():
                return _is_one_file(place, place.with_name(place.name.swapcase()))
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".new-") as fresh:
            made = Path(fresh.name)
            return _is_one_file(made, made.with_name(made.name.swapcase()))
    return sys.platform in ("darwin", "win32")


def is_one_folder(first: Path, second: Path) -> bool:
    """Whether both are the same folder, by whatever names."""
    return first == second or _is_one_file(first, second)


def _is_one_file(first: Path, second: Path) -> bool:
    with suppress(OSError):
        return first.samefile(second)
    return False
