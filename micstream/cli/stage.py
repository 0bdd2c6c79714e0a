"""`micstream stage`."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer

from micstream.cli.options import CONNECTION, Flags, Output, takes

if TYPE_CHECKING:
    from micstream.events import Emitter, Event
    from micstream.settings import Settings
    from micstream.stage.look import Fit, Look

_NOT_OURS = ("identity", "wait_avatar", "ready_timeout")
# What these mean to a page, which speaks to nobody.
_WORDS = {
    "token": "A ready token that may only watch this room, of kind standard, in place of key and "
    "secret; for one page.",
    "avatar": "Whom the page shows: an identity, or a prefix ending in *, and then all of those. "
    "May be given several times.",
}
_NEEDED = tuple(
    replace(knob, help=_WORDS.get(knob.name, knob.help))
    for knob in CONNECTION
    if knob.name not in _NOT_OURS
)
_HERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where who listens so is reached
_LOOK = "Look"
_PAGE = "Page"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("stage")(stage)


@takes(_NEEDED)
def stage(
    flags: Flags,
    output: Output,
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65_535,
            metavar="N",
            help="Port of the page; 8420, or a free one where that is taken, unless given.",
            show_default=False,
            rich_help_panel=_PAGE,
        ),
    ] = None,
    lan: Annotated[
        bool,
        typer.Option(
            "--lan",
            help="For other machines too; the link holds a key. One link for each network that "
            "this machine is on.",
            rich_help_panel=_PAGE,
        ),
    ] = False,
    host: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Listen at this address of the machine alone; as with --lan the link holds a key.",
            show_default=False,
            rich_help_panel=_PAGE,
        ),
    ] = None,
    link_host: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What the link calls this machine, where others know it by another name.",
            show_default=False,
            rich_help_panel=_PAGE,
        ),
    ] = None,
    open_: Annotated[
        bool, typer.Option("--open", help="Open the page in the browser.", rich_help_panel=_PAGE)
    ] = False,
    background: Annotated[
        str,
        typer.Option(
            metavar="COLOUR",
            help="Behind the picture: transparent, chroma (green), a colour's name, or #rrggbb. "
            "An avatar keeps the backdrop that it sends; key=COLOUR in the link takes it out.",
            rich_help_panel=_LOOK,
        ),
    ] = "black",
    fill: Annotated[
        bool,
        typer.Option(
            "--fill/--fit",
            help="Fill the page and cut off what is too much, or fit all of the picture in.",
            rich_help_panel=_LOOK,
        ),
    ] = False,
    mirror: Annotated[
        bool, typer.Option("--mirror", help="Left and right exchanged.", rich_help_panel=_LOOK)
    ] = False,
    poster: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="Shown while no avatar is there: an image file, drawn, or none. auto: drawn, "
            "but none on a background that is transparent or chroma.",
            rich_help_panel=_LOOK,
        ),
    ] = "auto",
    sound: Annotated[
        bool,
        typer.Option(
            "--sound/--no-sound", help="Whether the page is to be heard.", rich_help_panel=_LOOK
        ),
    ] = True,
) -> None:
    """Show the avatar on a page: for a projector, a tablet, OBS or vMix.

    Gives the page out from a small server on this machine and prints its link. The page joins the
    room with a token that can only watch, shows every avatar that matches --avatar, and comes back
    by itself whatever happens. Ctrl-C ends the server; a page that is open goes on meanwhile.

    Examples:

      micstream stage --room show --open

      micstream stage --room show --lan --fill

      micstream stage --room show --background chroma --mirror --port 8420
    """
    import asyncio

    from micstream.settings import load
    from micstream.stage.look import Look

    fit: Fit = "fill" if fill else "fit"
    look = Look(background=background, fit=fit, mirror=mirror, poster=poster, sound=sound)
    where = listen_at(host, lan=lan)
    asyncio.run(
        _serve(load(**flags), look, output, host=where, port=port, link_host=link_host, open_=open_)
    )


def listen_at(host: str | None, *, lan: bool) -> str | None:
    """Address that a page's server listens at; None: this machine alone can come.

    Raises:
        UsageError: both are given.
    """
    from micstream.errors import UsageError

    if lan and host is not None:
        raise UsageError(
            "--lan and --host cannot both be given",
            hint="--lan listens at all addresses of this machine, --host at one",
            code="bad_host",
        )
    return "0.0.0.0" if lan else host  # noqa: S104 - asked for, and then by key


async def _serve(
    settings: Settings,
    look: Look,
    output: Output,
    *,
    host: str | None,
    port: int | None,
    link_host: str | None,
    open_: bool,
) -> None:
    import asyncio

    from micstream.bus import Bus
    from micstream.cli.run import quiet_libraries, showing
    from micstream.events import StageOpen, Warned
    from micstream.room.address import Reach, reach, warnings
    from micstream.signals import set_on_signals
    from micstream.stage.link import is_known
    from micstream.tasks import run_until

    quiet_libraries(verbose=output.verbose)
    bus, stop = Bus(), asyncio.Event()
    view = WithCode(output)
    with set_on_signals(stop):
        async with (
            showing(bus, view, stop),
            page(settings, look, host=host, port=port, link_host=link_host, bus=bus) as served,
        ):
            on_network = served.on_network
            view.shows_code = on_network and not output.json and not output.quiet
            for warning in warnings(settings.connection()):
                bus.emit(warning)
            if on_network and settings.url and reach(settings.url) is Reach.SELF:
                bus.emit(
                    Warned(
                        code="loopback_url",
                        message=f"the page joins the room at {settings.url}: other machines take "
                        "that for themselves",
                        hint="give --url the LiveKit server's address as they know it",
                    )
                )
            if host is not None and link_host is None and not is_known(host):
                bus.emit(
                    Warned(
                        code="address_unknown",
                        message="this machine has no address on any network: the link leads "
                        "others nowhere",
                        hint="connect it, and start the stage again; or give --link-host its "
                        "address or name there",
                    )
                )
            bus.emit(StageOpen(link=served.link, room=settings.room, others=served.others))
            if open_:
                await run_until(_open(served, bus), stop)
            await stop.wait()


async def _open(served: Served, bus: Emitter) -> None:
    from micstream.events import Warned
    from micstream.stage.link import open_browser

    if not await open_browser(served.to_open()):
        bus.emit(
            Warned(
                code="no_browser",
                message="no browser that shows pictures could be opened",
                hint="open the link by hand, on a machine with a screen",
            )
        )


@dataclass(frozen=True, slots=True)
class Served:
    """The page being served: its links, and whether others than this machine can come."""

    link: str
    others: tuple[str, ...]
    on_network: bool
    to_open: Callable[[], str]
    """Address for a browser on this machine, without a key: good once."""


@asynccontextmanager
async def page(
    settings: Settings,
    look: Look,
    *,
    host: str | None = None,
    port: int | None = None,
    link_host: str | None = None,
    bus: Emitter,
) -> AsyncIterator[Served]:
    """Serve the page."""
    from micstream.stage.link import link, links
    from micstream.stage.server import PORT, StageServer
    from micstream.web.admission import is_loopback
    from micstream.web.serving import LOOPBACK, serving

    place = LOOPBACK if host in (None, "localhost") else host
    server = StageServer(settings.stage(), look, host=place, bus=bus, link_host=link_host)
    async with serving(server.app(), host=place, port=port, usual=PORT) as taken:
        first, *others = links(link_host or place, taken, server.path)
        here = _HERE.get(place, place)

        def to_open() -> str:
            return first if is_loopback(place) else link(here, taken, server.ticket())

        yield Served(first, tuple(others), not is_loopback(place), to_open)


class WithCode:
    """View of the output, which shows the page's link as a code too, where others can scan it."""

    def __init__(self, output: Output) -> None:
        from micstream.cli.run import make_view

        self.shows_code = False
        self._view = make_view(output)
        self._plain = output.plain

    def __call__(self, event: Event) -> None:
        """Show it."""
        from micstream.events import PerformerOpen, StageOpen

        self._view(event)
        if self.shows_code and isinstance(event, StageOpen | PerformerOpen):
            _show_code(event.link, plain=self._plain)


def _show_code(address: str, *, plain: bool) -> None:
    from rich.text import Text

    from micstream.stage.link import qr
    from micstream.view.console import Terminal

    if not (sys.stdout.encoding or "").lower().startswith("utf"):
        return  # it is drawn with signs that are not to be had there
    console = Terminal(plain=plain)
    # Light on dark whatever the terminal's own colours: some cameras read it no other way.
    for line in qr(address):
        console.print(Text(line, "bright_white on black"), soft_wrap=True)


@asynccontextmanager
async def demo_page(settings: Settings, say: Callable[[str], None]) -> AsyncIterator[None]:
    """The page of the demo, opened where there is somebody to see it."""
    from micstream.bus import Bus
    from micstream.errors import MicstreamError
    from micstream.stage.link import has_display, open_browser
    from micstream.stage.look import Look

    async with AsyncExitStack() as stack:
        try:
            serving = page(settings, Look(), bus=Bus())
            served = await stack.enter_async_context(serving)
        except MicstreamError as error:
            say(f"without the stage page: {error.message}")
        else:
            say(f"watch the avatar at {served.link}")
            if has_display():
                await open_browser(served.to_open())
        yield
