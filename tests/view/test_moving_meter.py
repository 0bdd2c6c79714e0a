"""The meter on the screen, and as lines."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from micstream.audio.meter import Meter
from micstream.calibrate import Phase, Progress
from micstream.view.meter import MovingMeter, PlainMeter, bar


def heard(amplitude: float, *, phase: Phase = Phase.ROOM, left_s: float = 1.0) -> Progress:
    """Two seconds of noise; above 1.0 it clips."""
    meter = Meter()
    noise = np.random.default_rng(1).uniform(-amplitude, amplitude, 32_000)
    meter.push(np.clip(noise * 32768, -32768, 32767).astype("<i2").tobytes())
    return Progress(phase, left_s, meter.reading())


def test_the_bar_shows_level_floor_and_peak() -> None:
    plain = bar(heard(0.01)).plain
    assert plain.startswith("[====")
    assert plain.index("=") < plain.index("|") < plain.index("!")
    assert "-45 dBFS" in plain
    assert "CLIP" not in plain
    assert plain.endswith("1.0 s")
    louder = bar(heard(0.1)).plain
    assert louder.count("=") > plain.count("=")
    assert len(louder) == len(plain)


def test_the_lamp_is_lit_where_it_clips() -> None:
    assert "CLIP" in bar(heard(4.0)).plain


@pytest.mark.parametrize("seconds", [0.0, 1.0])
def test_silence_is_an_empty_bar(seconds: float) -> None:
    meter = Meter()
    meter.push(bytes(round(seconds * 32_000)))
    plain = bar(Progress(Phase.SPEECH, 2.0, meter.reading())).plain
    assert "=" not in plain
    assert "!" not in plain


def test_in_a_terminal_it_asks_once_and_leaves_nothing_behind() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=100)
    with MovingMeter(console) as meter:
        for phase in Phase:
            for left in (2.0, 1.0, 0.0):
                meter(heard(0.1, phase=phase, left_s=left))
    assert out.getvalue().count("be quiet, please") == 1
    assert out.getvalue().count("speak as you will") == 1
    assert "dBFS" in out.getvalue()


def test_without_one_it_is_a_line_a_second() -> None:
    lines: list[str] = []
    with PlainMeter(lines.append) as meter:
        for tenth in range(30, -1, -1):
            meter(heard(4.0, left_s=tenth / 10))
    assert lines[0] == "be quiet, please: listening to the room (3 s)\n"
    assert len(lines) == 4
    assert all("CLIPPED" in line for line in lines[1:])


def test_quietly_it_only_asks() -> None:
    lines: list[str] = []
    with PlainMeter(lines.append, levels=False) as meter:
        for tenth in range(30, -1, -1):
            meter(heard(0.1, left_s=tenth / 10, phase=Phase.SPEECH))
    assert lines == ["speak as you will on stage (3 s)\n"]
