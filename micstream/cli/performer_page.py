"""`micstream performer-page`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from micstream.cli.options import CONNECTION, Flags, Output, takes

if TYPE_CHECKING:
    import ssl

    from micstream.settings import Settings

_NOT_OURS = ("identity", "token", "avatar", "wait_avatar", "ready_timeout")
_NEEDED = tuple(knob for knob in CONNECTION if knob.name not in _NOT_OURS)
_PAGE = "Page"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("performer-page")(performer_page)


@dataclass(frozen=True, slots=True)
class Where:
    """Where the page is served, and with what certificate."""

    host: str | None
    port: int | None
    certificate: Path | None
    key: Path | None


@takes(_NEEDED)
def performer_page(
    flags: Flags,
    output: Output,
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME...", help="Who performs; each has a link, and is in the room by his name."
        ),
    ],
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65_535,
            metavar="N",
            help="Port of the page; 8422, or a free one where that is taken, unless given.",
            show_default=False,
            rich_help_panel=_PAGE,
        ),
    ] = None,
    lan: Annotated[
        bool,
        typer.Option(
            "--lan", help="For other machines and phones too, on https.", rich_help_panel=_PAGE
        ),
    ] = False,
    host: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Listen at this address of the machine alone, on https.",
            show_default=False,
            rich_help_panel=_PAGE,
        ),
    ] = None,
    certificate: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Certificate for https, PEM, with its chain. Without one it is made, and each "
            "browser warns of it once: Advanced, Proceed (Chrome); Show Details, visit this "
            "website (iPhone).",
            show_default=False,
            rich_help_panel=_PAGE,
        ),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Its key, PEM.", show_default=False, rich_help_panel=_PAGE
        ),
    ] = None,
) -> None:
    """Give performers a page that sends their microphone into the room.

    On a phone, a tablet or another machine: one large button to hold while one talks, and a level.
    The page may publish a microphone and nothing else. micstream live hears it by
    --performer NAME=room:NAME. Ctrl-C ends the server; a page that is open goes on meanwhile.

    Examples:

      micstream performer-page anna --room show --lan

      micstream performer-page anna ben --lan --certificate hall.pem --key hall.key
    """
    import asyncio

    from micstream.cli.stage import listen_at
    from micstream.errors import UsageError
    from micstream.settings import load
    from micstream.settings.performers import performers

    at = listen_at(host, lan=lan)
    if (certificate is None) is not (key is None):
        raise UsageError(
            "--certificate and --key belong together", hint="give both, or none: then one is made"
        )
    try:
        performers(tuple(f"{name}=room:{name}" for name in names))
    except ValueError as error:
        raise UsageError(str(error), hint="a name for each performer: anna ben") from None
    where = Where(at, port, certificate, key)
    asyncio.run(_serve(load(**flags), names, where, output))


async def _serve(settings: Settings, names: list[str], where: Where, output: Output) -> None:
    import asyncio

    from micstream.bus import Bus
    from micstream.cli.run import quiet_libraries, showing
    from micstream.cli.stage import WithCode
    from micstream.events import PerformerOpen, Warned
    from micstream.performers.page import PORT, PerformerServer
    from micstream.room.address import warnings
    from micstream.signals import set_on_signals
    from micstream.stage.link import links
    from micstream.web.admission import is_loopback
    from micstream.web.serving import LOOPBACK, serving

    quiet_libraries(verbose=output.verbose)
    bus, stop = Bus(), asyncio.Event()
    host = LOOPBACK if where.host in (None, "localhost") else where.host
    on_network = not is_loopback(host)
    view = WithCode(output)
    view.shows_code = on_network and not output.json and not output.quiet
    tls = await _tls(where, host, on_network=on_network)
    server = PerformerServer(settings.connection(), names, tls=tls is not None, bus=bus)
    with set_on_signals(stop):
        async with (
            showing(bus, view, stop),
            serving(server.app(), host=host, port=where.port, usual=PORT, tls=tls) as port,
        ):
            for warning in warnings(settings.connection()):
                bus.emit(warning)
            if tls is not None and where.certificate is None:
                bus.emit(
                    Warned(
                        code="own_certificate",
                        message="the page's certificate is our own: each browser warns of it once",
                        hint="Chrome and Android: Advanced, then Proceed; iPhone and iPad: Show "
                        "Details, then visit this website; Firefox: Advanced, Accept the Risk",
                    )
                )
            for name in names:
                found = links(host, port, server.path(name))
                if tls is not None:
                    found = [f"https{each.removeprefix('http')}" for each in found]
                link, *others = found
                bus.emit(
                    PerformerOpen(link=link, name=name, room=settings.room, others=tuple(others))
                )
            await stop.wait()


async def _tls(where: Where, host: str, *, on_network: bool) -> ssl.SSLContext | None:
    """TLS with the certificate given, or with our own; None: on this machine it needs none."""
    import ipaddress
    import time

    from micstream.stage.link import own_addresses
    from micstream.web.certificate import context, own

    if where.certificate is not None and where.key is not None:
        return context(where.certificate, where.key)
    if not on_network:
        return None
    try:
        address = ipaddress.ip_address(host)
        known = own_addresses(address.version) if address.is_unspecified else [host]
    except ValueError:
        known = [host]
    return context(*await own([*known, "localhost"], time.time()))
