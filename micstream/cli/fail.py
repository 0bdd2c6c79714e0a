"""An error, told."""

from __future__ import annotations

import contextlib
import sys

from micstream.errors import MicstreamError


def fail(error: MicstreamError, *, json: bool) -> int:
    """Say what is wrong and what to do, on stderr and in the JSON; the exit code."""
    if json and not error.told:
        from micstream.events import Failed

        failed = Failed(code=error.code, message=error.message, hint=error.hint)
        sys.stdout.write(failed.as_json() + "\n")
        sys.stdout.flush()
    from micstream.view.console import printable

    with contextlib.suppress(OSError):  # its terminal may be closed
        sys.stderr.write(f"micstream: {printable(error.message)}\n")
        if error.hint:
            sys.stderr.write(f"  {printable(error.hint)}\n")
    return error.exit_code
