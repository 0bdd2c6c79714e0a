"""What the sound server records for us, as `pactl` tells it: a double in its place, and texts."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream.doctor.microphone import _judge_source
from micstream.events import Event, Warned
from micstream.sources import sound_server
from micstream.sources.sound_server import (
    ServerSource,
    SourceWatch,
    is_behind,
    recorded_by,
    recorded_for,
    sources_of,
)
from testbed.waiting import wait_until

SOURCES = """\
Source #0
	State: RUNNING
	Name: alsa_input.usb-Blue_Yeti-00.analog-stereo
	Description: Blue Yeti: Analog Ünicode
	Mute: no
	Monitor of Sink: n/a
	Properties:
		device.description = "Blue Yeti"
		device.class = "sound"
	Formats:
		pcm

Source #1
	State: IDLE
	Name: speakers.monitor
	Description: Monitor of Speakers
	Mute: no
	Monitor of Sink: speakers

Source #12
	Name: alsa_input.pci-0000
	Description: Built-in Audio
	Mute: yes
	Monitor of Sink: n/a
"""
YETI = ServerSource("Blue Yeti: Analog Ünicode")
SPEAKERS = ServerSource("Monitor of Speakers", is_monitor=True)
BUILT_IN = ServerSource("Built-in Audio", is_muted=True)


def output(number: int, source: int, pid: int) -> str:
    return f"""\
Source Output #{number}
	Driver: protocol-native.c
	Source: {source}
	Mute: no
	Properties:
		media.name = "ALSA Capture"
		application.process.id = "{pid}"

"""


def test_what_is_recorded_by_whom() -> None:
    text = output(3, 12, 77) + output(4, 0, 78) + output(5, 1, 77)
    assert recorded_by(text, 77) == {"3": "12", "5": "1"}
    assert recorded_by(text, 7) == {}
    assert sources_of(SOURCES) == {"0": YETI, "1": SPEAKERS, "12": BUILT_IN}


@given(
    st.text()
    | st.lists(st.sampled_from([*SOURCES.splitlines(), "\t", "\t\t = ", ": "])).map("\n".join)
)
def test_whatever_it_says_nothing_is_harmed(text: str) -> None:
    assert all(source.name for source in sources_of(text).values())
    recorded_by(text, 1)


def test_what_a_child_of_the_process_records_is_its_own() -> None:
    """A microphone may be captured by a process apart."""
    pid, parent = os.getpid(), os.getppid()
    assert recorded_by(output(3, 12, pid), parent) == {"3": "12"}
    assert recorded_by(output(3, 12, parent), pid) == {}


def test_a_client_of_pipewire_s_own_is_known_by_what_it_says_of_itself() -> None:
    outputs = (
        "Source Output #805\n\tDriver: PipeWire\n\tClient: 804\n\tSource: 87\n"
        '\tProperties:\n\t\tmedia.name = "ALSA Capture"\n'
    )
    clients = (
        'Client #800\n\tDriver: PipeWire\n\tProperties:\n\t\tpipewire.sec.pid = "8"\n\n'
        'Client #804\n\tDriver: PipeWire\n\tProperties:\n\t\tpipewire.sec.pid = "77"\n'
    )
    assert recorded_by(outputs, 77) == {}
    assert recorded_by(outputs, 77, clients) == {"805": "87"}
    assert recorded_by(outputs, 8, clients) == {}


class Server:
    """A double of `pactl`, and so of the server it asks."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.at(0)
        (folder / "sources").write_text(SOURCES, "utf-8")
        os.mkfifo(folder / "fifo")
        self._events = os.open(folder / "fifo", os.O_RDWR)
        program = folder / "pactl"
        program.write_text(
            "#!/bin/sh\n"
            f'case "$1-$2" in list-*) exec cat "{folder}/$2";; esac\n'
            f'exec cat "{folder}/fifo"\n'
        )
        program.chmod(0o755)

    def at(self, source: int | None) -> None:
        """What it records for us; None: nothing."""
        text = "" if source is None else output(9, source, os.getpid())
        (self._folder / "source-outputs").write_text(output(2, 12, 1) + text)

    def say(self, line: str) -> None:
        os.write(self._events, f"Event {line}\n".encode())

    def move(self, source: int) -> None:
        self.at(source)
        self.say("'change' on source-output #9")

    def close(self) -> None:
        os.close(self._events)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv("PULSE_SOURCE", raising=False)
    return Server(tmp_path)


@asynccontextmanager
async def watched(watch: SourceWatch) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(watch.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def knows(watch: SourceWatch, source: ServerSource) -> None:
    """Until it has seen it."""
    await wait_until(lambda: watch._known == source, 10, f"a look at {source}")


def programs_of_ours() -> list[Path]:
    """Places in /proc of the programs that this one has begun and that run."""
    tasks = Path(f"/proc/{os.getpid()}/task")
    children = " ".join(said(task / "children").decode() for task in tasks.iterdir())
    return [Path(f"/proc/{pid}") for pid in children.split()]


def said(place: Path) -> bytes:
    """What is in it; nothing where the program has just ended."""
    try:
        return place.read_bytes()
    except OSError:
        return b""


def commands_of_ours() -> list[bytes]:
    return [said(place / "cmdline") for place in programs_of_ours()]


def environments_of_ours() -> list[bytes]:
    """Of those that have become what they are to be."""
    ready = [place for place in programs_of_ours() if b"fifo" in said(place / "cmdline")]
    return [said(place / "environ") for place in ready]


def words(told: list[Event]) -> list[tuple[str, str]]:
    return [(each.code, each.message) for each in told if isinstance(each, Warned)]


async def test_a_move_is_told_with_both_names(server: Server) -> None:
    told: list[Event] = []
    watch = SourceWatch(told.append)
    async with watched(watch):
        await knows(watch, YETI)
        server.say("'change' on source-output #9")
        server.say("'change' on sink #9")
        server.say("'change' on source-output #2")
        server.move(12)
        await wait_until(lambda: len(told) == 1, 10, "the first move")
        server.move(1)
        await wait_until(lambda: len(told) == 2, 10, "the second move")
    assert words(told) == [
        (
            "source_moved",
            "the sound server has moved us from 'Blue Yeti: Analog Ünicode' to 'Built-in Audio'",
        ),
        (
            "source_moved",
            "the sound server has moved us from 'Built-in Audio' to 'Monitor of Speakers': what "
            "this machine plays, no microphone",
        ),
    ]


async def test_a_move_while_the_microphone_was_lost_is_told_when_it_is_back(server: Server) -> None:
    told: list[Event] = []
    watch = SourceWatch(told.append)
    for source in (0, 12):
        server.at(source)
        async with watched(watch):
            await knows(watch, sources_of(SOURCES)[f"{source}"])
    assert [code for code, _ in words(told)] == ["source_moved"]


async def test_a_monitor_is_told_from_the_beginning_unless_it_was_asked_for(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.at(1)
    for asked, codes in ((None, ["monitor_source"]), ("speakers.monitor", [])):
        told: list[Event] = []
        if asked:
            monkeypatch.setenv("PULSE_SOURCE", asked)
        watch = SourceWatch(told.append)
        async with watched(watch):
            await knows(watch, SPEAKERS)
        assert [code for code, _ in words(told)] == codes


async def test_it_gets_no_secret_of_ours(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEKIT_API_SECRET", "a-secret-of-ours-0123456789")
    async with watched(SourceWatch(lambda _: None)):
        await wait_until(lambda: len(environments_of_ours()) > 0, 10, "its program")
        assert not [each for each in environments_of_ours() if b"a-secret" in each]


async def test_where_nothing_is_recorded_for_us_nothing_is_watched(server: Server) -> None:
    server.at(None)
    async with asyncio.timeout(10):
        await SourceWatch(lambda _: None).run()
    assert await recorded_for(os.getpid()) is None


async def test_without_pactl_nothing_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert await recorded_for(os.getpid()) is None
    await SourceWatch(lambda _: None).run()
    (tmp_path / "pactl").write_text("no program")
    (tmp_path / "pactl").chmod(0o755)
    assert await recorded_for(os.getpid()) is None


async def test_a_server_that_stands_still_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(sound_server, "_ANSWER_S", 0.1)
    (tmp_path / "pactl").write_text("#!/bin/sh\nexec sleep 60\n")
    (tmp_path / "pactl").chmod(0o755)
    async with asyncio.timeout(10):
        await SourceWatch(lambda _: None).run()


async def test_whoever_stops_watching_leaves_no_program_behind(server: Server) -> None:
    watch = SourceWatch(lambda _: None)
    async with watched(watch):
        await knows(watch, YETI)
    assert not [each for each in commands_of_ours() if b"pactl" in each or b"fifo" in each]


@pytest.mark.parametrize(
    ("device", "behind"), [("default", True), ("pulse", True), ("USB: - (hw:1,0)", False)]
)
def test_a_sound_server_stands_behind_some_devices_of_linux(
    monkeypatch: pytest.MonkeyPatch, device: str, *, behind: bool
) -> None:
    assert is_behind(device) == behind
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not is_behind(device)


@pytest.mark.parametrize(
    ("source", "state", "found"),
    [
        (YETI, "ok", YETI.name),
        (BUILT_IN, "warning", "Built-in Audio, muted"),
        (SPEAKERS, "warning", "Monitor of Speakers: what this machine plays"),
    ],
)
def test_the_doctor_names_what_stands_behind_the_device(
    monkeypatch: pytest.MonkeyPatch, source: ServerSource, state: str, found: str
) -> None:
    monkeypatch.delenv("PULSE_SOURCE", raising=False)
    check = _judge_source(source)
    assert (check.state, check.found) == (state, found)
    assert bool(check.do) == (state == "warning")
