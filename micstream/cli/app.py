"""All commands, each imported when it is asked for; how the process begins and ends."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from types import FrameType
from typing import NoReturn

import typer

from micstream.cli.fail import fail
from micstream.cli.help import LazyGroup
from micstream.cli.streams import STREAMS, OutputError, stay_in_background, tell
from micstream.errors import MicstreamError

app = typer.Typer(
    name="micstream",
    no_args_is_help=True,
    add_completion=False,
    cls=LazyGroup,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Speak through a talking avatar, live.\n\n"
    "Try it on this machine alone: micstream demo; every other command: micstream demo "
    "--serve. On stage: set LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET (environment or "
    ".env.local), ask micstream doctor, then micstream live.",
)

_INTERRUPTED = 130
"""What typer makes of Ctrl-C."""


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("micstream"))
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version."
    ),
) -> None:
    pass


def main() -> NoReturn:
    """Run the command line; every error of ours becomes a message and an exit code."""
    STREAMS.prepare()
    stay_in_background()
    code = _run()
    code = STREAMS.finish(code, patient=code != _INTERRUPTED)
    # The SDK's threads call into Python up to the end, and abort the whole process where they meet
    # an interpreter that is being taken down: so it is not taken down. All is closed by now.
    os._exit(code)


def _run() -> int:
    def ended(_: int, __: FrameType | None) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, getattr(signal, "SIGBREAK", signal.SIGTERM)):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, ended)
    try:
        app(standalone_mode=True)
    except MicstreamError as error:
        return fail(error, json="--json" in sys.argv)
    except KeyboardInterrupt:
        return 0
    except SystemExit as end:  # how typer ends, after its own messages and a closed stdout too
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except OutputError as error:
        return tell(error)
    except Exception:
        from micstream.room.redact import redact

        sys.stderr.write(redact(traceback.format_exc()))
        return 1
    return 0
