"""The benchmark of cleaning, on a small folder of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import cleaning
from bench.cleaning import AS_IT_IS, WAYS, cleaned_too, likeness
from bench.scoring import Found, Stretch
from bench.segmentation import Contender
from bench.spoken import sentences, write_wav
from micstream.audio.format import SPEECH
from micstream.cleaning import Cleaner
from testbed.speech import SENTENCES, samples


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sentences, and the same in noise."""
    place = tmp_path_factory.mktemp("speech")
    speech, spoken = sentences(2)
    labels = "".join(f"{one.start:.4f}\t{one.end:.4f}\t{one.text}\n" for one in spoken)
    noise = np.random.default_rng(0).standard_normal(speech.size).astype(np.float32)
    for name, sound in {"stream-clean": speech, "stream-white10": speech + 0.01 * noise}.items():
        write_wav(place / f"{name}.wav", sound)
        (place / f"{name}.txt").write_text(labels, encoding="utf-8")
    return place


def test_each_way_is_judged_beside_the_sound_as_it_is(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cleaning.main([str(folder), "--only", "webrtc", "--json"])
    figures: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert list(figures["contenders"]) == ["webrtc", *(f"webrtc + {way}" for way in WAYS)]
    assert list(figures["sent"]) == [AS_IT_IS, *WAYS]
    plain, noise = (figures["sent"][way]["stream-white10"] for way in (AS_IT_IS, "noise"))
    assert noise["over_rest_db"] > plain["over_rest_db"] + 3
    assert noise["rest_db"] < plain["rest_db"] - 8
    clean = figures["sent"][AS_IT_IS]["stream-clean"]
    assert clean["likeness"] == pytest.approx(1)
    assert 0 < plain["likeness"] < 1


def test_the_tables(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cleaning.main([str(folder), "--quick", "--only", "webrtc"])
    out = capsys.readouterr().out
    for words in ("webrtc + clean", "What is sent", "stream-clean", "CPU, times"):
        assert words in out
    assert "stream-white10" not in out


def test_what_is_held_back_counts_in_the_delays() -> None:
    heard: list[bytes] = []

    def listen(blocks: Any) -> Any:
        heard.extend(blocks)
        yield Found(0, 320, 320, 640)

    _, clean, *_, gain = cleaned_too([Contender("ears", lambda: listen)])
    pcm = samples(SENTENCES)[:8_000].tobytes()
    blocks = [pcm[at : at + 640] for at in range(0, len(pcm), 640)]
    assert list(clean.begin()(blocks)) == [Found(0, 320, 480, 800)]
    cleaner = Cleaner()
    assert b"".join(heard) == cleaner.push(pcm) + cleaner.finish()
    assert list(gain.begin()(blocks)) == [Found(0, 320, 320, 640)]


def test_likeness_minds_neither_loudness_nor_what_is_not_speech() -> None:
    speech = samples(SENTENCES)[: 5 * SPEECH.rate]
    labels = [Stretch(8_000, 32_000), Stretch(40_000, 41_000)]
    assert likeness(speech, speech // 4, labels) == pytest.approx(1, abs=0.01)
    other = speech.copy()
    other[50_000:] = 0
    assert likeness(speech, other, labels) == pytest.approx(1)
    noise = np.random.default_rng(0).normal(0, 2_000, speech.size).astype(np.int16)
    assert (likeness(speech, speech + noise // 4, labels) or 0) > 0.3
    assert abs(likeness(speech, noise, labels) or 0) < 0.2
    assert likeness(speech, speech, labels[1:]) is None


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["missing"], 3, "no such folder"),
        ([".", "--rounds", "0"], 2, "expected at least one"),
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
        cleaning.main(arguments)
    assert left.value.code == code
    assert said in capsys.readouterr().err


def test_no_speech_and_no_such_detector(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "room.wav").write_bytes((folder / "stream-clean.wav").read_bytes())
    with pytest.raises(SystemExit) as left:
        cleaning.main([str(tmp_path)])
    assert left.value.code == 3
    assert "no labelled speech" in capsys.readouterr().err
    with pytest.raises(SystemExit) as left:
        cleaning.main([str(folder), "--only", "ears"])
    assert left.value.code == 2
    assert "no detector ears" in capsys.readouterr().err
