"""`micstream pipe`: what comes on standard input, as it comes."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from micstream.demo.server import LocalServer
from testbed.program import environment, program, run
from testbed.rooms import WireAvatar, wire_avatar
from testbed.speech import HELLO, RATE, SENTENCES, samples
from testbed.waiting import wait_until
from tests.sources.test_stdin import wav

pytestmark = pytest.mark.room


def heard_up_to(avatar: WireAvatar, written: int) -> bool:
    """Whether all but the last chunk of what was written has come."""
    heard = sum(len(stream.payload) for stream in avatar.streams)
    return heard > min(written, samples(HELLO).size * 2) - 3_300


async def test_raw_pcm_is_heard_before_its_writer_has_ended(
    server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    spoken = samples(HELLO).tobytes()
    async with wire_avatar(server, room_name, plays=True) as avatar:
        command = ("pipe", "--room", room_name, "--json")
        async with program(
            tmp_path, *command, env=environment(server), stdin=subprocess.PIPE
        ) as ours:
            await ours.until("ready")
            writer = ours.running.stdin
            assert writer is not None
            for at in range(0, len(spoken), 8_001):  # of odd length: samples are put together
                writer.write(spoken[at : at + 8_001])
                writer.flush()
                await wait_until(partial(heard_up_to, avatar, at + 8_001), 10, "what was written")
            assert not avatar.streams[0].closed
            writer.close()
            assert await ours.ended() == 0
    (stream,) = avatar.streams
    assert stream.closed
    assert stream.payload == spoken
    assert ours.stderr == ""


async def test_a_wav_knows_its_own_format(
    server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    async with wire_avatar(server, room_name, plays=True) as avatar:
        code, ours = await run(
            tmp_path,
            *("pipe", "--room", room_name),
            env=environment(server),
            stdin=HELLO.read_bytes(),
        )
    assert code == 0, ours
    assert [stream.payload for stream in avatar.streams] == [samples(HELLO).tobytes()]


async def test_other_rates_and_channels(
    server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    spoken = samples(HELLO)
    pcm = np.repeat(np.repeat(spoken, 3), 2).tobytes()  # 48 kHz, stereo
    async with wire_avatar(server, room_name, plays=True) as avatar:
        options = ("--rate", "48000", "--channels", "2", "--room", room_name)
        code, ours = await run(tmp_path, "pipe", *options, env=environment(server), stdin=pcm)
    assert code == 0, ours
    heard = np.frombuffer(avatar.streams[0].payload, dtype=np.int16)
    assert heard.size == pytest.approx(spoken.size, abs=32)
    size = min(heard.size, spoken.size)
    assert np.corrcoef(heard[:size], spoken[:size])[0, 1] > 0.95


async def test_it_can_be_cut(server: LocalServer, room_name: str, tmp_path: Path) -> None:
    spoken = samples(SENTENCES)[: 12 * RATE].tobytes()
    async with wire_avatar(server, room_name, plays=True) as avatar:
        options = ("--cut", "--room", room_name)
        code, ours = await run(tmp_path, "pipe", *options, env=environment(server), stdin=spoken)
    assert code == 0, ours
    assert len(avatar.streams) == 3
    assert all(stream.payload in spoken for stream in avatar.streams)


@pytest.mark.parametrize(
    ("stdin", "options", "words"),
    [
        (b"", (), "standard input is empty"),
        (b"\0", (), "no sound on standard input"),
        (HELLO.read_bytes()[:44], (), "no sound on standard input"),
        (HELLO.read_bytes()[:30], (), "ends within its header"),
        (HELLO.read_bytes(), ("--rate", "24000"), "16000, --rate says 24000"),
        (HELLO.read_bytes(), ("--channels", "2"), "1, --channels says 2"),
    ],
)
async def test_input_that_cannot_be_used(
    server: LocalServer,
    room_name: str,
    tmp_path: Path,
    stdin: bytes,
    options: tuple[str, ...],
    words: str,
) -> None:
    async with wire_avatar(server, room_name, plays=True) as avatar:
        command = ("pipe", "--json", "--room", room_name, *options)
        code, ours = await run(tmp_path, *command, env=environment(server), stdin=stdin)
    assert code == 3, ours
    assert words in ours.stderr
    assert [event["event"] for event in ours.events][-2:] == ["error", "bye"]
    assert avatar.streams == []


async def test_what_is_odd_is_played_and_told(
    server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    spoken = samples(HELLO).tobytes()
    for number, (stdin, words, heard) in enumerate(
        [
            (spoken + b"\1", "1 bytes at the end", spoken),
            (HELLO.read_bytes()[:-2_000], "promises", spoken[:-2_000]),
        ]
    ):
        async with wire_avatar(server, room_name, plays=True) as avatar:
            command = ("pipe", "--json", "--room", room_name)
            folder = tmp_path / str(number)
            code, ours = await run(folder, *command, env=environment(server), stdin=stdin)
        assert code == 0, ours
        assert words in ours.named("warning")[0]["message"]
        assert avatar.streams[0].payload == heard


async def test_wavs_in_a_row_are_an_utterance_each_also_of_unknown_length(
    server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    """What a speech program writes that speaks sentence by sentence into a pipe."""
    spoken = samples(HELLO)[:16_000].tobytes()
    stdin = (
        wav(spoken, length=0)
        + wav(b"", length=0)
        + wav(spoken, length=0xFFFFFFFF)
        + wav(spoken[:8_000], length=0x7FFFF000)
    )
    async with wire_avatar(server, room_name, plays=True) as avatar:
        command = ("pipe", "--json", "--room", room_name)
        code, ours = await run(tmp_path, *command, env=environment(server), stdin=stdin)
    assert code == 0, ours
    assert [stream.payload for stream in avatar.streams] == [spoken, spoken, spoken[:8_000]]
    assert ours.named("warning") == []


async def test_what_is_said_of_a_fifo_works_as_it_is_said(
    server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    fifo = tmp_path / "a fifo's name"
    os.mkfifo(fifo)
    env = environment(server, LIVEKIT_ROOM=room_name)
    code, refused = await run(tmp_path / "1", "play", fifo, env=env)
    assert code == 3
    line = refused.stderr.partition("pipe it: ")[2].strip()
    (tmp_path / "micstream").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m micstream "$@"\n')
    (tmp_path / "micstream").chmod(0o700)
    env["PATH"] = f"{tmp_path}:{env['PATH']}"
    async with wire_avatar(server, room_name, plays=True) as avatar:
        typed = await asyncio.create_subprocess_shell(line, env=env)
        await asyncio.to_thread(fifo.write_bytes, HELLO.read_bytes())
        assert await typed.wait() == 0
    assert [stream.payload for stream in avatar.streams] == [samples(HELLO).tobytes()]


async def test_a_voice_beside_its_negative_is_heard_and_told(
    server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    spoken = samples(HELLO)
    pcm = np.stack([spoken, -spoken], axis=1).tobytes()
    async with wire_avatar(server, room_name, plays=True) as avatar:
        command = ("pipe", "--json", "--channels", "2", "--room", room_name)
        code, ours = await run(tmp_path, *command, env=environment(server), stdin=pcm)
    assert code == 0, ours
    assert [event["code"] for event in ours.named("warning")] == ["channels_cancel"]
    heard = np.frombuffer(avatar.streams[0].payload, dtype=np.int16)
    same = heard == spoken
    assert same[np.flatnonzero(~same)[-1] + 1 :].size > 0.8 * spoken.size
