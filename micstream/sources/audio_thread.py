"""Audio thread: all work with PortAudio, in the order in which it came, each with a deadline.

A call of PortAudio's may never return: a sound server that stands still, a device that was pulled
out while it is closed. Nothing can end such a call, and Python sees no Ctrl-C within it. So no
other thread calls PortAudio, nobody waits for longer than the deadline (the error says which call
it is), and no end of a program waits at all.

While a call does not return the thread is *stuck*, and so is all of this process's PortAudio: its
list of devices cannot be renewed beside it. What is opened again meanwhile is opened in a process
of its own (`sources/apart.py`), which can be killed. Not always so: that costs 30 MB and 0.3 s.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Final, TypeVar

from micstream.errors import AudioDeviceError
from micstream.sources.surroundings import restart_hint

T = TypeVar("T")

DEADLINE_S: Final = 6.0
"""Longest wait for one piece of work: a sound server may take two seconds, a busy machine more."""
_STUCK_S: Final = 2.0
"""Work that takes longer is taken for a standstill, where there is another way."""
_EXIT_S: Final = 0.5
"""Longest wait for PortAudio at the end of the program."""


class _AudioThread:
    """Daemon thread that does one job after the other; it can be asked how long the last takes."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._starting = threading.Lock()
        self._started = False
        self._since: float | None = None
        self.stderr = _Stderr()

    def submit(self, job: Callable[[], None]) -> None:
        """Do it after all that was submitted before."""
        self._jobs.put(job)
        with self._starting:
            if not self._started:
                threading.Thread(target=self._run, name="portaudio", daemon=True).start()
                self._started = True

    @property
    def started(self) -> bool:
        """Whether anything was ever submitted."""
        return self._started

    @property
    def busy_s(self) -> float:
        """Seconds that the job under way has taken; 0 where there is none."""
        since = self._since
        return 0.0 if since is None else time.monotonic() - since

    def _run(self) -> None:
        while True:
            job = self._jobs.get()
            self._since = time.monotonic()
            self.stderr.keep()
            with contextlib.suppress(Exception):  # jobs tell of their own failures
                job()
            self.stderr.drop()
            self._since = None


class _Stderr:
    """Descriptor 2 as it was before a job: sounddevice leads it away while PortAudio begins.

    Where that does not return, nothing would be seen any more of what this program has to say.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: int | None = None

    def keep(self) -> None:
        """Remember it."""
        with self._lock, contextlib.suppress(OSError):  # there may be none
            self._kept = os.dup(2)

    def restore(self) -> None:
        """Have it again, although the job has not ended."""
        with self._lock, contextlib.suppress(OSError):
            if self._kept is not None:
                os.dup2(self._kept, 2)

    def drop(self) -> None:
        """The job has ended."""
        with self._lock:
            if self._kept is not None:
                os.close(self._kept)
            self._kept = None


_THREAD: Final = _AudioThread()


def is_stuck() -> bool:
    """Whether a call of PortAudio's has not returned for so long that it may never do."""
    return _THREAD.busy_s >= _STUCK_S


async def run_in_audio_thread(
    work: Callable[[], T],
    *,
    undo: Callable[[T], object] = lambda _: None,
    deadline_s: float | None = None,
) -> T:
    """Run `work` in the audio thread, after what was begun before.

    `undo` is given the result, in that thread, where whoever waited for it was cancelled, has given
    up, or the loop has closed. What has not begun when it is given up is left out.

    Raises:
        AudioDeviceError: it has not returned within `deadline_s` seconds (`DEADLINE_S`).
        Whatever `work` raises.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()
    given_up = threading.Event()

    def succeeded(result: T) -> None:
        if done.cancelled():
            _THREAD.submit(partial(_undone, undo, result))
        else:
            done.set_result(result)

    def failed(error: Exception) -> None:
        if not done.cancelled():
            done.set_exception(error)

    def job() -> None:
        if given_up.is_set():
            return
        try:
            result = work()
        except Exception as error:
            with contextlib.suppress(RuntimeError):  # the loop has closed meanwhile
                loop.call_soon_threadsafe(failed, error)
            return
        try:
            loop.call_soon_threadsafe(succeeded, result)
        except RuntimeError:
            _undone(undo, result)

    _THREAD.submit(job)
    timeout = DEADLINE_S if deadline_s is None else deadline_s
    try:
        await asyncio.wait({done}, timeout=timeout)
    finally:
        done.cancel()  # where it is not done
    if done.cancelled():
        given_up.set()
        _THREAD.stderr.restore()
        raise standing_still(timeout)
    return done.result()


def standing_still(seconds: float) -> AudioDeviceError:
    """The error for a sound system that does not answer."""
    return AudioDeviceError(
        f"the sound system does not answer: PortAudio has not returned for {seconds:g} s",
        hint=restart_hint(),
        code="audio_stuck",
    )


async def close_in_audio_thread(close: Callable[[], object], timeout_s: float) -> None:
    """Have something closed, whoever waits or not, and wait for it for `timeout_s` at most."""
    loop = asyncio.get_running_loop()
    closed = asyncio.Event()

    def job() -> None:
        _undone(lambda _: close(), None)
        with contextlib.suppress(RuntimeError):  # the loop has closed meanwhile
            loop.call_soon_threadsafe(closed.set)

    _THREAD.submit(job)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await closed.wait()


def run_at_exit(end: Callable[[], object]) -> None:
    """Run what ends PortAudio at the end of the program, for half a second at most."""
    if not _THREAD.started:
        end()
    elif not is_stuck():
        ended = threading.Event()

        def job() -> None:
            end()
            ended.set()

        _THREAD.submit(job)
        ended.wait(_EXIT_S)


def _undone(undo: Callable[[T], object], result: T) -> None:
    with contextlib.suppress(Exception):  # nobody is left to be told
        undo(result)
