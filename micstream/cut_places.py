"""Where `cut` writes what it was asked for: known, and known to harm nothing, before it begins."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from micstream.errors import UsageError


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

        Raises:
            UsageError: says which, before anything is written.
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
            yield _Target.of(labels)
        if plot := self.plot_of(file):
            pages = rf"{re.escape(plot.stem)}-\d+{re.escape(plot.suffix)}"
            yield _Target.of(plot, pages)
        if self.out is not None:
            stem = re.escape(file.stem)
            yield _Target.of(self.out / f"{file.stem}-001.wav", rf"{stem}-\d{{3,}}\.wav")

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


@dataclass(frozen=True, slots=True)
class _Target:
    """A place that is written, and those beside it for as long as there are pages or utterances."""

    place: Path
    others: str

    @classmethod
    def of(cls, place: Path, others: str = "") -> _Target:
        # A link is replaced, not followed; one among its folders is.
        return cls(place.parent.resolve() / place.name, others)

    def takes(self, place: Path) -> bool:
        """Whether it may write there."""
        if place == self.place:
            return True
        beside = place.parent == self.place.parent
        return beside and re.fullmatch(self.others, place.name) is not None
