"""The picture of a cut file: all of it is there, and it shows what was decided by which numbers."""

from __future__ import annotations

import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib.colors
import matplotlib.image
import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from micstream.cutting import CutFile, Found, Label, cut_file
from micstream.errors import InputError, UsageError
from micstream.settings import Settings, load
from micstream.speech.detectors import make_detector
from micstream.speech.events import EndReason
from micstream.view import plot, plot_row
from testbed.speech import HELLO, SENTENCES

FRAME = 320


def settings(**flags: Any) -> Settings:
    return load(vad="webrtc", **flags)


def cut(path: Path, given: Settings) -> CutFile:
    return cut_file(path, given, make_detector(given))


def found(start: float, end: float, until: float | None = None, voiced: float = 1.0) -> Found:
    last = end if until is None else until
    return Found(
        start=start,
        end=end,
        onset=start + 0.05,
        open_until=last,
        onset_decided_s=start + 0.1,
        end_decided_s=last,
        voiced_s=voiced,
        reason=EndReason.SILENCE,
        pcm=b"",
    )


def made(seconds: float, utterances: list[Found], false_alarms: list[Found]) -> CutFile:
    frames = int(seconds * 16_000) // FRAME
    return CutFile(
        path=Path("made.wav"),
        rate=16_000,
        duration_s=seconds,
        warning="",
        utterances=utterances,
        false_alarms=false_alarms,
        probabilities=[0.0] * frames,
        needed=[0.5] * frames,
        frame_s=0.02,
        heard=np.zeros(frames * FRAME, dtype=np.int16).tobytes(),
    )


def panel(page: Any, name: str, row: int = 0) -> Any:
    return [axes for axes in page.axes if axes.get_ylabel().startswith(name)][row]


def words(page: Any, name: str, row: int = 0) -> list[str]:
    return [text.get_text() for text in panel(page, name, row).texts]


def pixels(place: Path, color: str) -> int:
    """How many of the picture's are of this colour."""
    picture = matplotlib.image.imread(place)[..., :3]
    wanted = np.array(matplotlib.colors.to_rgb(color))
    return int((np.abs(picture - wanted).max(axis=2) < 0.02).sum())


@given(st.floats(min_value=1 / 16_000, max_value=20_000))
def test_rows_are_of_one_length_and_cover_the_file(seconds: float) -> None:
    rows = plot.spans(seconds)
    assert rows[0][0] == 0
    assert rows[-1][0] < seconds <= rows[-1][1]
    assert all(before[1] == after[0] for before, after in pairwise(rows))
    lengths = {end - start for start, end in rows}
    assert max(lengths) - min(lengths) < 1e-6
    assert max(lengths) <= plot.ROW_S


@pytest.mark.parametrize("mode", ["live", "utterance"])
def test_each_thing_is_drawn_in_its_colour(tmp_path: Path, mode: str) -> None:
    asked = settings(mode=mode)
    place = tmp_path / "cut.png"
    plot.write_plot(cut(SENTENCES, asked), asked, place, [Label(0.5, 2.9, "Good $evening$")])
    for color in (plot_row.GREEN, plot_row.RED, plot_row.BLUE, plot_row.PURPLE, plot_row.ORANGE):
        assert pixels(place, color) > 100, color
    tint = matplotlib.colors.to_rgb(plot_row.SKY)
    faint = matplotlib.colors.to_hex([0.2 * part + 0.8 for part in tint])
    assert pixels(place, faint) > 50_000
    # Hatched is what was trimmed away: in the legend alone where all is sent.
    assert (pixels(place, plot_row.UNSENT["facecolor"]) > 5_000) == (mode == "utterance")


def test_thresholds_and_decisions_are_those_in_force() -> None:
    asked = settings(vad_on=0.6, vad_off=0.2)
    done = cut(HELLO, asked)
    (page,) = plot.pages(done, asked, None)
    lines = panel(page, "probability").lines
    levels = [list(line.get_ydata()) for line in lines if line.get_linestyle() == "--"]
    assert [0.6, 0.6] in levels
    assert [0.2, 0.2] in levels
    needed = next(line for line in lines if line.get_color() == plot_row.PURPLE).get_ydata()
    assert list(needed[::2]) == done.needed
    assert set(done.needed) == {0.6, 0.2}
    (one,) = done.utterances
    decided = round(one.onset_decided_s / done.frame_s)
    assert done.needed[:decided] == [0.6] * decided  # up to the frame that decided
    assert done.needed[decided] == 0.2


def test_a_picture_tells_the_numbers_that_made_it() -> None:
    asked = settings(preset="stage", hangover_ms=710, mode="utterance")
    (page,) = plot.pages(made(2, [], [found(0.5, 1, voiced=0.1)]), asked, None)
    told = " ".join(text.get_text() for text in page.texts)
    for part in ("made.wav: 2.0 s, 0 utterances", "1 dropped", "webrtc", "preset stage"):
        assert part in told
    assert f"on {asked.tuning.on:g}" in told
    assert f"near {asked.tuning.near_db} dB" in told
    assert "hangover 710" in told
    assert "not cleaned" in told


def test_utterances_are_named_and_counted_through_rows() -> None:
    utterances = [found(1, 6), found(7, 7.2), found(25, 34, until=34.4)]
    done = made(40, utterances, [found(9, 10, voiced=0.06)])
    (page,) = plot.pages(done, settings(), None)
    assert words(page, "found") == [
        "u1  5.00 s, silence",
        "u2  0.20 s",
        "false alarm, 0.06 s voiced",
    ]
    (page,) = plot.pages(replace(done, utterances=utterances[2:]), settings(), None)
    assert words(page, "found", row=1) == ["u1  9.00 s, silence"]
    crowded = made(40, [found(at, at + 0.6) for at in np.arange(0, 19, 0.7)], [])
    (page,) = plot.pages(crowded, settings(), None)
    assert words(page, "found")[:2] == ["u1", "u2"]


def test_what_goes_on_in_the_next_row_says_so() -> None:
    (page,) = plot.pages(made(40, [found(15, 34)], []), settings(), None)
    assert words(page, "found") == ["u1  19.00 s, silence"]
    assert words(page, "found", row=1) == ["… u1  19.00 s, silence"]


def test_labels_have_a_strip_only_where_they_are_given() -> None:
    done = made(10, [], [])
    (page,) = plot.pages(done, settings(), None)
    assert not [axes for axes in page.axes if axes.get_ylabel() == "labelled"]
    labels = [Label(1, 6, "a few words"), Label(7, 7.3, "far too many for so short a stretch")]
    (page,) = plot.pages(done, settings(), labels)
    assert words(page, "labelled")[0] == "a few words"
    assert words(page, "labelled")[1].endswith("…")


def test_a_long_file_goes_over_pages(tmp_path: Path) -> None:
    done = made(200, [found(190, 195)], [])
    plot.write_plot(done, settings(), tmp_path / "cut.svg")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["cut-2.svg", "cut.svg"]
    plot.write_plot(done, settings(), tmp_path / "cut.pdf")
    assert (tmp_path / "cut.pdf").read_bytes().count(b"/Type /Page ") == 2
    assert not (tmp_path / "cut-2.pdf").exists()


@pytest.mark.parametrize("samples", [1, 400, 16_000])
def test_hardly_any_sound_and_silence_can_be_drawn(tmp_path: Path, samples: int) -> None:
    soundfile.write(tmp_path / "short.wav", np.zeros(samples), 16_000)
    place = tmp_path / "cut.png"
    plot.write_plot(cut(tmp_path / "short.wav", settings()), settings(), place)
    assert matplotlib.image.imread(place).std() > 0.05


def test_scripts_that_the_font_lacks_are_no_trouble(tmp_path: Path) -> None:
    plot.write_plot(made(5, [], []), settings(), tmp_path / "p.png", [Label(1, 4, "早上好 $x")])


def test_where_it_cannot_be_written(tmp_path: Path) -> None:
    done = made(1, [], [])
    with pytest.raises(InputError, match=r"cut\.png cannot be written: no such file") as error:
        plot.write_plot(done, settings(), tmp_path / "missing" / "cut.png")
    assert error.value.hint
    with pytest.raises(InputError, match=r"cut\.pdf cannot be written"):
        plot.write_plot(done, settings(), tmp_path / "missing" / "cut.pdf")
    for name in ("cut.docx", "cut"):
        with pytest.raises(InputError, match="does not end as a picture's") as error:
            plot.write_plot(done, settings(), tmp_path / name)
        assert "cut.png" in error.value.hint
    assert not list(tmp_path.iterdir())


def test_without_matplotlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_pdf", None)
    with pytest.raises(UsageError, match="--plot needs matplotlib") as error:
        plot.write_plot(made(1, [], []), settings(), tmp_path / "cut.png")
    assert "pip install" in error.value.hint
