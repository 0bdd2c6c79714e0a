"""`micstream token`."""

from __future__ import annotations

import datetime
import sys
from typing import Annotated, Literal

import typer

from micstream.cli.options import CONNECTION, Flags, Output, takes

_NEEDED = tuple(
    knob for knob in CONNECTION if knob.name in ("api_key", "api_secret", "room", "identity")
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("token")(token)


@takes(_NEEDED)
def token(
    flags: Flags,
    output: Output,
    kind: Annotated[
        Literal["agent", "standard"],
        typer.Option(help="agent speaks through an avatar, standard watches."),
    ] = "agent",
    ttl: Annotated[
        float, typer.Option(min=0.01, max=8_760, metavar="h", help="Hours that it is good for.")
    ] = 6.0,
) -> None:
    """Print a token, for a machine that must not know the API secret.

    It may join the one room; of kind agent it may send data there and publish nothing.

    Examples:

      micstream token --room show > token.txt

      LIVEKIT_TOKEN=$(cat token.txt) micstream live --url wss://example.livekit.cloud
    """
    from micstream.room.token import mint
    from micstream.settings import load

    connection = load(**flags).connection()
    api_key, api_secret = connection.keys()
    minted = mint(
        api_key=api_key,
        api_secret=api_secret,
        room=connection.room,
        identity=connection.identity,
        kind=kind,
        ttl=datetime.timedelta(hours=ttl),
    )
    if output.json:
        from micstream.view.json_lines import write_json

        described = {
            "token": minted,
            "room": connection.room,
            "identity": connection.identity,
            "kind": kind,
            "hours": ttl,
        }
        write_json(sys.stdout, described)
    else:
        sys.stdout.write(minted + "\n")
