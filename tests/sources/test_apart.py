"""A microphone apart: captured by another process, which ends with us, and can be killed."""

from __future__ import annotations

import asyncio
import io
import json
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import aclosing, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream.backoff import Backoff
from micstream.errors import AudioDeviceError
from micstream.sources import apart, audio_thread, microphone, names, portaudio
from micstream.sources.live import Reopening
from micstream.sources.microphone import Microphone, MicrophoneOpener
from micstream.sources.names import InputDevice
from micstream.sources.source import Block, Lost, Opened, Source, blocks_of
from testbed.sources import Scripted
from testbed.waiting import has_ended, stays, wait_until
from tests.support.portaudio import FakeDevice, FakePortAudio
from tests.support.standstill import Standstill

CHILD = """
import sys, time
from micstream.sources import apart, portaudio
from tests.support.portaudio import FakeDevice, FakePortAudio

device = FakeDevice("USB", 2, counts=(1, 2), **{device})
portaudio.load = lambda: FakePortAudio([FakeDevice("other"), device])
{before}
apart.main()
"""
PIECE = b"\x01\x02" * 960


def command(device: str = "dict(blocks=[b'\\1\\2' * 960] * 5)", before: str = "") -> list[str]:
    """Another process with a double in PortAudio's place."""
    return [sys.executable, "-c", CHILD.format(device=device, before=before)]


async def opened(words: Sequence[str], device: str = "USB", channel: int = 0) -> Source:
    return await apart.open_microphone(named(device), channel, 0, command=words)


def named(name: str) -> Callable[[Sequence[InputDevice]], InputDevice]:
    """Chooser of the device of that name, as it is said here."""
    return lambda devices: names.find(devices, name)


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may take seconds to start a process; what stands still is told in its test."""
    monkeypatch.setattr(apart, "_START_S", 60)
    monkeypatch.setattr(apart, "_SILENT_S", 20)


_others: set[int] = set()
"""Children that this process had before the test: other tests' servers."""


@pytest.fixture(autouse=True)
def _know_others() -> None:
    _others.clear()
    _others.update(each.pid for each in psutil.Process().children(recursive=True))


def children() -> list[psutil.Process]:
    """Children of this test."""
    found = psutil.Process().children(recursive=True)
    return [each for each in found if each.pid not in _others]


async def nobody_left() -> None:
    await wait_until(lambda: not children(), 20, "a process is left")


async def test_it_yields_what_the_other_process_captures() -> None:
    source = await opened(command(), channel=2)
    assert (source.name, source.pick) == ("USB", 2)
    assert (source.format.rate, source.format.channels) == (48_000, 2)
    loop = asyncio.get_running_loop()
    async with blocks_of(source) as blocks:
        block = await anext(blocks)
        assert block.pcm == PIECE
        assert (block.lost_s, block.lost_code) == (0.0, "")
        assert 0 <= loop.time() - block.ends_at < 5, "one clock for both"
    await nobody_left()


async def test_what_cannot_be_found_is_told_as_here() -> None:
    with pytest.raises(AudioDeviceError, match="no input device 'nowhere'") as caught:
        await opened(command(), "nowhere")
    assert caught.value.code == "no_device"
    assert caught.value.hint
    await nobody_left()


async def test_that_it_is_lost_is_told_after_what_it_delivered() -> None:
    source = await opened(command("dict(blocks=[b'\\1\\2' * 960] * 3, unplugged=True)"))
    got: list[Block] = []
    with pytest.raises(AudioDeviceError, match="'USB' is gone") as caught:
        async for block in source.blocks():
            got.append(block)
    assert len(got) == 3
    assert caught.value.code == "device_lost"
    await nobody_left()


async def test_a_process_that_is_killed_or_does_not_begin_is_a_microphone_that_is_lost() -> None:
    source = await opened(command())
    blocks = source.blocks()
    await anext(blocks)
    children()[0].send_signal(signal.SIGKILL)
    with pytest.raises(AudioDeviceError, match="has ended") as caught:
        async for _ in blocks:
            pass
    assert caught.value.code == "device_lost"
    for words in ([sys.executable, "-c", "pass"], [sys.executable, "-c", "1/0"]):
        with pytest.raises(AudioDeviceError, match="has ended"):
            await opened(words)
    with pytest.raises(AudioDeviceError, match="does not answer"):
        await opened(["/nowhere/at/all"])
    await nobody_left()


async def test_one_that_stands_still_as_well_is_told_and_killed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(apart, "_START_S", 0.5)
    with pytest.raises(AudioDeviceError, match="the sound system does not answer"):
        await opened(command(before="time.sleep(60)"))
    await nobody_left()
    monkeypatch.setattr(apart, "_START_S", 60)
    monkeypatch.setattr(apart, "_SILENT_S", 0.2)
    source = await opened(command())
    blocks = source.blocks()
    await anext(blocks)
    children()[0].send_signal(signal.SIGSTOP)
    with pytest.raises(AudioDeviceError, match="the sound system does not answer"):
        async for _ in blocks:
            pass
    await nobody_left()


async def test_whoever_gives_up_waiting_leaves_no_process() -> None:
    opening = asyncio.create_task(opened(command(before="time.sleep(60)")))
    await wait_until(children, 20, "it begins")
    opening.cancel()
    await asyncio.wait({opening})
    await nobody_left()


async def test_it_ends_with_us_however_we_end(tmp_path: Path) -> None:
    ours = f"""
import asyncio, os, sys
from micstream.sources import apart
async def main():
    choose = lambda devices: devices[1]
    source = await apart.open_microphone(choose, 0, 0, command={command()!r})
    blocks = source.blocks()  # held: one that nobody holds is closed, and the process with it
    await anext(blocks)
    print(source.process.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ours, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    try:
        child = psutil.Process(int(await parent.stdout.readline()))
        child.send_signal(signal.SIGINT)  # Ctrl-C goes to all of a terminal's group
        await stays(lambda: not has_ended(child), 0.3, "it ends before us")
    finally:
        parent.kill()
        await parent.wait()
    await wait_until(lambda: has_ended(child), 20, "it outlives us")


async def test_it_gets_none_of_our_secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told = tmp_path / "environment"
    for name in ("LIVEKIT_API_SECRET", "AVALUMA_LICENSE_KEY", "LIVEKIT_TOKEN"):
        monkeypatch.setenv(name, "secret-of-ours")
    before = f"import os; open({str(told)!r}, 'w').write(repr(dict(os.environ)))"
    source = await opened(command(before=before))
    assert isinstance(source, apart._Apart)
    await apart._kill(source.process)
    assert "secret-of-ours" not in told.read_text()
    assert "PYTHONPATH" in told.read_text()


def test_a_program_that_is_no_python_is_not_started_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert apart._command()[0] == sys.executable
    for name in ("/usr/bin/obs", "", None):
        monkeypatch.setattr(sys, "executable", name)
        with pytest.raises(AudioDeviceError, match="does not answer"):
            apart._command()
    monkeypatch.undo()
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(AudioDeviceError, match="does not answer"):
        apart._command()


BLOCKS = st.lists(
    st.builds(
        Block,
        st.binary(max_size=99),
        st.floats(0, 1e9),
        st.floats(0, 1e6),
        st.sampled_from(apart._CODES),
    )
)


@given(BLOCKS, st.text(), st.text())
def test_what_is_sent_is_what_is_read(blocks: list[Block], name: str, message: str) -> None:
    error = AudioDeviceError(message, hint=name, code="device_lost")
    wire = io.BytesIO()

    async def found() -> Source:
        return Scripted(blocks, error, name=name)

    async def there_and_back() -> list[Block]:
        await apart.serve(found, lambda k, b: wire.write(apart._HEAD.pack(k, len(b)) + b))
        reader = asyncio.StreamReader()
        reader.feed_data(wire.getvalue())
        reader.feed_eof()

        process: Any = SimpleNamespace(stdout=reader)
        got: list[Block] = []
        with pytest.raises(AudioDeviceError) as caught:
            if blocks:
                assert json.loads(await apart._read(process, b"O", 5))["name"] == name
            while True:
                got.append(apart._block(await apart._read(process, b"B", 5)))
        assert (caught.value.message, caught.value.hint) == (message, name)
        return got

    assert asyncio.run(there_and_back()) == blocks


class TestReopening:
    """A microphone is opened again apart where PortAudio stands still in this process."""

    @pytest.fixture
    def fake(self, monkeypatch: pytest.MonkeyPatch) -> FakePortAudio:
        device = FakeDevice("USB", blocks=[bytes(1_920)] * 3, unplugged=True)
        fake = FakePortAudio([device])
        monkeypatch.setattr(portaudio, "load", lambda: fake)
        monkeypatch.setattr(microphone, "_AGAIN_S", 0.1)
        monkeypatch.setattr(microphone, "_CLOSE_S", 0.01)
        monkeypatch.setattr(audio_thread, "_STUCK_S", 0.1)
        return fake

    @pytest.fixture
    def elsewhere(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, int]]:
        asked: list[tuple[str, int, int]] = []
        there = [InputDevice(7, name, "Fake", 1, 48_000, False) for name in ("other", "USB")]

        async def open_microphone(
            choose: Callable[[Sequence[InputDevice]], InputDevice], channel: int, channels: int
        ) -> Source:
            device = choose(there).name
            asked.append((device, channel, channels))
            if len(asked) == 1:
                raise audio_thread.standing_still(6)
            return Scripted([Block(bytes(1_920), 1e9)], name=device)

        monkeypatch.setattr(apart, "open_microphone", open_microphone)
        return asked

    @pytest.mark.parametrize("call", ["close", "_terminate", "_initialize", "query_devices"])
    async def test_where_a_call_never_returns(
        self,
        fake: FakePortAudio,
        elsewhere: list[tuple[str, int, int]],
        monkeypatch: pytest.MonkeyPatch,
        call: str,
    ) -> None:
        still = Standstill(monkeypatch)
        told: list[str] = []
        try:
            async with aclosing(
                Reopening(MicrophoneOpener("USB"), backoff=Backoff(0.05)).items()
            ) as items:
                async for item in items:
                    match item:
                        case Opened(source, again):
                            told.append("again" if again else "opened")
                            if again:
                                break
                            if call == "close":
                                still.of_streams(type(fake.streams[0]), "close")
                            else:
                                still.of(fake, call)
                        case Lost():
                            told.append("lost")
        finally:
            still.let_go()
        assert told == ["opened", "lost", "again"]
        assert source.name == "USB"
        assert elsewhere == [("USB", 0, 0)] * 2, "again, until it is there"

    async def test_and_here_again_once_it_has_returned(
        self,
        fake: FakePortAudio,
        elsewhere: list[tuple[str, int, int]],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        still = Standstill(monkeypatch)
        opener = MicrophoneOpener("USB")
        await opener.open()
        still.of(fake, "query_devices")
        with pytest.raises(AudioDeviceError, match="does not answer"):
            await opener.open(again=True)
        assert (await opener.open(again=True)).name == "USB"
        assert len(elsewhere) == 2
        still.let_go()
        await audio_thread.run_in_audio_thread(lambda: None)
        monkeypatch.setattr(microphone, "_AGAIN_S", 10)  # nothing stands still any more
        monkeypatch.setattr(audio_thread, "_STUCK_S", 10)
        assert isinstance(await opener.open(again=True), Microphone)
        assert len(elsewhere) == 2

    async def test_where_each_call_returns_but_too_late(
        self,
        fake: FakePortAudio,
        elsewhere: list[tuple[str, int, int]],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A JACK that takes seconds to begin: the thread is well whenever it is looked at."""
        opener = MicrophoneOpener("USB")
        await opener.open()
        for _ in range(2):
            still = Standstill(monkeypatch)
            still.of(fake, "_initialize")
            with suppress(AudioDeviceError):
                assert (await opener.open(again=True)).name == "USB"
            still.let_go()
        assert len(elsewhere) == 2

    async def test_a_first_opening_that_never_returns_is_told_at_once(
        self, fake: FakePortAudio, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(audio_thread, "DEADLINE_S", 0.05)
        still = Standstill(monkeypatch)
        still.of(fake, "query_devices")
        try:
            with pytest.raises(AudioDeviceError, match="does not answer") as caught:
                await anext(Reopening(MicrophoneOpener("USB")).items())
        finally:
            still.let_go()
        assert caught.value.exit_code == 4

    async def test_one_that_is_new_in_the_list_is_found_although_another_is_open(
        self, fake: FakePortAudio, elsewhere: list[tuple[str, int, int]]
    ) -> None:
        """The list cannot be renewed under an open stream: but it can be elsewhere."""
        opener = MicrophoneOpener("USB")
        await opener.open()
        fake.devices[:] = [FakeDevice("other", blocks=[bytes(1_920)])]
        other = Microphone("other").blocks()
        await anext(other)
        with pytest.raises(AudioDeviceError, match="does not answer"):
            await opener.open(again=True)
        assert (await opener.open(again=True)).name == "USB"
        assert elsewhere == [("USB", 0, 0)] * 2
        await other.aclose()
