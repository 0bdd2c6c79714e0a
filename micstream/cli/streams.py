"""Standard output and standard error of a command: closed, full, slow, or read by nobody.

What cannot be written to standard output raises `OutputError`, which ends a command that was asked
for data with exit code 1; a show goes on without (`run.showing`). What cannot be written to
standard error is lost, and ends nothing (`unhurried`). What the libraries write to descriptor 2 by
themselves can be led away.
"""

from __future__ import annotations

import contextlib
import errno
import faulthandler
import io
import os
import select
import signal
import sys
from typing import Any, Final, TextIO

from micstream.cli.fail import write_in_time
from micstream.cli.unhurried import RawOutput, UnhurriedRaw
from micstream.errors import reason_of

_OUT, _ERR = 1, 2
_LATE_S: Final = 0.5
"""For so long standard error is waited for at the end, where whoever reads it has stopped."""


class OutputError(OSError):
    """Standard output could not be written."""


class Guarded(RawOutput):
    """Raw stream that says whose error it is.

    `windows`: there, a reader that has gone is told as a value that is not valid.
    """

    def __init__(self, raw: Any, *, windows: bool = os.name == "nt") -> None:
        super().__init__(raw)
        self._windows = windows

    def write(self, data: Any) -> int:
        """Write some of it, at least a byte; how many.

        Raises:
            OutputError: it cannot be written.
        """
        try:
            while (count := self._raw.write(data)) is None:  # another program made it non-blocking
                select.select([], [self], [])
        except OSError as error:
            number = error.errno
            if self._windows and number == errno.EINVAL:
                number = errno.EPIPE
            raise OutputError(number, error.strerror) from None
        return int(count)


class Streams:
    """The two of this process, once `prepare` has put them in the place of Python's own."""

    def __init__(self) -> None:
        self._out: TextIO | None = None
        self._err: UnhurriedRaw | None = None
        self.has_stalled = False
        """A reader of standard output has stopped: the end does not wait for it."""

    def prepare(self) -> None:
        """Guard both; a descriptor that is closed is one that cannot be written, not one to take.

        Standard error gets a descriptor of our own: what is said while PortAudio starts must not be
        lost. For so long sounddevice leads descriptor 2 away, for all of the process, and a start
        may take as long as the sound server does.
        """
        _fill_closed()
        encoding = getattr(sys.stdout, "encoding", "utf-8")
        live = bool(getattr(sys.stdout, "write_through", False))  # PYTHONUNBUFFERED
        out = Guarded(_raw_of(sys.stdout) or io.FileIO(_OUT, "w", closefd=False))
        # A name of a file need not be text.
        self._out = sys.stdout = _text(out, encoding, "backslashreplace", live=live or out.isatty())
        encoding = getattr(sys.stderr, "encoding", "utf-8")
        with contextlib.suppress(OSError, ValueError):
            kept = io.FileIO(os.dup(_ERR), "w")
            console = os.name == "nt" and kept.isatty()  # its raw stream knows the code page
            raw = _raw_of(sys.stderr) if console else kept
            self._err = UnhurriedRaw(raw)
            sys.stderr = _text(self._err, encoding, "backslashreplace", live=True)

    def lead_libraries_away(self) -> None:
        """Let nobody see what libraries write to descriptor 2 themselves, as ALSA and JACK do.

        Where `prepare` was not called the descriptor is another program's, and stays as it is.
        """
        if self._err is not None:
            with contextlib.suppress(OSError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, _ERR)
                os.close(nowhere)
                if faulthandler.is_enabled():  # Python's own last words stay
                    faulthandler.enable(sys.stderr)

    def finish(self, code: int, *, patient: bool = True) -> int:
        """Write what is still to be written; the exit code.

        `patient`: for as long as the reader takes, unless it has stalled before.
        """
        out = self._out
        try:
            if out is not None and patient and not self.has_stalled:
                out.flush()
            elif out is not None:
                write_in_time(out.flush)
        except KeyboardInterrupt:  # by Ctrl-C or SIGTERM: the reader is waited for no more
            code = code or 1
        except OSError as error:
            code = code or tell(error)
        if self._err is not None:
            with contextlib.suppress(OSError, KeyboardInterrupt):
                sys.stderr.flush()
                self._err.wait_written(_LATE_S)
        return code


STREAMS: Final = Streams()


def stay_in_background() -> None:
    """Let no terminal stop this process: one in the background goes on, whatever it writes.

    Reading there is an error then, and no stop. For a process of our own: its children have it too.
    """
    for name in ("SIGTTIN", "SIGTTOU"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


def tell(error: OSError) -> int:
    """Say that the output could not be written, unless its reader has gone; the exit code."""
    if error.errno != errno.EPIPE:  # `| head` has read what it wanted
        said = f"micstream: standard output cannot be written: {reason(error)}\n"
        said += "  what was asked for is not there, or not whole: look where > or | leads it\n"
        sys.stderr.write(said)
    return 1


def reason(error: OSError) -> str:
    """Why it could not be written."""
    return "it is closed" if error.errno == errno.EBADF else reason_of(error)


def _fill_closed() -> None:
    """Open what is closed of descriptors 0 to 2, so that no file or connection gets its number.

    The other way round: reading the first and writing the second is an error that is told. What is
    written to the third is lost.
    """
    if os.name == "nt":
        return
    for number, mode in ((0, os.O_WRONLY), (_OUT, os.O_RDONLY), (_ERR, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, mode)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)


def _raw_of(stream: Any) -> Any:
    """Raw stream below a text stream of Python's; None where it is closed or no such."""
    buffer = getattr(stream, "buffer", None)
    return getattr(buffer, "raw", buffer)


def _text(raw: io.RawIOBase, encoding: str, errors: str, *, live: bool) -> TextIO:
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding=encoding, errors=errors, line_buffering=live
    )
