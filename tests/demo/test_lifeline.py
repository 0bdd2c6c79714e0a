"""Children end with us, also where we are killed."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import psutil
import pytest

from micstream.demo import lifeline, process
from micstream.demo.lifeline import KILL_ON_JOB_CLOSE, Job, JobLimits, Kernel, Lifeline, Pipe
from testbed.waiting import has_ended, wait_until

WAYS: list[type[Lifeline]] = [Kernel, Pipe]
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True)"
"""A child that does not end when it is asked to."""

PARENT = """
import subprocess, sys, time
from micstream.demo.lifeline import Kernel, Pipe
way = {"Kernel": Kernel, "Pipe": Pipe}[sys.argv[1]]()
words = [sys.executable, "-c", sys.argv[2] + "; time.sleep(60)"]
child = subprocess.Popen(way.command(words), stdout=subprocess.PIPE, **way.options)
child.stdout.readline()
other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])  # inherits nothing
print(child.pid, other.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("child", ["import time; print(1, flush=True)", DEAF])
async def test_a_child_ends_when_we_are_killed(way: type[Lifeline], child: str) -> None:
    parent = subprocess.Popen(  # noqa: ASYNC220 - its first line is waited for
        [sys.executable, "-c", PARENT, way.__name__, child], stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    with parent.stdout:
        ours, other = (psutil.Process(int(pid)) for pid in parent.stdout.readline().split())
    try:
        watchers = ours.children()
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        await wait_until(lambda: has_ended(ours), 10, "the child's end")
        await wait_until(lambda: all(map(has_ended, watchers)), 10, "its watcher's end")
        assert not has_ended(other), "it was no child of that kind"
    finally:
        other.kill()


@pytest.mark.parametrize("way", WAYS)
async def test_a_child_that_ends_by_itself_leaves_nobody_behind(way: type[Lifeline]) -> None:
    ours = way()
    words = [sys.executable, "-c", "input(); raise SystemExit(7)"]
    child = subprocess.Popen(ours.command(words), stdin=subprocess.PIPE, **ours.options)  # noqa: ASYNC220 - polled
    assert child.stdin is not None
    there = psutil.Process(child.pid)
    await wait_until(lambda: "input()" in " ".join(there.cmdline()[2:3]), 10, "its start")
    watchers = there.children()
    assert len(watchers) == (way is Pipe)
    child.stdin.write(b"\n")
    child.stdin.close()
    assert await process.ended(child) == 7
    await wait_until(lambda: all(map(has_ended, watchers)), 10, "its watcher's end")


async def test_what_has_rights_of_its_own_is_not_left_to_the_kernel(tmp_path: Path) -> None:
    """The kernel drops the wish where a file's rights come into play."""
    tool = tmp_path / "livekit-server"
    tool.write_bytes(b"#!/bin/sh\n")
    tool.chmod(0o755)
    assert isinstance(lifeline.lifeline("livekit-server", str(tmp_path)), Kernel)
    tool.chmod(0o4755)
    assert isinstance(lifeline.lifeline("livekit-server", str(tmp_path)), Pipe)
    assert not lifeline.is_privileged("no-such-program", str(tmp_path))


class Windows:
    """The calls of kernel32.dll, as documented: handles, and 0 for what was refused."""

    def __init__(self, *, refuses: str = "") -> None:
        self.flags: list[int] = []
        self.jobs: list[int] = []
        self.members: list[tuple[int, int]] = []
        self._refuses = refuses
        self.CreateJobObjectW = self._call(self._create)
        self.SetInformationJobObject = self._call(self._set)
        self.AssignProcessToJobObject = self._call(self._assign)

    def _call(self, work: Any) -> Any:
        """With the attributes that a function of ctypes has."""

        def call(*given: Any) -> int:
            return 0 if work.__name__ == self._refuses else work(*given)

        return call

    def _create(self, security: None, name: None) -> int:
        assert (security, name) == (None, None), "nobody inherits it, nobody else finds it"
        self.jobs.append(100 + len(self.jobs))
        return self.jobs[-1]

    def _set(self, job: int, kind: int, limits: Any, size: int) -> int:
        assert job in self.jobs
        assert kind == 9, "JobObjectExtendedLimitInformation"
        assert size == ctypes.sizeof(JobLimits)
        self.flags.append(ctypes.cast(limits, ctypes.POINTER(JobLimits)).contents.basic.flags)
        return 1

    def _assign(self, job: int, process: int) -> int:
        self.members.append((job, process))
        return 1


def child_with(handle: int) -> subprocess.Popen[bytes]:
    return cast("subprocess.Popen[bytes]", SimpleNamespace(_handle=handle))


def test_on_windows_all_children_are_in_one_job_that_ends_with_us() -> None:
    system = Windows()
    job = Job(system)
    for handle in (5, 6):
        job.adopt(child_with(handle))
    assert system.flags == [KILL_ON_JOB_CLOSE]
    assert system.members == [(100, 5), (100, 6)]
    assert job.command(["a", "b c"]) == ["a", "b c"]
    assert job.options == {"creationflags": 0x08000000}, "CREATE_NO_WINDOW"


@pytest.mark.skipif(ctypes.sizeof(ctypes.c_void_p) != 8, reason="the size on 64 bits")
def test_the_limits_are_as_large_as_windows_has_them() -> None:
    assert ctypes.sizeof(JobLimits) == 144
    assert JobLimits.basic.offset == 0
    assert type(JobLimits().basic).flags.offset == 16


@pytest.mark.parametrize("call", ["_create", "_set", "_assign"])
def test_where_windows_refuses_a_job_the_children_start_all_the_same(call: str) -> None:
    system = Windows(refuses=call)
    Job(system).adopt(child_with(5))
    assert system.members == []


def test_our_end_of_the_pipe_is_nobody_elses() -> None:
    pipe = Pipe()
    assert not os.get_inheritable(pipe._held)
    assert not os.get_inheritable(pipe._read)
