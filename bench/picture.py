"""The figures of bench.segmentation as a picture: F1, what was cut and sent, delays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.report import Figures
from micstream.errors import InputError, UsageError

_FARTHEST_MS = 2_000
"""Delays beyond are drawn as this long, with their number."""
_F1 = {
    "recorded": ("as recorded", "tab:blue"),
    "quiet": ("quiet", "tab:green"),
    "noisy": ("noise at 10 dB, mean", "tab:orange"),
    "-20 dB": ("gain -20 dB", "0.6"),
    "+10 dB": ("gain +10 dB", "0.4"),
}
_SHARES = {
    "speech_cut_percent": ("speech cut", "tab:red"),
    "head_cut_percent": ("head cut", "tab:pink"),
    "non_speech_percent": ("non-speech sent", "tab:gray"),
}
_DELAYS = {"onset_ms": ("onset", "tab:blue"), "end_ms": ("end", "tab:purple")}


def write_picture(figures: Figures, place: Path) -> None:
    """Draw them into a PNG (or whatever else the name's ending says).

    Raises:
        UsageError: matplotlib is not installed.
        InputError: the picture cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise UsageError(
            "--plot needs matplotlib", hint="install it with: pip install matplotlib"
        ) from None
    done = figures["contenders"]
    figure = Figure(figsize=(15, 1.8 + 1.1 * len(done)), layout="constrained")
    good, shares, delays = figure.subplots(1, 3, sharey=True)

    drawn = [name for name in _F1 if any(each["f1"][name] is not None for each in done.values())]
    values = [[each["f1"][name] for each in done.values()] for name in drawn]
    _bars(good, values, [_F1[name] for name in drawn], "{:.2f}")
    good.set_xlim(0, 1.08)
    good.set_xlabel("F1")

    values = [[each[name] for each in done.values()] for name in _SHARES]
    _bars(shares, values, list(_SHARES.values()), "{:.1f}")
    shares.set_xlabel("%, as recorded")

    values, styles = [], []
    for name, (words, color) in _DELAYS.items():
        for at, which in enumerate(("median", "p95")):
            values.append([each[name][at] if each[name] else None for each in done.values()])
            styles.append((f"{words}, {which}", (color, 0.9 if which == "median" else 0.4)))
    _bars(delays, values, styles, "{:.0f}", limit=_FARTHEST_MS)
    delays.set_xlabel("decided after ms, as recorded")

    names = [
        f"{name}\n{_number(each['false_per_minute'])} false/min\n{each['cpu_ms_per_s']:.2f} ms/s"
        for name, each in done.items()
    ]
    good.set_yticks(range(len(names)), names)
    good.invert_yaxis()
    figure.suptitle(f"Utterances found in {', '.join(figures['files']['recorded'])} and others")
    try:
        figure.savefig(place, dpi=100)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{place} cannot be written: {error}", hint="expected a name such as figures.png"
        ) from None


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _bars(
    axes: Any,
    values: Sequence[Sequence[float | None]],
    styles: Sequence[tuple[str, Any]],
    form: str,
    limit: float = np.inf,
) -> None:
    """Bars side by side for each contender, one for each row of `values`, with their numbers."""
    height = 0.84 / len(values)
    for number, (row, (words, color)) in enumerate(zip(values, styles, strict=True)):
        at = [place + (number - (len(values) - 1) / 2) * height for place in range(len(row))]
        lengths = [min(value or 0.0, limit) for value in row]
        bars = axes.barh(at, lengths, height * 0.9, color=color, label=words)
        texts = ["-" if value is None else form.format(value) for value in row]
        axes.bar_label(bars, texts, padding=2, fontsize=7)
    axes.margins(x=0.12)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, fontsize=8, frameon=False)
