"""What comes from outside, spoilt: it is used or refused in words, and never does more.

A hundred inputs each in `make test`, 20,000 each in `make fuzz`.
"""

from __future__ import annotations

import asyncio
import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
import typer.main
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from livekit import rtc
from typer.core import TyperGroup

from micstream.audio.wav import parse_header
from micstream.cli.app import app
from micstream.delivery import wire
from micstream.errors import InputError, UsageError
from micstream.room.room import Room
from micstream.settings import Settings, load
from micstream.settings.table import KNOBS
from micstream.sources.files import FileSource
from micstream.sources.stdin import StdinSource
from testbed.speech import HELLO, SENTENCES
from tests.support.live import Record
from tests.support.sdk import Me, Server
from tests.support.virtual_loop import run

# The folder of a test is the same for all of its inputs, and each writes its files anew.
one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])

GROUP = typer.main.get_command(app)
assert isinstance(GROUP, TyperGroup)
COMMANDS = GROUP.commands
UNUSABLE: Any = typer.BadParameter.__base__
"""What every option that cannot be used is to typer."""


# ---- sound ---------------------------------------------------------------------------------------

NUMBERS = st.sampled_from([0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 1 << 31])
WORDS = st.one_of(NUMBERS, st.integers(0, 0xFFFFFFFF))
CHUNKS = st.tuples(
    st.sampled_from([b"fmt ", b"data", b"LIST", b"fact", b"RIFF", b"\0\0\0\0"]),
    st.binary(max_size=48),
    st.one_of(st.none(), WORDS),
).map(
    lambda made: made[0] + struct.pack("<I", len(made[1]) if made[2] is None else made[2]) + made[1]
)
FORMATS = st.tuples(
    st.sampled_from([0, 1, 2, 3, 6, 0x55, 0xFFFE, 0xFFFF]),
    st.one_of(st.integers(0, 3), st.integers(0, 0xFFFF)),
    st.one_of(st.sampled_from([0, 8_000, 16_000, 44_100]), WORDS),
    WORDS,
    st.integers(0, 0xFFFF),
    st.sampled_from([0, 1, 8, 16, 24, 32, 64, 0xFFFF]),
    st.binary(max_size=30),
).map(lambda made: b"fmt " + struct.pack("<IHHIIHH", 16 + len(made[6]), *made[:6]) + made[6])
WAVS = st.tuples(WORDS, st.lists(st.one_of(CHUNKS, FORMATS), max_size=4), WORDS, st.binary()).map(
    lambda made: (
        b"RIFF"
        + struct.pack("<I", made[0])
        + b"WAVE"
        + b"".join(made[1])
        + b"data"
        + struct.pack("<I", made[2])
        + made[3]
    )
)


def spoilt(data: bytes, *, within: int) -> st.SearchStrategy[bytes]:
    """`data` with some bytes of its beginning changed, then perhaps cut short."""
    changes = st.lists(st.tuples(st.integers(0, within), st.integers(0, 255)), max_size=8)

    def spoil(made: tuple[list[tuple[int, int]], int]) -> bytes:
        spoiled = bytearray(data)
        for at, value in made[0]:
            spoiled[at] = value
        return bytes(spoiled[: made[1]])

    return st.tuples(changes, st.integers(0, len(data)) | st.just(len(data))).map(spoil)


SMALL_WAV = HELLO.read_bytes()[:8_044]
SMALL_FLAC = SENTENCES.read_bytes()[:16_000]
STREAMS = st.one_of(st.binary(max_size=300), WAVS, spoilt(SMALL_WAV, within=60))


@given(STREAMS)
def test_fuzz_wav_headers(data: bytes) -> None:
    try:
        parsed = parse_header(data)
    except InputError as error:
        assert error.code == "bad_wav"
        return
    if parsed is not None:
        header, at = parsed
        assert 0 < at <= len(data)
        assert header.data_bytes is None or header.data_bytes > 0
        frames = (len(data) - at) // header.frame_bytes
        pcm = header.to_pcm(data[at : at + frames * header.frame_bytes])
        assert len(pcm) == frames * header.format.frame_bytes


@given(STREAMS, st.none() | st.integers(4_000, 192_000), st.none() | st.integers(1, 64))
def test_fuzz_stdin(data: bytes, rate: int | None, channels: int | None) -> None:
    async def read() -> bytes:
        reading, writing = os.pipe()  # it holds all of it
        try:
            os.write(writing, data)
            os.close(writing)
            source = await StdinSource.open(rate=rate, channels=channels, descriptor=reading)
            pcm = b"".join([block.pcm async for block in source.blocks()])
            assert len(pcm) % source.format.frame_bytes == 0
            return pcm
        finally:
            os.close(reading)

    try:
        pcm = asyncio.run(read())
    except InputError as error:
        assert error.message
        return
    assert 0 < len(pcm) <= len(data)
    if data[:4] != b"RIFF":
        assert data.startswith(pcm)


@one_folder
@given(
    st.one_of(STREAMS, spoilt(SMALL_FLAC, within=200), st.binary().map(lambda b: b"ID3" + b)),
    st.sampled_from(["a.wav", "a.flac", "a.mp3", "a.ogg", "a.RAW", "a", "\udcff.wav"]),
)
def test_fuzz_sound_files(tmp_path: Path, data: bytes, name: str) -> None:
    file = tmp_path / name
    file.write_bytes(data)
    try:
        source = FileSource(file)
        blocks = list(source.read())
    except InputError as error:
        assert str(file) in error.message
        return
    assert all(len(block) % source.format.frame_bytes == 0 for block in blocks)


# ---- settings ------------------------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
NEARLY = st.sampled_from(
    [
        *(
            "0",
            "-1",
            "1e9",
            "1e999",
            "nan",
            "inf",
            "0x10",
            "1_0",
            " 5 ",
            "true",
            "[]",
            "{}",
            "null",
        ),
        *(
            "*",
            "a*,b",
            ",",
            "ws://",
            "ws://[",
            "ws://a:b@c",
            "wss://\u2100",
            "ws://8.8.8.8",
            "eyJ.eyJ.x",
        ),
        *("${HOME}", "${LIVEKIT_TOKEN}", "'", '"', "\\", "#", "=", "\u0661", "9" * 5_000),
        *("\udcff", "a\udc80b", "avatar-\udcff*"),  # bytes that are no text
    ]
)
VALUES = st.one_of(TEXT, NEARLY, st.integers().map(str), st.floats().map(str))
SECRET = "\u00a7the-secret-itself,-which-is-long-enough\u00a7"
VARIABLES = [knob.variable for knob in KNOBS]


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def used_or_refused(read: Callable[[], Settings]) -> None:
    """Either settings within their bounds, or words; the secret in neither."""
    try:
        made = read()
    except UsageError as error:
        assert error.exit_code == 2
        assert error.hint
        assert SECRET not in error.message + error.hint + repr(error)
        assert error.__suppress_context__
        return
    assert SECRET not in repr(made) + str(made)
    for knob in KNOBS:
        value = getattr(made, knob.name)
        if knob.low is not None and knob.high is not None and value is not None:
            assert knob.low <= value <= knob.high
        if knob.choices:
            assert value is knob.default or value in knob.choices


@one_folder
@given(st.dictionaries(st.sampled_from(VARIABLES), VALUES, max_size=6), st.booleans())
def test_fuzz_environment(given_: dict[str, str], token: bool) -> None:
    hidden = {"LIVEKIT_TOKEN" if token else "LIVEKIT_API_SECRET": SECRET}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (given_ | hidden).items():
            patch.setenv(name, value)
        used_or_refused(load)


LINES = st.one_of(
    st.tuples(st.sampled_from([*VARIABLES, "export LIVEKIT_URL", "X", ""]), VALUES).map("=".join),
    TEXT,
).map(os.fsencode)


@one_folder
@given(
    st.lists(LINES | st.binary(max_size=20), max_size=8), st.sampled_from([b"\n", b"\r\n", b"\r"])
)
@example([b"\xff"], b"\n")
@example([b"MICSTREAM_DEVICE=${MICSTREAM_DEVICE}"], b"\n")
def test_fuzz_settings_files(lines: list[bytes], ending: bytes) -> None:
    secret = f"LIVEKIT_API_SECRET='{SECRET}'".encode()
    Path(".env.local").write_bytes(ending.join([secret, *lines]))
    Path(".env").write_bytes(ending.join(reversed(lines)))
    used_or_refused(load)


WORDS_GIVEN = st.one_of(
    VALUES,
    st.sampled_from([name for c in COMMANDS.values() for p in c.params for name in p.opts]),
    st.sampled_from([*COMMANDS, "--", "-", "--no-json", "--insecure=1", "--json=x", str(HELLO)]),
)


@given(st.sampled_from(sorted(COMMANDS)), st.lists(WORDS_GIVEN, max_size=6))
def test_fuzz_options(name: str, words: list[str]) -> None:
    try:
        context = COMMANDS[name].make_context(name, [*words])
    except (UNUSABLE, typer.Exit) as end:  # --help ends it too
        assert end.exit_code in (0, 2)
        return
    flags = {knob.name: context.params.get(knob.name) for knob in KNOBS}
    used_or_refused(lambda: load(**{**flags, "token": SECRET}))


# ---- calls ---------------------------------------------------------------------------------------

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
REPORTS = st.fixed_dictionaries(
    {},
    optional={
        "playback_position": st.one_of(st.floats(), st.integers(), JSON),
        "interrupted": st.one_of(st.booleans(), JSON),
        "synchronized_transcript": JSON,
    },
)
PAYLOADS = st.one_of(st.text(max_size=40), JSON.map(json.dumps), REPORTS.map(json.dumps))
AVATAR = "avatar-a"
CALLS = st.tuples(
    st.sampled_from(["started", "finished"]),
    st.one_of(st.just(AVATAR), st.sampled_from(["", "viewer", "avatar-b", AVATAR.upper()])),
    PAYLOADS,
)


@given(st.lists(CALLS, max_size=8), st.integers(0, 4), st.booleans())
@example([("finished", AVATAR, '{"playback_position": 1e308, "interrupted": false}')], 2, True)
def test_fuzz_calls(calls: list[tuple[str, str, str]], segments: int, there: bool) -> None:
    """Whatever is called, the answer is one of two; who is not the avatar changes nothing."""
    record = Record()

    async def scene() -> None:
        server = Server()
        patched.setattr(rtc, "Room", server.new_room)
        if there:
            server.join(AVATAR)
        flags = {"url": "ws://server", "api_key": "key", "api_secret": SECRET, "room": "room"}
        flags |= {"take_over": "yes"}  # there is no server to ask who is there
        async with Room.of(load(**flags, avatar=[AVATAR], avatar_state="off"), record) as room:
            if there:
                await room.wait_ready(5)
                for _ in range(segments):
                    async with room.utterance() as utterance:
                        await utterance.write(bytes(32_000))
            answer(room, server.rooms[0].local_participant)

    def answer(room: Room, me: Me) -> None:
        before = len(record.events)
        for method, caller, payload in calls:
            was = (len(record.events), room.backlog_s)
            said = me.report(caller, f"lk.playback_{method}", payload)
            assert said in (wire.OK, wire.REJECT)
            if caller != AVATAR or not there:
                assert said == wire.REJECT
                assert (len(record.events), room.backlog_s) == was
        told = [event for event in record.events[before:] if event.EVENT != "backlog"]
        for event in told:
            assert json.loads(event.as_json())["event"].startswith("playback_")
        assert len(told) <= 2 * segments

    with pytest.MonkeyPatch.context() as patched:
        run(scene())
