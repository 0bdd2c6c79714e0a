"""What `cut` writes harms nothing that is there, and nobody else reads it."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile

from micstream.cut_places import CutPlaces
from micstream.cutting import Discard, UtteranceFiles, cut_file, open_file
from micstream.errors import InputError, UsageError
from micstream.private_files import folds_names, replacing
from micstream.settings import load
from micstream.speech.detectors import make_detector
from testbed.speech import RATE, SENTENCES


@pytest.mark.parametrize(
    "places",
    [
        CutPlaces([Path("a/t.wav"), Path("b/t.wav")], out=Path("u")),
        CutPlaces([Path("a/t.wav"), Path("b/t.flac")], out=Path("u")),
        CutPlaces([Path("t.wav"), Path("t.wav")], out=Path("u")),
        CutPlaces([Path("t.txt")], labels=Path("t.txt")),
        CutPlaces([Path("u/../t.txt")], labels=Path("t.txt")),
        CutPlaces([Path("t.png")], plot=Path("t.png")),
        CutPlaces([Path("t-2.png")], plot=Path("t.png")),
        CutPlaces([Path("t.wav")], labels=Path("x.txt"), plot=Path("x.txt")),
        CutPlaces(
            [Path("t.wav")], labels=Path("x.txt"), plot=Path("x.png"), reference=Path("x.txt")
        ),
        CutPlaces([Path("u/t-004.wav"), Path("t.wav")], out=Path("u")),
    ],
)
def test_two_things_never_share_a_place(
    places: CutPlaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("u").mkdir()
    with pytest.raises(UsageError, match="would") as refused:
        places.check()
    assert refused.value.hint
    assert refused.value.exit_code == 2


@pytest.mark.parametrize(
    "places",
    [
        CutPlaces([Path("a/t.wav"), Path("b/s.wav")], out=Path("u"), labels=Path("u")),
        CutPlaces([Path("t.wav")], labels=Path("t.txt"), plot=Path("t.png"), out=Path()),
        CutPlaces([Path("t-001.wav"), Path("t-002.wav")], labels=Path("u"), plot=Path("u")),
        CutPlaces([Path("t.wav")], labels=Path("u"), plot=Path("p.png"), reference=Path("r.txt")),
    ],
)
def test_what_is_apart_is_not_refused(
    places: CutPlaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("u").mkdir()
    places.check()


FOLDED = [
    CutPlaces([Path("T.wav"), Path("t.flac")], out=Path("u")),
    CutPlaces([Path("a/Grüße.wav"), Path("b/GRÜSSE.wav")], out=Path("u")),
    CutPlaces([Path("a/e\u0301.wav"), Path("b/\u00c9.wav")], out=Path("new")),
    CutPlaces([Path("T.TXT")], labels=Path("t.txt")),
    CutPlaces([Path("t-2.PNG")], plot=Path("T.png")),
    CutPlaces([Path("T.wav"), Path("t.flac")], labels=Path("u")),
    CutPlaces([Path("u/T-0004.WAV"), Path("t.wav")], out=Path("u")),
    CutPlaces([Path("t.wav")], labels=Path("x.txt"), plot=Path("X.TXT")),
]


@pytest.mark.parametrize("places", FOLDED)
def test_upper_and_lower_case_are_one_place_where_the_file_system_says_so(
    places: CutPlaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """macOS, Windows, a USB stick: here a double answers for their file systems."""
    monkeypatch.chdir(tmp_path)
    for folder in ("u", "a", "b"):
        Path(folder).mkdir()
    places.check()  # here they are apart
    monkeypatch.setattr("micstream.cut_places.folds_names", lambda folder: True)
    with pytest.raises(UsageError, match="would"):
        places.check()


def test_a_file_system_is_asked_by_a_name_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not folds_names(tmp_path)
    assert list(tmp_path.iterdir()) == [], "nothing is left of the question"
    (tmp_path / "Name").touch()
    assert not folds_names(tmp_path / "not" / "yet")
    asked: list[tuple[Path, Path]] = []

    def samefile(one: Path, other: Path) -> bool:
        asked.append((one, other))
        return True

    monkeypatch.setattr(Path, "samefile", samefile)
    assert folds_names(tmp_path / "not" / "yet")
    assert asked == [(tmp_path / "Name", tmp_path / "nAME")]


def test_a_folder_is_known_by_whatever_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link, and a folder of another case where that is the same: both are one `samefile`."""
    monkeypatch.chdir(tmp_path)
    Path("u").mkdir()
    Path("v").symlink_to("u")
    with pytest.raises(UsageError, match="which is read"):
        CutPlaces([Path("v/t.txt")], labels=Path("u/t.txt")).check()
    monkeypatch.setattr(Path, "samefile", lambda one, other: one.name.lower() == other.name.lower())
    with pytest.raises(UsageError, match="which is read"):
        CutPlaces([Path("U/t.txt")], labels=Path("u/t.txt")).check()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("bad.wav",), "bad.wav: "),
        (("missing.wav",), "missing.wav: no such file"),
        (("--labels", "nowhere/t.txt"), "nowhere is no folder that exists"),
        (("--plot", "p.png", "--reference", "bad.wav"), "bad.wav, line 1"),
    ],
)
def test_what_cannot_be_used_is_told_before_anything_is_written(
    tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    (tmp_path / "t.flac").symlink_to(SENTENCES)
    (tmp_path / "bad.wav").write_text("dear diary\n" * 50)
    before = sorted(tmp_path.rglob("*"))
    cut = (sys.executable, "-m", "micstream", "cut", "t.flac", "--out", "u", *options)
    done = subprocess.run(cut, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert words in done.stderr
    assert done.stdout == ""
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("name", "words"), [("s.wav", "... > sound.wav"), ("s.raw", "ffmpeg -f s16le")]
)
def test_what_only_a_pipe_can_play_is_made_a_file_first(
    tmp_path: Path, name: str, words: str
) -> None:
    """`micstream pipe` needs a room, and `cut` does without."""
    place = tmp_path / name
    if name == "s.raw":
        place.write_bytes(bytes(640))
    else:
        os.mkfifo(place)
    with pytest.raises(InputError) as refused:
        open_file(place, 0)
    assert words in refused.value.hint
    assert refused.value.hint.endswith("micstream cut sound.wav")


def test_nothing_is_written_where_something_is_refused(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "t.flac").symlink_to(SENTENCES)
    before = sorted(tmp_path.rglob("*"))
    cut = (sys.executable, "-m", "micstream", "cut", "a/t.flac", "b/t.flac", "--out", "u")
    done = subprocess.run(cut, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "would both be written" in done.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_a_place_is_taken_whole_private_and_not_through_a_link(tmp_path: Path) -> None:
    place, elsewhere = tmp_path / "labels.txt", tmp_path / "elsewhere"
    elsewhere.write_text("not to be touched")
    place.symlink_to(elsewhere)
    with replacing(place) as fresh:
        fresh.write_text("new")
        assert place.read_text() == "not to be touched", "until it is whole"
    assert not place.is_symlink()
    assert place.read_text() == "new"
    assert elsewhere.read_text() == "not to be touched"
    assert place.stat().st_mode & 0o777 == 0o600
    place.chmod(0o644)
    with replacing(place) as fresh:
        fresh.write_text("newer")
    assert place.stat().st_mode & 0o777 == 0o600
    with pytest.raises(ZeroDivisionError), replacing(place) as fresh:
        fresh.write_text("half")
        raise ZeroDivisionError
    assert place.read_text() == "newer"
    assert sorted(tmp_path.iterdir()) == [elsewhere, place]


def test_what_is_no_file_is_written_as_it_is() -> None:
    with replacing(Path("/dev/null")) as place:
        place.write_text("x")
    assert Path("/dev/null").is_char_device()


def test_an_utterance_file_in_the_way_is_replaced_whole(tmp_path: Path) -> None:
    (tmp_path / "s-001.wav").write_text("old")
    (tmp_path / "s-001.wav").chmod(0o644)
    settings = load(vad="webrtc")
    done = cut_file(
        SENTENCES, settings, make_detector(settings), sink=UtteranceFiles(tmp_path, "s")
    )
    assert len(list(tmp_path.iterdir())) == len(done.utterances)
    for place in tmp_path.iterdir():
        assert soundfile.info(place).samplerate == RATE
        assert place.stat().st_mode & 0o777 == 0o600


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    settings = load(vad="webrtc")
    peaks = []
    for minutes in (2, 8):
        place = tmp_path / f"{minutes}.wav"
        noise = np.random.default_rng(1).normal(0, 3_000, (60 * 8_000, 2)).astype("<i2")
        with soundfile.SoundFile(place, "w", 8_000, 2, "PCM_16") as file:
            for _ in range(minutes):
                file.write(noise)
        detector = make_detector(settings)
        tracemalloc.start()
        try:
            cut_file(place, settings, detector, sink=Discard(), trace=False)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[1] < peaks[0] + 500_000, peaks
