"""An error, told; and last words that hold up no end."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable
from typing import Final, TextIO

from micstream.errors import MicstreamError

_IN_TIME_S: Final = 0.5
"""How long a last word may take: a terminal that is stopped takes none for ever."""


def fail(error: MicstreamError, *, json: bool) -> int:
    """Say what is wrong and what to do, on stderr and in the JSON; the exit code."""
    if json and not error.told:
        from micstream.events import Failed
        from micstream.view.json_lines import JsonLines

        failed = Failed(code=error.code, message=error.message, hint=error.hint)
        with contextlib.suppress(OSError):  # it is told on standard error all the same
            write_in_time(lambda: JsonLines(sys.stdout)(failed))
    if error.said:
        return error.exit_code
    from micstream.view.console import error_words

    said = error_words(error.message, error.hint)
    with contextlib.suppress(OSError):  # its terminal may be closed
        write_in_time(lambda: print_line(sys.stderr, said))
    return error.exit_code


def print_line(out: TextIO, text: str) -> None:
    """Write a line, at once."""
    out.write(text + "\n")
    out.flush()


def write_in_time(write: Callable[[], object], timeout_s: float = _IN_TIME_S) -> bool:
    """Write what may block, in a thread that is left behind after that long; whether it was done.

    Raises:
        OSError: `write` has failed in time.
    """
    failed: list[BaseException] = []

    def work() -> None:
        try:
            write()
        except BaseException as error:
            failed.append(error)

    writing = threading.Thread(target=work, daemon=True, name="last words")
    writing.start()
    writing.join(timeout_s)
    if failed:
        raise failed[0]
    return not writing.is_alive()
