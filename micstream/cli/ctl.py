"""`micstream ctl`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from micstream.cli.press import ask, in_a_line

if TYPE_CHECKING:
    from micstream.show.key_file import RunningShow


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("ctl")(ctl)


def ctl(
    verb: Annotated[
        str, typer.Argument(help="mute, manual, auto, interrupt, panic, cue, route, status, ...")
    ],
    argument: Annotated[
        str | None, typer.Argument(help="on, off, toggle; a cue's name; a number; a text.")
    ] = None,
    room: Annotated[
        str | None, typer.Option("--room", "-r", help="Which show, where several run here.")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="The answer as JSON.")] = False,
) -> None:
    """Control a show that runs on this machine with --control.

    The verbs are those of the page and of the keys. status prints the state, watch the state and
    then each event, as JSON, until Ctrl-C.

    Examples:

      micstream ctl mute on

      micstream ctl cue applause

      micstream ctl panic

      micstream ctl status --json | jq .state.gate
    """
    from micstream.show.asked import argument_for
    from micstream.show.key_file import running

    if verb not in ("status", "watch"):
        argument_for(verb, argument)  # refused here, whether a show runs or not
    show = _chosen(running(), room)
    if verb == "watch":
        import asyncio

        asyncio.run(_watch_until_told(show))
        return
    answer = ask(show.url, show.key, show.room, verb, argument)
    if json_:
        typer.echo(json.dumps(answer, ensure_ascii=False))
    else:
        _tell(answer["state"], verb)


def _chosen(shows: list[RunningShow], room: str | None) -> RunningShow:
    from micstream.errors import ConnectionFailed, UsageError

    fitting = [show for show in shows if room is None or show.room == room]
    if not fitting:
        where = f" in the room {room!r}" if room is not None else ""
        raise ConnectionFailed(
            f"no show{where} can be controlled on this machine",
            hint="start one with --control: micstream live --control",
            code="nothing_to_control",
        )
    rooms = sorted({show.room for show in fitting})
    if room is None and len(rooms) > 1:
        raise UsageError(
            f"several shows run here: {', '.join(rooms)}",
            hint=f"choose one: --room {rooms[0]}",
            code="several_shows",
        )
    return fitting[0]


async def _watch_until_told(show: RunningShow) -> None:
    """Until the show is over, or Ctrl-C."""
    import asyncio

    from micstream.signals import set_on_signals
    from micstream.tasks import run_until

    stop = asyncio.Event()
    with set_on_signals(stop):
        await run_until(_watch(show), stop)


async def _watch(show: RunningShow) -> None:
    import aiohttp

    from micstream.errors import ConnectionFailed

    headers = {"Authorization": f"Bearer {show.key}", "User-Agent": "micstream-ctl"}
    try:
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.ws_connect(f"{show.url}/api/socket", heartbeat=2.0) as socket,
        ):
            async for message in socket:
                typer.echo(message.data)
    except aiohttp.ClientError as error:
        raise ConnectionFailed(
            f"the show in the room {show.room!r} does not answer", code="nothing_to_control"
        ) from error


def _tell(state: dict[str, Any], verb: str) -> None:
    """The state in a line; for `status` in a few."""
    typer.echo(in_a_line(state))
    if verb != "status":
        return
    typer.echo(f"room {state['connection']}, microphone {state['microphone']}")
    for avatar in state["avatars"]:
        plays = ", playing" if avatar["playing"] else ""
        typer.echo(f"{avatar['name']}: {avatar['link']}{plays}")
    if state["delay_median_ms"] is not None:
        typer.echo(f"delay {state['delay_median_ms']} ms (median)")
