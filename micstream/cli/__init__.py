"""The command line: options in, an exit code out. One file a command; the work is elsewhere."""

from __future__ import annotations

import signal
import sys
from types import FrameType

import typer

from micstream.cli import cut, demo, devices, doctor, live, pipe, play, token
from micstream.cli.fail import fail
from micstream.errors import MicstreamError

app = typer.Typer(
    name="micstream",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Speak through a talking avatar, live.\n\n"
    "Try it on this machine alone: [bold]micstream demo[/bold]. On stage: set LIVEKIT_URL, "
    "LIVEKIT_API_KEY and LIVEKIT_API_SECRET (environment or .env.local), ask "
    "[bold]micstream doctor[/bold], then [bold]micstream live[/bold].",
)

for module in (live, play, pipe, cut, devices, token, doctor, demo):
    module.register(app)


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


def main() -> None:
    """Run the command line; every error of ours becomes a message and an exit code."""

    def ended(_: int, __: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, ended)
    try:
        app(standalone_mode=True)
    except MicstreamError as error:
        sys.exit(fail(error, json="--json" in sys.argv))
    except KeyboardInterrupt:
        sys.exit(0)
    except BrokenPipeError:
        from micstream.cli.stage import drop_stdout

        drop_stdout()
        sys.exit(0)
