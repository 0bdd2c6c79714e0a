"""All work with PortAudio: in order, each with a deadline, and no end waits for it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial

import psutil
import pytest

from micstream.errors import AudioDeviceError
from micstream.sources import audio_thread
from micstream.sources.audio_thread import close_in_audio_thread, run_in_audio_thread

SOON_S = 0.05


@pytest.fixture
def go() -> Iterator[threading.Event]:
    """What a call waits for that does not return; it does so in the end."""
    event = threading.Event()
    yield event
    event.set()


async def test_a_call_that_does_not_return_is_told_within_the_deadline(go: threading.Event) -> None:
    undone, begun = threading.Event(), threading.Event()
    work = run_in_audio_thread(lambda: go.wait(9), undo=lambda _: undone.set(), deadline_s=SOON_S)
    with pytest.raises(AudioDeviceError, match="PortAudio has not returned") as caught:
        await work
    assert (caught.value.code, caught.value.exit_code) == ("audio_stuck", 4)
    assert "sound system does not answer" in caught.value.message
    assert caught.value.hint
    # What waits behind it is told as well, and left out once nobody waits for it any more.
    with pytest.raises(AudioDeviceError, match="does not answer"):
        await run_in_audio_thread(begun.set, deadline_s=SOON_S)
    go.set()
    await run_in_audio_thread(lambda: None)
    assert await asyncio.to_thread(undone.wait, 5), "what comes of it in the end is undone"
    assert not begun.is_set()


async def test_it_is_known_to_be_stuck_and_to_be_well_again(
    go: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audio_thread, "_STUCK_S", SOON_S)
    assert not audio_thread.is_stuck()
    with pytest.raises(AudioDeviceError):
        await run_in_audio_thread(lambda: go.wait(9), deadline_s=2 * SOON_S)
    assert audio_thread.is_stuck()
    go.set()
    await run_in_audio_thread(lambda: None)
    assert not audio_thread.is_stuck()


async def test_closing_is_waited_for_shortly_and_done_all_the_same(go: threading.Event) -> None:
    closed = threading.Event()
    with pytest.raises(AudioDeviceError):
        await run_in_audio_thread(lambda: go.wait(9), deadline_s=SOON_S)
    await close_in_audio_thread(closed.set, SOON_S)
    assert not closed.is_set()
    go.set()
    await run_in_audio_thread(lambda: None)
    assert closed.is_set()


async def test_what_goes_wrong_in_the_audio_thread_is_told_to_whoever_waits() -> None:
    with pytest.raises(ZeroDivisionError):
        await run_in_audio_thread(lambda: 1 // 0)
    with pytest.raises(TimeoutError):  # its own, and no deadline of ours
        await run_in_audio_thread(_out_of_time)


def _out_of_time() -> None:
    raise TimeoutError


async def test_what_fails_while_it_is_closed_ends_nothing() -> None:
    await close_in_audio_thread(lambda: 1 // 0, 5)
    assert await run_in_audio_thread(lambda: 7) == 7


async def test_what_nobody_awaits_any_more_because_the_loop_has_closed_is_undone(
    go: threading.Event,
) -> None:
    undone = threading.Event()

    async def left_alone() -> None:
        work = run_in_audio_thread(lambda: go.wait(5), undo=lambda _: undone.set())
        task = asyncio.create_task(work)
        await asyncio.sleep(0)
        task.cancel()

    await asyncio.to_thread(asyncio.run, left_alone())
    go.set()
    assert await asyncio.to_thread(undone.wait, 5)


async def test_work_is_done_in_the_order_in_which_it_was_begun() -> None:
    done: list[int] = []
    work = (run_in_audio_thread(partial(done.append, number)) for number in range(100))
    await asyncio.gather(*work)
    assert done == list(range(100))


PROGRAM = """
import asyncio, sys, threading, types

fake = types.ModuleType("sounddevice")
fake.ended = False
def _exit_handler():
    {ending}
fake._exit_handler = _exit_handler
import atexit
atexit.register(_exit_handler)
sys.modules["sounddevice"] = fake

from micstream.errors import AudioDeviceError
from micstream.sources import audio_thread, portaudio

async def main():
    await audio_thread.run_in_audio_thread(portaudio.load)
    {work}

asyncio.run(main())
print("done", flush=True)
"""
FOR_EVER = "threading.Event().wait()"
CLOSING = f"await audio_thread.close_in_audio_thread(lambda: {FOR_EVER}, 0.05)"


@pytest.mark.parametrize(
    ("ending", "work", "said"),
    [
        ("print('ended', flush=True)", "pass", "done ended"),
        (FOR_EVER, "pass", "done"),
        ("print('ended', flush=True)", CLOSING, "done"),
    ],
    ids=["well", "it does not end", "a device does not close"],
)
def test_a_program_of_ones_own_ends_although_portaudio_does_not(
    ending: str, work: str, said: str
) -> None:
    """sounddevice ends PortAudio when the interpreter ends, and would wait for ever."""
    program = PROGRAM.format(ending=ending, work=work)
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=30
    )
    assert done.stdout.split() == said.split(), done.stderr
    assert time.monotonic() - began < 20


LED_AWAY = """
import asyncio, os, threading
from micstream.sources.audio_thread import run_in_audio_thread

def begins():
    kept = os.dup(2)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # as sounddevice does
    threading.Event().wait()

asyncio.run(run_in_audio_thread(begins, deadline_s=0.2))
"""


def test_a_program_of_ones_own_is_still_seen_to_fail() -> None:
    """What sounddevice leads away while PortAudio begins does not swallow the error."""
    done = subprocess.run(
        [sys.executable, "-c", LED_AWAY], check=False, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 1
    assert "AudioDeviceError: the sound system does not answer" in done.stderr


async def test_descriptors_are_not_used_up() -> None:
    await run_in_audio_thread(lambda: None)
    before = psutil.Process().num_fds()
    for _ in range(50):
        await run_in_audio_thread(lambda: None)
    assert psutil.Process().num_fds() <= before + 1
