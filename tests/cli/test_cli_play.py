"""`micstream play`: files on the wire."""

from __future__ import annotations

import asyncio
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from micstream.cleaning import Cleaner
from micstream.demo.server import LocalServer
from testbed.program import environment, program, run
from testbed.rooms import bystander, wire_avatar
from testbed.speech import HELLO, RATE, SENTENCES, labels, place, samples
from testbed.waiting import wait_until
from tests.cli.test_streams import shell
from tests.conftest import AvatarFactory

pytestmark = pytest.mark.room


async def test_a_file_as_it_is(server: LocalServer, room_name: str, tmp_path: Path) -> None:
    async with wire_avatar(server, room_name, plays=True) as avatar:
        command = ("play", HELLO, "--room", room_name, "--json")
        code, ours = await run(tmp_path, *command, env=environment(server))
    assert code == 0
    assert ours.stderr == ""
    (stream,) = avatar.streams
    assert stream.closed
    assert stream.payload == samples(HELLO).tobytes()
    names = [event["event"] for event in ours.events]
    assert names == [
        *("connection", "connection", "avatar_joined", "avatar_ready", "ready", "playing"),
        *("utterance_started", "utterance_ended", "playback_started", "playback_finished", "bye"),
    ]
    assert [event["state"] for event in ours.named("connection")] == ["connecting", "connected"]
    assert ours.named("playing")[0]["file"] == str(HELLO)
    assert ours.named("utterance_started")[0]["source"] == HELLO.name
    bye = ours.events[-1]
    assert (bye["utterances"], bye["dropped"], bye["faults"]) == (1, 0.0, 0)
    assert bye["seconds"] == pytest.approx(samples(HELLO).size / RATE, abs=0.001)
    times = [event["t"] for event in ours.events]
    assert times == sorted(times)


async def test_every_so_often_and_several_times(
    server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    short = tmp_path / "short.wav"
    soundfile.write(short, samples(HELLO)[:8_000], RATE)
    async with wire_avatar(server, room_name, plays=True) as avatar:
        options = ("--every", "1.6", "--loop", "3", "--room", room_name)
        code, ours = await run(tmp_path, "play", short, *options, env=environment(server))
    assert code == 0, ours
    assert [s.payload for s in avatar.streams] == [samples(HELLO)[:8_000].tobytes()] * 3
    starts = [stream.opened_at for stream in avatar.streams]
    # Neither half a second, which each lasts, nor that more.
    assert np.diff(starts) == pytest.approx([1.6, 1.6], abs=0.45)


async def test_fast_is_faster_than_it_is_spoken(
    server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    async with wire_avatar(server, room_name, plays=True) as avatar:
        # All of it is taken in at once, where that much may be unplayed.
        options = ("--pace", "fast", "--mode", "utterance", "--max-backlog", "60")
        code, ours = await run(
            tmp_path, "play", SENTENCES, *options, "-r", room_name, env=environment(server)
        )
    assert code == 0, ours
    (stream,) = avatar.streams
    assert stream.payload == samples(SENTENCES).tobytes()
    assert stream.closed_at is not None
    assert stream.closed_at - stream.opened_at < 10 < samples(SENTENCES).size / RATE


async def test_cleaned_and_cut_it_sends_what_the_cleaner_gives(
    server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    pcm = samples(SENTENCES).tobytes()
    cleaner = Cleaner()
    clean = np.frombuffer(cleaner.push(pcm) + cleaner.finish(), dtype=np.int16)
    async with wire_avatar(server, room_name, plays=True) as avatar:
        options = ("--cut", "--clean", "--pace", "fast", "--json", "--room", room_name)
        code, ours = await run(tmp_path, "play", SENTENCES, *options, env=environment(server))
    assert code == 0, ours
    started = ours.named("utterance_started")
    assert len(avatar.streams) == len(started) == len(labels())
    for stream, event in zip(avatar.streams, started, strict=True):
        at, likeness = place(stream.payload, clean)
        assert likeness > 0.999
        first = round(at * RATE)
        heard = np.frombuffer(stream.payload, dtype=np.int16)
        assert (heard == clean[first : first + heard.size]).all()
        assert at <= event["onset_s"] < event["decided_s"]


async def test_other_kinds_of_file_and_formats(
    server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    spoken = samples(HELLO).astype(np.float64) / 32_768
    wide = np.repeat(spoken, 3)  # a crude 48 kHz: it need not be pretty here
    files = {
        "float.wav": {"data": spoken, "samplerate": RATE, "subtype": "FLOAT"},
        "stereo.flac": {"data": np.stack([wide, wide], axis=1), "samplerate": 48_000},
        "vorbis.ogg": {"data": wide, "samplerate": 48_000},
        "speech.mp3": {"data": wide, "samplerate": 48_000},
    }
    for name, how in files.items():
        soundfile.write(tmp_path / name, **how)
    async with wire_avatar(server, room_name, plays=True) as avatar:
        places = [tmp_path / name for name in files]
        options = ("--pace", "fast", "--room", room_name)
        code, ours = await run(tmp_path / "run", "play", *places, *options, env=environment(server))
    assert code == 0, ours
    for stream in avatar.streams:
        heard = np.frombuffer(stream.payload, dtype=np.int16)
        assert heard.size == pytest.approx(spoken.size, rel=0.05)  # MP3 pads
        assert np.abs(heard.astype(int)).max() == pytest.approx(
            np.abs(samples(HELLO).astype(int)).max(), rel=0.15
        )
    assert len(avatar.streams) == 4


async def test_a_truncated_wav_is_played_as_far_as_it_goes(
    server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    whole = HELLO.read_bytes()
    cut = tmp_path / "cut.wav"
    cut.write_bytes(whole[: len(whole) // 2])
    async with wire_avatar(server, room_name, plays=True) as avatar:
        options = ("--pace", "fast", "--json", "--room", room_name)
        code, ours = await run(tmp_path, "play", cut, *options, env=environment(server))
    assert code == 0, ours
    (warning,) = ours.named("warning")
    assert warning["code"] == "short_file"
    assert str(len(whole)) in warning["message"]
    at = whole.index(b"data") + 8
    (size,) = struct.unpack_from("<I", whole, at - 4)
    assert len(avatar.streams[0].payload) == (len(whole) // 2 - at) // 2 * 2 < size
    assert samples(HELLO).tobytes().startswith(avatar.streams[0].payload)


async def test_an_avatar_bound_to_another_is_told_and_ends_with_6(
    server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    async with wire_avatar(server, room_name, clear_answer="reject") as avatar:
        options = ("--wait-avatar", "4", "--json", "--room", room_name)
        code, ours = await run(tmp_path, "play", HELLO, *options, env=environment(server))
    assert code == 6
    assert [event["code"] for event in ours.named("warning")] == ["avatar_bound"]
    assert ours.named("utterance_started") == []
    assert ours.named("error")[0]["code"] == "avatar_not_listening"
    assert avatar.streams == []


async def test_the_stock_avatar_is_heard_and_all_is_reported_before_the_end(
    server: LocalServer, room_name: str, avatar: AvatarFactory, tmp_path: Path
) -> None:
    async with bystander(server, room_name) as viewer, avatar(room_name) as worker:
        command = ("play", HELLO, HELLO, "--room", room_name, "--json")
        async with program(tmp_path, *command, env=environment(server)) as ours:
            await ours.until("playback_started")
            assert await ours.ended() == 0
        finished = ours.named("playback_finished")
        assert [event["id"] for event in finished] == ["u1", "u2"]
        assert not any(event["interrupted"] for event in finished)
        assert ours.events[-1]["delay_median_ms"] < 1_000
        await wait_until(lambda: viewer.silent_for() > 0.5, 5, "silence after it")
        assert viewer.heard_seconds() > samples(HELLO).size / RATE
        assert worker.alive


async def test_a_disk_that_is_full_does_not_end_the_show(
    server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    async with wire_avatar(server, room_name, plays=True) as avatar:
        command = ("play", HELLO, "--room", room_name, "--json")
        full = os.open("/dev/full", os.O_WRONLY)
        async with program(tmp_path, *command, env=environment(server), stdout=full) as ours:
            os.close(full)
            assert await ours.ended() == 0
    assert [stream.payload for stream in avatar.streams] == [samples(HELLO).tobytes()]
    assert ours.stderr == "micstream: nothing more is written: no space left on device\n"


@pytest.mark.parametrize("words", [">&-", "2>&-", "<&- >&- 2>&-"])
async def test_closed_streams_do_not_end_the_show(
    server: LocalServer, room_name: str, words: str
) -> None:
    async with wire_avatar(server, room_name, plays=True) as avatar:
        command = ("play", HELLO, "--pace", "fast", "--room", room_name, "--json")
        done = await asyncio.to_thread(shell, words, *command, env=environment(server))
        assert done.returncode == 0, done
    assert [stream.payload for stream in avatar.streams] == [samples(HELLO).tobytes()]
    told = b"micstream: nothing more is written: it is closed\n"
    assert done.stderr == (told if words == ">&-" else b"")
