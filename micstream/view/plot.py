"""A cut file as a picture to tune by: what was heard, what the detector said, what became of it."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from micstream.cutting import CutFile, Label, unwritable
from micstream.errors import InputError, UsageError
from micstream.private_files import replacing
from micstream.settings import Settings
from micstream.view.plot_row import LABELLED, PANELS, Row, Track, legend

ROW_S: Final = 30.0
"""A frame of the detector is then two pixels wide: what is wider has to be scrolled both ways."""
ROWS: Final = 6
"""Under one another on a page; what is taller no viewer shows in full size."""

_DPI: Final = 100
# Inches.
_SECOND, _LEAST_WIDTH = 0.5, 11.0
_LEFT, _RIGHT, _TOP, _BOTTOM, _GAP = 0.7, 0.35, 1.15, 0.4, 0.45


def write_plot(
    cut: CutFile, settings: Settings, place: Path, labels: Sequence[Label] | None = None
) -> None:
    """Draw `cut` into a picture of the kind that the name's ending says.

    Further pages become pages of a PDF; else files beside it: `cut-2.png` and so on. `labels`:
    what should have been found.

    Raises:
        UsageError: matplotlib is not installed.
        InputError: the picture cannot be written.
    """
    try:
        from matplotlib.backend_bases import FigureCanvasBase
        from matplotlib.backends.backend_pdf import PdfPages
    except ImportError:
        raise UsageError(
            "--plot needs matplotlib",
            hint='install it with: pip install "micstream[plot]"',
            code="no_matplotlib",
        ) from None
    if place.suffix.lower().removeprefix(".") not in FigureCanvasBase.get_supported_filetypes():
        raise InputError(
            f"{place} cannot be written: its name does not end as a picture's",
            hint="expected a name such as cut.png, cut.svg or cut.pdf, or a folder that exists",
            code="unwritable",
        )
    try:
        with warnings.catch_warnings():
            # A name in a script that its font lacks: the picture shows boxes, and that is enough.
            warnings.filterwarnings("ignore", "Glyph")
            if place.suffix.lower() == ".pdf":
                with replacing(place) as fresh, PdfPages(fresh) as file:
                    for page in pages(cut, settings, labels):
                        file.savefig(page)
                return
            for number, page in enumerate(pages(cut, settings, labels), 1):
                more = place.with_name(f"{place.stem}-{number}{place.suffix}")
                with replacing(place if number == 1 else more) as fresh:
                    page.savefig(fresh, dpi=_DPI)
    except OSError as error:
        raise unwritable(place, error) from None


def spans(duration_s: float) -> list[tuple[float, float]]:
    """The rows, start and end in seconds: of equal length, at most `ROW_S`, in whole seconds
    where there are several; what lasts 31 s has no row of one second."""
    count = max(1, math.ceil(duration_s / ROW_S))
    length = duration_s if count == 1 else float(math.ceil(duration_s / count))
    return [(at * length, (at + 1) * length) for at in range(count)]


def pages(cut: CutFile, settings: Settings, labels: Sequence[Label] | None) -> Iterator[Any]:
    """Matplotlib's figures, one after the other: a long file has many."""
    track = Track.of(cut, settings, labels)
    rows = spans(cut.duration_s)
    count = math.ceil(len(rows) / ROWS)
    for number in range(count):
        title = _title(cut, settings)
        if count > 1:
            title += f", page {number + 1} of {count}"
        yield _page(track, rows[number * ROWS :][:ROWS], title, _made_by(settings))


def _page(track: Track, rows: list[tuple[float, float]], title: str, made_by: str) -> Any:
    from matplotlib.figure import Figure

    length = rows[0][1] - rows[0][0]
    panels = {k: v for k, v in PANELS.items() if k != LABELLED or track.labels is not None}
    row_height = sum(panels.values()) + _GAP
    width = max(_LEAST_WIDTH, _LEFT + length * _SECOND + _RIGHT)
    height = _TOP + len(rows) * row_height - _GAP + _BOTTOM
    figure = Figure(figsize=(width, height))
    figure.text(
        _LEFT / width, 1 - 0.12 / height, title, va="top", weight="bold", size=10, parse_math=False
    )
    figure.text(_LEFT / width, 1 - 0.36 / height, made_by, va="top", size=8, linespacing=1.3)
    figure.legend(
        handles=legend(labelled=track.labels is not None),
        loc="upper left",
        bbox_to_anchor=((_LEFT - 0.08) / width, 1 - 0.68 / height),
        ncols=6,
        fontsize=8,
        frameon=False,
        borderaxespad=0,
        handlelength=1.8,
    )
    for number, (start, end) in enumerate(rows):
        top = height - _TOP - number * row_height
        axes = {}
        for name, tall in panels.items():
            top -= tall
            box = (_LEFT / width, top / height, 1 - (_LEFT + _RIGHT) / width, tall / height)
            axes[name] = figure.add_axes(box)
        Row(axes, start, end, inches=width - _LEFT - _RIGHT).draw(track)
    return figure


def _title(cut: CutFile, settings: Settings) -> str:
    sent = sum(one.end - one.start for one in cut.utterances)
    name = os.fsencode(cut.path.name).decode(errors="replace")  # a name need not be text
    dropped = f", {len(cut.false_alarms)} dropped" if settings.mode == "utterance" else ""
    return (
        f"{name}: {cut.duration_s:.1f} s, {len(cut.utterances)} utterances, "
        f"{sent:.1f} s sent{dropped} (mode {settings.mode})"
    )


def _made_by(settings: Settings) -> str:
    """All numbers in force, so that a picture tells how to make it again."""
    tuning = settings.tuning
    own = tuning.segmenter
    detector: str = settings.vad
    if detector == "webrtc":
        detector += f" mode {settings.vad_mode}, {settings.frame_ms} ms"
    clean = "cleaned" if settings.clean else "not cleaned"
    if settings.clean and settings.send_original:
        clean += " (the original is sent)"
    judged = (
        detector,
        f"preset {settings.preset or 'room'}",
        f"on {tuning.on:g}, off {tuning.off:g}",
        f"near {tuning.near_db} dB" if tuning.near_db else "near off",
        clean,
    )
    return (
        f"{'; '.join(judged)}\nonset {own.onset_ms} in {own.onset_window_ms}, "
        f"pre-roll {own.pre_roll_ms}, margin {tuning.margin_ms}, hangover {own.hangover_ms}, "
        f"tail {own.tail_ms}, min-speech {own.min_speech_ms}, max-length {own.max_length_ms}, "
        f"search {own.search_ms} ms"
    )
