"""A soak as a picture: memory, counts and delays over time, the warm-up shaded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.soak.judge import window
from bench.soak.record import Record
from micstream.errors import InputError, UsageError

_OURS, _IDLE = "tab:blue", "0.6"
_COUNTS = (("fds", "file descriptors", "tab:orange"), ("threads", "threads", "tab:green"))


def check(place: Path) -> None:
    """Before anything is measured: whether a picture can be written there.

    Raises:
        UsageError: matplotlib is not installed.
        InputError: the name does not end as a picture's, or there is no such folder.
    """
    try:
        from matplotlib.backend_bases import FigureCanvasBase
    except ImportError:
        raise UsageError(
            "--plot needs matplotlib", hint="install it with: pip install matplotlib"
        ) from None
    known = FigureCanvasBase.get_supported_filetypes()
    if place.suffix.lower().removeprefix(".") not in known or not place.parent.is_dir():
        raise InputError(
            f"--plot {place}: a picture cannot be written there",
            hint="expected a name such as soak.png, in a folder that exists",
        )


def write_picture(records: Sequence[Record], place: Path) -> None:
    """Draw the parts side by side.

    Raises:
        InputError: the picture cannot be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7 * len(records), 9), layout="constrained")
    columns = figure.subplots(3, len(records), squeeze=False).T
    for record, (memory, counts, delays) in zip(records, columns, strict=True):
        for taken, who, color in (
            (record.ours, "micstream", _OURS),
            (record.idle, "only in the room", _IDLE),
        ):
            series = taken.series["rss"]
            memory.plot(series.times, series.values, color=color, label=who)
        memory.set_ylabel("MiB, resident")
        memory.set_title(f"{record.part}: {record.sound_s / 60:.0f} min of speech and pauses")
        for name, words, color in _COUNTS:
            series = record.ours.series[name]
            counts.plot(series.times, series.values, color=color, label=words)
        tasks = record.tasks(record.ours)
        counts.plot(tasks.times, tasks.values, color="tab:purple", label="asyncio tasks")
        counts.set_ylabel("how many")
        shown = [(record.reports(), "end of a segment to its report", _OURS)]
        if record.differs is None:
            shown = [
                (record.delays(), "microphone to the avatar's report", _OURS),
                (record.heard, "microphone to a viewer", "tab:red"),
                (record.leads(), "lead: what the first write holds", "0.7"),
            ]
        for series, words, color in shown:
            delays.plot(series.times, series.values, ".", color=color, label=words)
        delays.set_ylabel("ms")
        delays.set_xlabel("s")
        start, end = window(record)
        for axes in (memory, counts, delays):
            axes.axvspan(0, min(start, end), color="0.93", label="warm-up")
            axes.set_xlim(0, max(end, 1.0))
            axes.set_ylim(bottom=0)
            axes.legend(fontsize=8, loc="best")
    try:
        figure.savefig(place, dpi=100)
    except (OSError, ValueError) as error:
        raise InputError(f"{place} cannot be written: {error}") from None
