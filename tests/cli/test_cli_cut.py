"""`micstream cut`: what it shows is what would be sent."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import soundfile

from micstream.cleaning import Cleaner
from micstream.demo.server import LocalServer
from testbed.program import environment, run, started_with
from testbed.rooms import wire_avatar
from testbed.speech import RATE, SENTENCES, labels, samples


async def test_all_that_it_writes_agrees(tmp_path: Path) -> None:
    options = ("--json", "--labels", "l.txt", "--out", "out", "--plot", "p.png")
    code, done = await run(tmp_path, "cut", SENTENCES, *options, env=environment())
    assert code == 0
    assert done.stderr == ""
    said = json.loads(done.stdout)
    assert said["file"] == str(SENTENCES)
    assert said["rate"] == RATE
    assert said["duration_s"] == pytest.approx(samples(SENTENCES).size / RATE, abs=0.001)
    found = said["utterances"]

    assert len(found) == len(labels())
    for one, label in zip(found, labels(), strict=True):
        assert one["start"] <= label.start + 0.02
        assert one["end"] >= label.end - 0.02
        assert one["start"] < one["onset_decided_s"] < one["end"] <= one["end_decided_s"]
        assert one["reason"] == "silence"

    lines = (tmp_path / "l.txt").read_text().splitlines()
    assert lines == [
        f"{one['start']:.3f}\t{one['end']:.3f}\tu{number} silence"
        for number, one in enumerate(found, 1)
    ]
    files = sorted((tmp_path / "out").iterdir())
    assert [file.name for file in files] == [f"sentences-{n:03d}.wav" for n in range(1, 11)]
    for file, one in zip(files, found, strict=True):
        pcm, rate = soundfile.read(file, dtype="int16")
        assert rate == RATE
        at = round(one["start"] * RATE)
        assert (pcm == samples(SENTENCES)[at : at + pcm.size]).all()
        assert at + pcm.size == round(one["end"] * RATE)
    picture = matplotlib.image.imread(tmp_path / "p.png")
    assert picture.std() > 0.05


async def test_the_table_and_several_files(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    silence = tmp_path / "silence.wav"
    soundfile.write(silence, [0.0] * RATE, RATE)
    files = (SENTENCES, silence)
    command = ("cut", *files, "--labels", "labels", "--plain")
    code, done = await run(tmp_path, *command, env=environment())
    assert code == 0
    assert "sentences.flac: 38.7 s, 10 utterances" in done.stdout
    assert "silence.wav: 1.0 s, 0 utterances" in done.stdout
    assert "u10" in done.stdout
    assert (tmp_path / "labels" / "silence.txt").read_text() == ""
    assert len((tmp_path / "labels" / "sentences.txt").read_text().splitlines()) == 10
    code, refused = await run(
        tmp_path / "2", "cut", *files, "--labels", "one.txt", env=environment()
    )
    assert code == 2
    assert "one.txt is one file" in refused.stderr


@pytest.mark.parametrize("original", [(), ("--send-original",)])
async def test_what_is_cut_is_the_cleaned_sound_or_the_original(
    tmp_path: Path, original: tuple[str, ...]
) -> None:
    pcm = samples(SENTENCES).tobytes()
    cleaner = Cleaner()
    clean = np.frombuffer(cleaner.push(pcm) + cleaner.finish(), dtype=np.int16)
    source = samples(SENTENCES) if original else clean
    command: tuple[str | Path, ...] = (
        "cut",
        SENTENCES,
        "--clean",
        *original,
        "--json",
        "--out",
        "out",
    )
    code, done = await run(tmp_path, *command, env=environment())
    assert code == 0
    assert done.stderr == ""
    found = json.loads(done.stdout)["utterances"]
    assert len(found) == len(labels())
    files = sorted((tmp_path / "out").iterdir())
    for file, one, label in zip(files, found, labels(), strict=True):
        assert one["start"] <= label.start + 0.02
        assert one["end"] >= label.end - 0.02
        written, _ = soundfile.read(file, dtype="int16")
        at = round(one["start"] * RATE)
        assert (written == source[at : at + written.size]).all()


async def test_what_was_labelled_is_drawn_beside_what_was_found(tmp_path: Path) -> None:
    known = SENTENCES.with_name("sentences.txt")
    quiet = ("--vad", "webrtc", "--quiet")
    for name, options in (("without.png", ()), ("with.png", ("--reference", known))):
        command = ("cut", SENTENCES, *quiet, *options, "--plot", tmp_path / name)
        code, done = await run(tmp_path, *command, env=environment())
        assert (code, done.stdout, done.stderr) == (0, "", "")
    without, with_labels = (
        matplotlib.image.imread(tmp_path / name) for name in ("without.png", "with.png")
    )
    assert with_labels.shape[0] > without.shape[0]  # a strip in each row
    assert with_labels.shape[1] == without.shape[1]

    (tmp_path / "known").mkdir()
    (tmp_path / "known" / "sentences.txt").write_text("0.5\t900\tbeyond the end\n")
    for place, words in ((tmp_path / "known", "sentences.txt, line 1"), ("no.txt", "no such file")):
        command = ("cut", SENTENCES, *quiet, "--reference", place, "--plot", "p.png")
        code, done = await run(tmp_path / "2", *command, env=environment())
        assert code == 3
        assert words in done.stderr
        assert not (tmp_path / "2" / "p.png").exists()
    code, done = await run(tmp_path, "cut", SENTENCES, "--reference", known, env=environment())
    assert code == 2
    assert "--plot cut.png" in done.stderr


async def test_a_picture_that_cannot_be_made(tmp_path: Path) -> None:
    command = ("cut", SENTENCES, "--vad", "webrtc", "--plot")
    code, done = await run(tmp_path, *command, "missing/p.png", env=environment())
    assert code == 3
    assert "missing/p.png cannot be written: missing is no folder that exists" in done.stderr
    without = started_with(
        "import sys\nsys.modules['matplotlib'] = None\n", tmp_path / "site", environment()
    )
    code, done = await run(tmp_path, *command, "p.png", env=without)
    assert code == 2
    assert 'pip install "micstream[plot]"' in done.stderr


@pytest.mark.room
@pytest.mark.parametrize("mode", ["live", "utterance"])
async def test_play_sends_what_cut_shows(
    server: LocalServer, room_name: str, tmp_path: Path, mode: str
) -> None:
    shown = ("--out", "out", "--mode", mode, "--hangover-ms", "300", "--json")
    code, done = await run(tmp_path, "cut", SENTENCES, *shown, env=environment())
    assert code == 0
    async with wire_avatar(server, room_name, plays=True) as avatar:
        options = ("--cut", "--pace", "fast", "--mode", mode, "--hangover-ms", "300", "--json")
        command = ("play", SENTENCES, *options, "--room", room_name)
        code, ours = await run(tmp_path / "play", *command, env=environment(server))
    assert code == 0, ours
    files = sorted((tmp_path / "out").iterdir())
    written = [soundfile.read(file, dtype="int16")[0].tobytes() for file in files]
    assert [stream.payload for stream in avatar.streams] == written
    ended = ours.named("utterance_ended")
    assert [event["bytes"] for event in ended] == [len(pcm) for pcm in written]
    found = json.loads(done.stdout)["utterances"]
    assert [event["reason"] for event in ended] == [one["reason"] for one in found]
    started = [event["decided_s"] for event in ours.named("utterance_started")]
    assert started == [one["onset_decided_s"] for one in found]
