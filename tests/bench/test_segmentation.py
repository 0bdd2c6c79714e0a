"""The benchmark of segmentation, on a small folder of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import __main__ as everything
from bench import segmentation
from bench.segmentation import Groups, contenders
from bench.spoken import sentences, write_wav
from micstream.settings import table as knobs

PEERS = ["auditok", "webrtcvad-ring-2", "webrtcvad-ring-3", "silero-iterator"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three sentences, the same in noise, and ten seconds of nobody."""
    place = tmp_path_factory.mktemp("speech")
    speech, spoken = sentences(3)
    labels = "".join(f"{one.start:.4f}\t{one.end:.4f}\t{one.text}\n" for one in spoken)
    noise = np.random.default_rng(0).standard_normal(speech.size).astype(np.float32)
    for name, sound in {
        "stream-clean": speech,
        "stream-quiet": speech,
        "stream-white10": speech + 0.01 * noise,
    }.items():
        write_wav(place / f"{name}.wav", sound)
        (place / f"{name}.txt").write_text(labels, encoding="utf-8")
    write_wav(place / "nospeech-room.wav", 0.0005 * noise[: 16_000 * 10])
    return place


def measured(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> dict[str, Any]:
    segmentation.main([*map(str, arguments), "--json"])
    out = capsys.readouterr().out
    assert out.count("\n") == 1, "one object on one line"
    figures: dict[str, Any] = json.loads(out)
    return figures


def test_all_are_judged_side_by_side(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures = measured(capsys, folder, "--rounds", "1")
    assert list(figures["contenders"]) == [*knobs.BY_NAME["vad"].choices, *PEERS]
    assert figures["references"] == 3
    assert figures["files"] == {
        "recorded": ["stream-clean"],
        "quiet": ["stream-quiet"],
        "noisy": ["stream-white10"],
        "wordless": ["nospeech-room"],
    }
    for each in figures["contenders"].values():
        assert set(each["f1"]) == {"recorded", "quiet", "noisy", "-20 dB", "+10 dB"}
        assert all(0 <= f1 <= 1 for f1 in each["f1"].values())
        assert each["f1"]["recorded"] == each["f1"]["quiet"] == each["f1_by_file"]["stream-clean"]
        assert each["cpu_ms_per_s"] > 0
        assert each["false_per_minute"] is not None


def test_sentences_in_a_quiet_room_are_found_by_the_default(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    default = str(knobs.BY_NAME["vad"].default)
    figures = measured(capsys, folder, "--quick", "--only", default)
    assert figures["files"]["wordless"] == []
    ((name, each),) = figures["contenders"].items()
    assert name == default
    assert each["f1"]["recorded"] == 1
    assert each["f1"]["-20 dB"] is each["f1"]["noisy"] is each["false_per_minute"] is None


def test_live_sends_what_the_whole_utterance_leaves_out(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shares = {}
    for mode in ("live", "utterance"):
        figures = measured(capsys, folder, "--quick", "--mode", mode, "--only", "webrtc")
        shares[mode] = figures["contenders"]["webrtc"]
    assert shares["live"]["non_speech_percent"] > shares["utterance"]["non_speech_percent"]
    assert shares["live"]["end_ms"] == shares["utterance"]["end_ms"]


def test_the_table_and_the_picture(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "figures.png"
    few = ("--only", "webrtc", "auditok", "--rounds", "1")
    segmentation.main([str(folder), "--plot", str(picture), *few])
    out = capsys.readouterr().out
    for words in ("webrtc", "auditok", "F1 of each file", "stream-white10", "3 utterances"):
        assert words in out
    assert "silero-iterator" not in out
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_picture_that_cannot_be_written(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plot = ("--plot", str(tmp_path / "missing" / "figures.png"))
    with pytest.raises(SystemExit) as left:
        segmentation.main([str(folder), "--quick", "--only", "auditok", *plot])
    assert left.value.code == 3
    assert "cannot be written" in capsys.readouterr().err


def test_without_the_names_all_labelled_files_are_as_recorded(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "two"):
        for ending in (".wav", ".txt"):
            content = (folder / f"stream-clean{ending}").read_bytes()
            (tmp_path / f"{name}{ending}").write_bytes(content)
    figures = measured(capsys, tmp_path, "--rounds", "1", "--only", "auditok")
    assert figures["files"]["recorded"] == ["one", "two"]
    assert figures["references"] == 6
    assert figures["contenders"]["auditok"]["f1"]["quiet"] is None


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["missing"], 3, "no such folder"),
        (["."], 3, "holds no WAV"),
        ([".", "--gap", "-1"], 2, "expected 0 to 60 seconds"),
        ([".", "--gap", "nan"], 2, "expected 0 to 60 seconds"),
        ([".", "--rounds", "0"], 2, "expected at least one"),
        ([".", "--mode", "both"], 2, "invalid choice"),
        ([], 2, "FOLDER"),
    ],
)
def test_what_cannot_be_done_is_said(
    arguments: list[str],
    code: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as left:
        segmentation.main(arguments)
    assert left.value.code == code
    err = capsys.readouterr().err
    assert said in err
    assert "Traceback" not in err


def test_an_unknown_contender_is_answered_with_the_known(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        segmentation.main([str(folder), "--only", "webrtc", "ears"])
    assert left.value.code == 2
    err = capsys.readouterr().err
    assert "no contender ears" in err
    assert all(each.name in err for each in contenders("live"))


def test_a_folder_without_a_word_has_nothing_to_find(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "room.wav").write_bytes((folder / "nospeech-room.wav").read_bytes())
    with pytest.raises(SystemExit) as left:
        segmentation.main([str(tmp_path)])
    assert left.value.code == 3
    assert "no labelled speech" in capsys.readouterr().err
    assert Groups.of([]).recorded == []


def test_all_benchmarks_run_it_where_there_is_speech(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: list[tuple[str, list[str]]] = []  # for real they take minutes
    monkeypatch.setattr(everything, "run", lambda name, given: ran.append((name, given)))
    monkeypatch.setattr(sys, "argv", ["bench", "--speech", "recordings"])
    everything.main()
    assert ("segmentation", ["--quick", "recordings"]) in ran
    assert sorted(name for name, _ in ran) == sorted((*everything.ALL, "segmentation"))
    ran.clear()
    monkeypatch.setattr(sys, "argv", ["bench"])
    everything.main()
    assert [name for name, _ in ran] == list(everything.ALL)
    assert "left out: it needs --speech" in capsys.readouterr().err
    ran.clear()
    monkeypatch.setattr(sys, "argv", ["bench", "latency", "--runs", "1"])
    everything.main()
    assert ran == [("latency", ["--runs", "1"])]
