"""Can we go on stage? A check after the other, from the microphone to the avatar.

The room is joined as kind *standard* under a name of its own: an avatar binds to the first agent
it sees, and a diagnosis must not be that one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Final

from micstream.doctor.check import Check, State, failed
from micstream.doctor.echo import check_echo
from micstream.doctor.microphone import check_microphone
from micstream.doctor.room import check_room
from micstream.doctor.server import check_server, judge_proxy, judge_way
from micstream.doctor.through import check_through
from micstream.errors import UsageError
from micstream.room.connect import credentials
from micstream.settings import Settings

__all__ = ["Check", "State", "diagnose"]

_ELSEWHERE: Final = Check(
    "microphone",
    "left out",
    "it is in the room, and not at this machine",
    "a participant of the room, who publishes one",
    "micstream live, once it is there: s names it with its level",
)


async def diagnose(
    settings: Settings, *, through: bool, echo: bool = False
) -> AsyncIterator[Check]:
    """Every check as it is done. `through`: also ask the avatar, under the sender's own identity.

    That ends what the avatar plays, and has it hum for a moment. Beside a sender of the same
    identity it is not done, unless `take_over`: that ends the other one.
    """
    microphones = _microphones(settings)
    async for check in _of_each(microphones, check_microphone):
        yield check
    try:
        url, _ = credentials(settings.connection())
    except UsageError as error:
        yield failed("credentials", error, "LIVEKIT_URL with a key and secret, or a token")
        return
    how = "a token of kind agent" if settings.token else "a key and its secret"
    yield Check("credentials", "ok", f"an address and {how}")
    for check in judge_way(settings.connection(), url):
        yield check
    proxy = judge_proxy(url)
    for check in proxy:
        yield check
    if any(check.state == "failed" for check in proxy):
        return
    reachable = await check_server(url)
    for check in reachable:
        yield check
    if any(check.state == "failed" for check in reachable):
        return
    if settings.connection().has_keys:
        for check in await check_room(settings):
            yield check
    else:
        yield Check(
            "room",
            "left out",
            "only a token is given",
            "a key and secret, to look at the room without being taken for the sender",
            "use --through",
        )
    if through:
        for check in await check_through(settings):
            yield check
    if echo:
        async for check in _of_each(microphones, check_echo):
            yield check


def _microphones(settings: Settings) -> list[tuple[str, Settings | None]]:
    """Each microphone as settings of its own, and whose it is; None: it is not at this machine.

    One that is named by itself is the one that is asked for.
    """
    several = settings.performers().performers
    if not several or settings.device is not None:
        return [("", settings)]
    return [
        (
            f"{each.name}, ",
            None
            if each.identity
            else settings.model_copy(update={"device": each.device, "channel": each.channel}),
        )
        for each in several
    ]


async def _of_each(
    microphones: Sequence[tuple[str, Settings | None]],
    checks: Callable[[Settings], AsyncIterator[Check]],
) -> AsyncIterator[Check]:
    """These checks of each microphone, named by whose it is."""
    for whose, own in microphones:
        if own is None:
            yield replace(_ELSEWHERE, name=f"{whose}{_ELSEWHERE.name}")
            continue
        async for check in checks(own):
            yield replace(check, name=f"{whose}{check.name}")
