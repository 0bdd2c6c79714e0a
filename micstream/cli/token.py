"""`micstream token`."""

from __future__ import annotations

import datetime
import json as json_
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
    """Print a token, for a machine that shall not have the API secret.

    It may join the one room; of kind agent it may send data there and publish nothing.

    Examples:

      micstream token --room show > token.txt

      LIVEKIT_TOKEN=$(cat token.txt) micstream live --url wss://example.livekit.cloud
    """
    from micstream.errors import UsageError
    from micstream.room.token import mint
    from micstream.settings import load

    settings = load(**flags)
    if not settings.api_key or settings.api_secret is None:
        raise UsageError(
            "a token is made from LIVEKIT_API_KEY and LIVEKIT_API_SECRET, and one is not set",
            hint="set them in the environment or in .env.local",
            code="no_credentials",
        )
    minted = mint(
        api_key=settings.api_key,
        api_secret=settings.api_secret.get_secret_value(),
        room=settings.room,
        identity=settings.identity,
        kind=kind,
        ttl=datetime.timedelta(hours=ttl),
    )
    if output.json:
        described = {
            "token": minted,
            "room": settings.room,
            "identity": settings.identity,
            "kind": kind,
            "hours": ttl,
        }
        sys.stdout.write(json_.dumps(described) + "\n")
    else:
        sys.stdout.write(minted + "\n")
