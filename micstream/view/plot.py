"""A cut file as a picture: the signal, its level, what the detector said, the utterances."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import soundfile

from micstream.cutting import CutFile
from micstream.errors import InputError, UsageError
from micstream.sources.files import file_name

_LEVEL_S = 0.02


def write_plot(cut: CutFile, place: Path) -> None:
    """Draw `cut` into a PNG (or whatever else the name's ending says).

    Raises:
        UsageError: matplotlib is not installed.
        InputError: the picture cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise UsageError(
            "--plot needs matplotlib",
            hint='install it with: pip install "micstream[plot]"',
            code="no_matplotlib",
        ) from None
    samples, rate = soundfile.read(file_name(cut.path), dtype="float32", always_2d=True)
    mono = samples.mean(axis=1)
    width = float(np.clip(cut.duration_s / 2, 10, 60))
    figure = Figure(figsize=(width, 6), layout="constrained")
    signal, level, said = figure.subplots(3, 1, sharex=True, height_ratios=(3, 2, 1))

    step = max(1, len(mono) // 20_000)
    whole = len(mono) // step * step
    buckets = mono[:whole].reshape(-1, step)
    times = np.arange(len(buckets)) * step / rate
    signal.fill_between(times, buckets.min(axis=1), buckets.max(axis=1), color="0.35", linewidth=0)
    signal.set_ylabel("signal")
    signal.set_ylim(-1, 1)

    size = max(1, round(rate * _LEVEL_S))
    frames = mono[: len(mono) // size * size].reshape(-1, size)
    loudness = 10 * np.log10(np.maximum((frames**2).mean(axis=1), 1e-10))
    level.plot(np.arange(len(loudness)) * _LEVEL_S, loudness, color="0.35", linewidth=0.8)
    level.set_ylabel("level (dBFS)")

    said.step(
        np.arange(len(cut.probabilities)) * cut.frame_s,
        cut.probabilities,
        where="post",
        color="tab:blue",
        linewidth=0.8,
    )
    said.set_ylabel("speech")
    said.set_ylim(-0.05, 1.05)
    said.set_xlabel("seconds")

    for number, one in enumerate(cut.utterances, 1):
        for panel in (signal, level, said):
            panel.axvspan(one.start, one.end, color="tab:green", alpha=0.15, linewidth=0)
        signal.axvline(one.onset_decided_s, color="tab:green", linewidth=0.8)
        signal.axvline(one.end_decided_s, color="tab:red", linewidth=0.8)
        signal.text(one.start, 0.92, f" u{number}", fontsize=8, va="top")
    title = os.fsencode(cut.path.name).decode(errors="replace")  # a name need not be text
    figure.suptitle(
        f"{title}: {len(cut.utterances)} utterances (green line: onset decided, "
        "red line: end decided)",
        fontsize=10,
    )
    try:
        figure.savefig(place, dpi=100)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{place} cannot be written: {error}", hint="expected a name such as cut.png"
        ) from None
