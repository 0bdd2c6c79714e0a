"""Where `cut` writes what it was asked for: known, and known to harm nothing, before it begins."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from micstream.errors import InputError, UsageError
from micstream.private_files import folded, folds_names, is_one_folder


@dataclass(frozen=True, slots=True)
class CutPlaces:
    """Places of labels, pictures and utterances, as the options say."""

    files: Sequence[Path]
    labels: Path | None = None
    out: Path | None = None
    plot: Path | None = None
    reference: Path | None = None

    def labels_of(self, file: Path) -> Path | None:
        """Where the file's labels go."""
        return self._place(self.labels, file, ".txt")

    def plot_of(self, file: Path) -> Path | None:
        """Where the file's picture goes."""
        return self._place(self.plot, file, ".png")

    def reference_of(self, file: Path) -> Path | None:
        """Where the labels are that should have been found."""
        return self._place(self.reference, file, ".txt")

    def check(self) -> None:
        """Refuse what would write two things into one place, or over what is to be read.

        Names that differ in case alone are one where the file system says so.

        Raises:
            UsageError: says which, before anything is written.
            InputError: a folder to write into is not there.
        """
        given = [*self.files, *filter(None, map(self.reference_of, self.files))]
        read = [place.resolve() for place in given]
        read += [place.parent.resolve() / place.name for place in given]  # a link would be replaced
        written: list[tuple[_Target, Path]] = []
        for file in self.files:
            for target in self._targets(file):
                for other in filter(target.takes, read):
                    raise UsageError(
                        f"{target.place} would be written over {other.name}, which is read",
                        hint="name another place for what is written",
                        code="same_file",
                    )
                for before, its in written:
                    if target.takes(before.place) or before.takes(target.place):
                        raise UsageError(
                            f"{its} and {file} would both be written to {target.place}",
                            hint="cut them one after the other, each into a folder of its own",
                            code="one_place",
                        )
                written.append((target, file))

    def _targets(self, file: Path) -> Iterator[_Target]:
        if labels := self.labels_of(file):
            yield _Target.of(_in_a_folder(labels))
        if plot := self.plot_of(file):
            yield _Target.of(_in_a_folder(plot), plot.stem, r"-\d+", plot.suffix)
        if self.out is not None:
            yield _Target.of(self.out / f"{file.stem}-001.wav", file.stem, r"-\d{3,}", ".wav")

    def _place(self, given: Path | None, file: Path, ending: str) -> Path | None:
        if given is None:
            return None
        if given.is_dir():
            return given / (file.stem + ending)
        if len(self.files) > 1:
            raise UsageError(
                f"{given} is one file, and there are several to be cut",
                hint="name a folder that exists",
                code="one_place",
            )
        return given


def _in_a_folder(place: Path) -> Path:
    if not place.parent.is_dir():
        raise InputError(
            f"{place} cannot be written: {place.parent} is no folder that exists",
            hint="make the folder first, or name another",
            code="unwritable",
        )
    return place


@dataclass(frozen=True, slots=True)
class _Target:
    """A place that is written, and those beside it for as long as there are pages or utterances."""

    place: Path
    before: str = ""
    number: str = ""
    """A pattern; empty: there are no others."""
    behind: str = ""

    @classmethod
    def of(cls, place: Path, before: str = "", number: str = "", behind: str = "") -> _Target:
        # A link is replaced, not followed; one among its folders is.
        return cls(place.parent.resolve() / place.name, before, number, behind)

    def takes(self, place: Path) -> bool:
        """Whether it may write there."""
        if place == self.place:
            return True
        if not is_one_folder(place.parent, self.place.parent):
            return False
        if self._has(place.name, str):
            return True
        return self._has(place.name, folded) and folds_names(self.place.parent)

    def _has(self, name: str, seen: Callable[[str], str]) -> bool:
        if seen(name) == seen(self.place.name):
            return True
        others = re.escape(seen(self.before)) + self.number + re.escape(seen(self.behind))
        return bool(self.number) and re.fullmatch(others, seen(name)) is not None
