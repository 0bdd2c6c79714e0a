"""Children that end with us even where we are killed: one way for each system.

Linux: the kernel ends them (PR_SET_PDEATHSIG). Other POSIX systems: a watcher of each child sees
the end of a pipe that only we hold open. Windows: a job object, which ends all that is in it when
its last handle is closed, and we have that.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol

CREATE_NO_WINDOW: Final = 0x08000000
"""A console of its own, which is not shown: Ctrl-C, Ctrl-Break and closing ours reach only us."""
KILL_ON_JOB_CLOSE: Final = 0x2000
EXTENDED_LIMITS: Final = 9


class Lifeline(Protocol):
    """One way to have a child end with us."""

    @property
    def options(self) -> dict[str, Any]:
        """Options of `subprocess.Popen` for it."""

    def command(self, words: Sequence[str]) -> list[str]:
        """Words to start in place of these; they become these."""

    def adopt(self, child: subprocess.Popen[bytes]) -> None:
        """Take in the child, just started."""


def lifeline(program: str, path: str | None) -> Lifeline:
    """The way of this system, for a program to be found in `path`."""
    if os.name == "nt":
        return _job()
    if sys.platform == "linux" and not is_privileged(program, path):
        return Kernel()
    return _pipe()


class Kernel:
    """Linux: the kernel ends a child with the thread that started it, at once."""

    options: Final[dict[str, Any]] = {"start_new_session": True}

    def command(self, words: Sequence[str]) -> list[str]:
        """Words that ask the kernel for it, and then become `words`.

        Not a `preexec_fn`: that runs in a copy of this process in which the SDK's threads are
        missing with what they held, and now and then waits for that for ever, and we for it.
        """
        return [sys.executable, "-I", "-S", "-c", _ASK_KERNEL, str(os.getpid()), *words]

    def adopt(self, child: subprocess.Popen[bytes]) -> None:
        """Nothing to do."""


class Pipe:
    """Any POSIX system: a watcher beside each child, and a pipe that ends with us."""

    def __init__(self) -> None:
        # Ours alone: neither end is inherited unless a child is told to.
        self._read, self._held = os.pipe()

    @property
    def options(self) -> dict[str, Any]:
        """The child gets the end to read from."""
        return {"start_new_session": True, "pass_fds": (self._read,)}

    def command(self, words: Sequence[str]) -> list[str]:
        """Words that leave a watcher beside them, and then become `words`."""
        return [sys.executable, "-I", "-S", "-c", _WATCHED, str(self._read), *words]

    def adopt(self, child: subprocess.Popen[bytes]) -> None:
        """Nothing to do."""


class Kernel32(Protocol):
    """What is called of Windows' kernel32.dll."""

    CreateJobObjectW: Any
    SetInformationJobObject: Any
    AssignProcessToJobObject: Any


class Job:
    """Windows: a job object that ends all its processes when we are gone.

    Where the system refuses one (an old one, within another program's job) the children are
    started all the same, and ended in order as ever.
    """

    options: Final[dict[str, Any]] = {"creationflags": CREATE_NO_WINDOW}

    def __init__(self, kernel32: Kernel32) -> None:
        self._assign = kernel32.AssignProcessToJobObject
        self._assign.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
        create, limit = kernel32.CreateJobObjectW, kernel32.SetInformationJobObject
        create.argtypes, create.restype = (ctypes.c_void_p, ctypes.c_wchar_p), ctypes.c_void_p
        limit.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_uint32)
        self._handle = create(None, None)
        """Never closed: that is done when we end, however we do."""
        limits = JobLimits()
        limits.basic.flags = KILL_ON_JOB_CLOSE
        if self._handle and not limit(
            self._handle, EXTENDED_LIMITS, ctypes.byref(limits), ctypes.sizeof(limits)
        ):
            self._handle = None

    def command(self, words: Sequence[str]) -> list[str]:
        """The words as they are."""
        return list(words)

    def adopt(self, child: subprocess.Popen[bytes]) -> None:
        """Put it into the job; all that it starts will be in it too."""
        if self._handle:
            self._assign(self._handle, int(getattr(child, "_handle")))  # noqa: B009 - on Windows


class _BasicLimits(ctypes.Structure):
    """JOBOBJECT_BASIC_LIMIT_INFORMATION."""

    _fields_ = (
        ("process_time", ctypes.c_int64),
        ("job_time", ctypes.c_int64),
        ("flags", ctypes.c_uint32),
        ("least_working_set", ctypes.c_size_t),
        ("most_working_set", ctypes.c_size_t),
        ("processes", ctypes.c_uint32),
        ("affinity", ctypes.c_size_t),
        ("priority", ctypes.c_uint32),
        ("scheduling", ctypes.c_uint32),
    )


class JobLimits(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION."""

    _fields_ = (
        ("basic", _BasicLimits),
        ("io", ctypes.c_uint64 * 6),
        ("process_memory", ctypes.c_size_t),
        ("job_memory", ctypes.c_size_t),
        ("peak_process_memory", ctypes.c_size_t),
        ("peak_job_memory", ctypes.c_size_t),
    )


@cache
def _pipe() -> Pipe:
    """One for all our children."""
    return Pipe()


@cache
def _job() -> Job:
    return Job(getattr(ctypes, "WinDLL")("kernel32"))  # noqa: B009 - it is on Windows alone


def is_privileged(program: str, path: str | None) -> bool:
    """Whether it runs with rights of its file: the kernel then forgets whom to end it with."""
    found = shutil.which(program, path=path)
    if found is None:
        return False
    if Path(found).stat().st_mode & (stat.S_ISUID | stat.S_ISGID):
        return True
    try:
        return bool(os.getxattr(found, "security.capability"))
    except (OSError, AttributeError):
        return False


_ASK_KERNEL: Final = """
import ctypes, os, signal, sys
try:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
except OSError:  # a static Python: then without
    pass
if os.getppid() != int(sys.argv[1]):  # it went before the kernel was asked
    os._exit(1)
try:
    os.execvp(sys.argv[2], sys.argv[2:])
except OSError as error:
    sys.exit(f"{sys.argv[2]}: {error.strerror}")
"""

_WATCHED: Final = """
import os, select, signal, sys
ours, theirs = os.getpid(), int(sys.argv[1])  # the pipe `theirs` ends with whoever started us
alive, held = os.pipe()  # and `alive` with us, whatever we become
if os.fork() == 0:
    os.close(held)
    if alive not in select.select([alive, theirs], [], [])[0]:
        for end, seconds in ((signal.SIGTERM, 2), (signal.SIGKILL, 0)):
            if os.getppid() == ours:
                os.kill(ours, end)
            if select.select([alive], [], [], seconds)[0]:
                break
    os._exit(0)
os.close(theirs)
os.close(alive)
os.set_inheritable(held, True)
try:
    os.execvp(sys.argv[2], sys.argv[2:])
except OSError as error:
    sys.exit(f"{sys.argv[2]}: {error.strerror}")
"""
