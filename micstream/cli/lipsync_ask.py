"""`micstream lipsync lead`, `torture` and `compare`: an avatar's limits, and two runs compared."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from micstream.cli.options import JOINING, START, TRANSPORT, Flags, Output, takes

if TYPE_CHECKING:
    from micstream.lab.lipsync import LipSync
    from micstream.lab.running import Lab
    from micstream.lab.take import Samples
    from micstream.session import Session
    from micstream.settings import Settings
    from micstream.settings.pieces import ConnectionSettings

_SPOKEN = "harvard-1"
_SPOKEN_S = 5.0
_FOLLOWED = "harvard-[123]"
"""Half a minute of speech."""


@takes(JOINING, START, TRANSPORT)
def lead(flags: Flags, output: Output) -> None:
    """Find the smallest lead with which an avatar does not stutter, at real-time pace.

    A sentence is spoken with one lead after the other, some thirty times in all, and a viewer
    listens: about three minutes. The last line of --json has smallest_safe_lead_ms and all that was
    tried. Exit code 0: found; 1: it stutters with 600 ms too.

    Examples:

      micstream lipsync lead --room test

      micstream lipsync lead --room test --json
    """
    from micstream.lab import sweep
    from micstream.view.json_lines import write_json

    tried: list[sweep.Tried] = []

    async def work(session: Session, made: Lab, pcm: Samples) -> None:
        while (next_ms := sweep.next_lead(tried)) is not None:
            said = await made.say_aloud(pcm, timeout=8.0, lead_ms=next_ms)
            if said is None:
                tried.append(sweep.Tried(next_ms, None, None))
            else:
                begun = said.sent_at - next_ms / 1000
                tried.append(sweep.judged(made.take(), pcm, next_ms, begun))
            if not output.json:
                typer.echo(_lead_words(tried[-1]))

    _joined(partial(_with_sentence, work), {**flags, "lead_ms": 0}, output)
    found = sweep.swept(tried)
    if output.json:
        write_json(sys.stdout, found)
        sys.stdout.flush()
    elif found["smallest_safe_lead_ms"] is None:
        typer.echo(f"it stutters with {sweep.HIGH_MS} ms too: look at the network and the avatar")
    else:
        lead_ms = found["smallest_safe_lead_ms"]
        typer.echo(
            f"{lead_ms} ms is enough here: {found['delay_ms']:.0f} ms from being spoken to being "
            f"heard; keep it with MICSTREAM_LEAD_MS={lead_ms}"
        )
    raise typer.Exit(int(found["smallest_safe_lead_ms"] is None))


def _lead_words(tried: Any) -> str:
    if tried.put_in_s is None:
        return f"lead {tried.lead_ms:>3} ms: it was not heard"
    gaps = f"stutters, {1000 * tried.put_in_s:.0f} ms put in" if tried.stutters else "no gap"
    return f"lead {tried.lead_ms:>3} ms: {gaps}"


@takes(JOINING, START, TRANSPORT)
def torture(
    flags: Flags,
    output: Output,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="NAME", help="interrupts, short, queued, left_open, ..."),
    ] = None,
    follow: Annotated[
        bool,
        typer.Option(help="Measure how its mouth follows before it all, and after: a minute."),
    ] = True,
) -> None:
    """Do to an avatar what a show does to it by accident, and see whether it lives.

    Fifty interrupts, segments of 100 ms, two queued and cleared, a stream left open, a wrong rate,
    a minute and five minutes at a stretch; after each a sentence has to be heard, and reported, and
    at the end its mouth has to follow as before. Ten minutes in all. Exit code 1: it died, reports
    wrongly, or follows less well.

    Examples:

      micstream lipsync torture --room test

      micstream lipsync torture --room test --only interrupts --no-follow --json
    """
    from micstream.errors import UsageError
    from micstream.lab.kit import chosen, load_kit
    from micstream.lab.lipsync import plain
    from micstream.lab.running import Plan
    from micstream.lab.torture import ORDEALS, Survived, in_step, no_longer_follows, tortured
    from micstream.view.json_lines import write_json

    wanted = [each for each in ORDEALS if not only or each.name in only]
    if unknown := set(only or ()) - {each.name for each in ORDEALS}:
        raise UsageError(
            f"no such ordeal: {', '.join(sorted(unknown))}",
            hint="there are " + ", ".join(each.name for each in ORDEALS),
            code="no_such_item",
        )
    went: list[Survived] = []
    followed: list[LipSync] = []
    plan = Plan(chosen(load_kit(), [_FOLLOWED]))

    async def measure(session: Session, connection: ConnectionSettings, when: str) -> None:
        if follow:
            followed.append(await in_step(session, connection, plan))
            if not output.json:
                typer.echo(_followed_words(when, followed[-1]))

    async def work(session: Session, made: Lab, pcm: Samples) -> None:
        async for each in tortured(session, made, pcm, tuple(wanted)):
            went.append(each)
            if not output.json:
                typer.echo(_ordeal_words(each))

    def survived() -> bool:
        return len(went) == len(wanted) and all(each.alive for each in went)

    async def around(session: Session, connection: ConnectionSettings) -> None:
        await measure(session, connection, "before")
        await _with_sentence(work, session, connection)
        if survived():
            await measure(session, connection, "after")

    _joined(around, flags, output)
    why = no_longer_follows(*followed) if len(followed) == 2 else ""
    fine = survived() and all(each.reported for each in went) and not why
    if output.json:
        names = ("offset_ms", "offset_ci_ms", "verdict", "why")
        told = [{name: plain(getattr(each, name)) for name in names} for each in followed]
        found = {"schema": 1, "survived": fine, "ordeals": [each.as_dict() for each in went]}
        write_json(sys.stdout, {**found, "followed": told, "why": why})
        sys.stdout.flush()
    elif why:
        typer.echo(f"it follows less well: {why}")
    raise typer.Exit(int(not fine))


def _followed_words(when: str, found: Any) -> str:
    if found.offset_ms is None:
        return f"{when:<11} whether its mouth follows is undecided: {found.why}"
    low, high = found.offset_ci_ms
    return f"{when:<11} its mouth follows: {found.offset_ms:+.0f} ms ({low:+.0f} to {high:+.0f})"


def _ordeal_words(survived: Any) -> str:
    if not survived.alive:
        return f"{survived.ordeal:<11} dead: {survived.why}"
    reports = "its report is right" if survived.reported else "its report is wrong, or missing"
    return f"{survived.ordeal:<11} alive, heard after {survived.heard_delay_ms:.0f} ms, {reports}"


async def _with_sentence(
    work: Callable[[Session, Lab, Samples], Awaitable[None]],
    session: Session,
    connection: ConnectionSettings,
) -> None:
    """Do `work` with a viewer of the avatar and a sentence to speak."""
    import asyncio

    from micstream.lab.kit import chosen, load_kit
    from micstream.lab.running import Plan, lab, samples_of
    from micstream.sources.files import FileSource

    item = chosen(load_kit(), [_SPOKEN])[0]
    pcm = samples_of(FileSource(item.file))[: round(_SPOKEN_S * 16_000)]
    async with lab(session, connection, Plan((item,), 120)) as made:
        await asyncio.sleep(_WARM_S)
        await work(session, made, pcm)


def _joined(
    work: Callable[[Session, ConnectionSettings], Awaitable[None]], flags: Flags, output: Output
) -> None:
    """Join, wait for the avatar, and do `work`."""
    import asyncio

    from micstream.cli.run import run_session, wait_avatar, with_avatar
    from micstream.settings import load

    async def run(session: Session, settings: Settings) -> None:
        async def inside() -> None:
            await session.room.wait_ready(wait_avatar(settings), at_least=1)
            await work(session, settings.connection())

        await with_avatar(inside(), session, settings)

    asyncio.run(run_session(run, load(**flags), output))


_WARM_S = 2.0
"""A viewer's buffer finds its length."""


def compare(
    one: Annotated[Path, typer.Argument(metavar="A", help="What lipsync run --json printed.")],
    other: Annotated[Path, typer.Argument(metavar="B", help="The same of another run.")],
    json_: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Compare two runs: what is better in B, what is worse, and what is not to be told apart.

    Each difference has an interval of 95 % confidence, over the utterances of both. Exit code 1:
    something is worse.

    Examples:

      micstream lipsync compare before.json after.json

      micstream lipsync compare before.json after.json --json
    """
    from micstream.lab.compare import compare as side_by_side
    from micstream.lab.compare import comparison_words
    from micstream.lab.run_file import read_run
    from micstream.view.json_lines import write_json

    found = side_by_side(read_run(one), read_run(other))
    if json_:
        write_json(sys.stdout, found.as_dict())
        sys.stdout.flush()
    else:
        for line in comparison_words(found):
            typer.echo(line)
    raise typer.Exit(int(found.is_worse))
