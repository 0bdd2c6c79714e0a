"""A folder of labelled recordings: what is read, and what is said of a broken one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from bench.labelled import read_folder
from bench.scoring import Stretch
from micstream.errors import InputError


def write(place: Path, seconds: float = 2.0, rate: int = 16_000, channels: int = 1) -> Path:
    sound = np.full((round(seconds * rate), channels), 1_000, dtype=np.int16)
    soundfile.write(place, sound, rate, subtype="PCM_16", format="WAV")
    return place


def test_recordings_come_by_name_with_their_labels(tmp_path: Path) -> None:
    write(tmp_path / "b.wav").with_suffix(".txt").write_text("0.5\t1.25\n1.5\t2.0\tword\n")
    write(tmp_path / "a.WAV")
    write(tmp_path / "c.wav").with_suffix(".txt").write_text("\n")
    (tmp_path / "notes.md").write_text("none of this")
    read = read_folder(tmp_path)
    assert [each.name for each in read] == ["a", "b", "c"]
    assert [each.labels for each in read] == [
        [],
        [Stretch(8_000, 20_000), Stretch(24_000, 32_000)],
        [],
    ]
    assert read[0].seconds == 2


def test_what_audacity_writes_besides_is_passed_over(tmp_path: Path) -> None:
    text = "\ufeff0.5\t1.0\tspeech\r\n\\\t100.0\t2000.0\r\n1.2\t1.2\ta point\r\n1.5\t2.05\tlast\r\n"
    write(tmp_path / "a.wav").with_suffix(".txt").write_text(text, encoding="utf-8", newline="")
    (read,) = read_folder(tmp_path)
    assert read.labels == [Stretch(8_000, 16_000), Stretch(24_000, 32_000)]


def test_a_gain_scales_and_clips(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.array([100, -20_000, 20_000], dtype=np.int16), 16_000)
    (read,) = read_folder(tmp_path)
    assert np.frombuffer(read.pcm(), "<i2").tolist() == [100, -20_000, 20_000]
    assert np.frombuffer(read.pcm(-20), "<i2").tolist() == [10, -2_000, 2_000]
    assert np.frombuffer(read.pcm(10), "<i2").tolist() == [316, -32_768, 32_767]


@pytest.mark.parametrize(
    "line",
    [
        "speech",
        "0.5",
        "0.5 1.0 speech",
        "0,5\t1,0\tspeech",
        "1.0\t0.5\tspeech",
        "-0.5\t0.5",
        "nan\t1.0",
        "0.5\tinf",
        "0.5\t9.0\tafter the end",
    ],
)
def test_a_broken_label_is_named_with_its_line(tmp_path: Path, line: str) -> None:
    write(tmp_path / "a.wav").with_suffix(".txt").write_text(f"0.1\t0.2\tgood\n{line}\n")
    with pytest.raises(InputError, match=r"a\.txt, line 2: .* is no label; expected") as error:
        read_folder(tmp_path)
    assert error.value.hint


def test_labels_that_are_no_text(tmp_path: Path) -> None:
    write(tmp_path / "a.wav").with_suffix(".txt").write_bytes(b"\xff\xfe0\x00")
    with pytest.raises(InputError, match=r"a\.txt cannot be read"):
        read_folder(tmp_path)


def test_folders_that_do_not_serve(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        read_folder(tmp_path / "missing")
    with pytest.raises(InputError, match="holds no WAV"):
        read_folder(tmp_path)
    with pytest.raises(InputError, match="not a folder"):
        read_folder(write(tmp_path / "a.wav"))


def test_sound_that_does_not_serve(tmp_path: Path) -> None:
    place = write(tmp_path / "a.wav", rate=44_100)
    with pytest.raises(InputError, match="is 44100 Hz, channels: 1, PCM_16; expected 16000 Hz"):
        read_folder(tmp_path)
    write(place, channels=2)
    with pytest.raises(InputError, match="channels: 2"):
        read_folder(tmp_path)
    soundfile.write(place, np.zeros(100, dtype=np.float32), 16_000, subtype="FLOAT")
    with pytest.raises(InputError, match="FLOAT; expected"):
        read_folder(tmp_path)
    write(place, seconds=0)
    with pytest.raises(InputError, match="holds no sound"):
        read_folder(tmp_path)
    place.write_bytes(b"no sound at all")
    with pytest.raises(InputError, match="cannot be read"):
        read_folder(tmp_path)
