"""How long it takes until an avatar is to be seen.

From starting `micstream avatar start`, its own start included, to the first picture that a viewer's
program gets, decoded; the viewer is in the room before. The avatar's server is our stand-in for
Avaluma's, which keeps a process ready: what is measured is our share of the way, and no avatar's
rendering. Beside it livekit-agents' own avatar worker in the same rooms, started as a process when
it is needed, from that start on.
"""

from __future__ import annotations

import asyncio
import secrets
import statistics
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from livekit import rtc

from bench.report import Figures, dump, parser, show
from bench.senders import MICSTREAM, tell
from micstream.demo.avatar import local_avatar
from micstream.demo.avatar_server import avatar_server
from micstream.demo.server import LocalServer, find_server, local_server
from testbed.program import environment
from testbed.rooms import joined

ROUNDS, QUICK_ROUNDS = 10, 3
SENDER = "external-audio-sender"
_SEEN_S = 30.0


@asynccontextmanager
async def viewer(server: LocalServer, room: str) -> AsyncIterator[asyncio.Future[float]]:
    """Somebody who watches, and the monotonic second of the first picture."""
    seen: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    looking: set[asyncio.Task[None]] = set()

    async def look(track: rtc.Track) -> None:
        stream = rtc.VideoStream(track)
        async for _ in stream:
            if not seen.done():
                seen.set_result(time.monotonic())
            break
        await stream.aclose()

    def prepare(participant: rtc.Room) -> None:
        @participant.on("track_subscribed")
        def subscribed(track: rtc.Track, *_: object) -> None:
            if track.kind == rtc.TrackKind.KIND_VIDEO:
                looking.add(asyncio.create_task(look(track)))

    async with joined(server, room, "viewer", auto_subscribe=True, prepare=prepare):
        try:
            yield seen
        finally:
            for task in looking:
                task.cancel()
            await asyncio.gather(*looking, return_exceptions=True)


async def by_micstream(server: LocalServer, address: str, key: str) -> float:
    """Seconds until the avatar that `micstream avatar start` asked for was seen."""
    room = f"start-{secrets.token_hex(4)}"
    env = environment(server, AVALUMA_LICENSE_KEY=key, AVATAR_SERVER_URL=address)
    async with viewer(server, room) as seen:
        begun = time.monotonic()
        command = (MICSTREAM, "avatar", "start", "--room", room, "--avatar-id", "demo", "--quiet")
        child = await asyncio.create_subprocess_exec(*command, env=env)
        async with asyncio.timeout(_SEEN_S):
            took = await seen - begun
            assert await child.wait() == 0
    return took


async def by_a_worker(server: LocalServer) -> float:
    """Seconds until livekit-agents' own worker, started cold, was seen."""
    room, identity = f"start-{secrets.token_hex(4)}", "avatar-demo"
    async with (
        viewer(server, room) as seen,
        joined(server, room, SENDER, kind="agent"),
    ):
        begun = time.monotonic()
        key, secret = server.api_key, server.api_secret
        async with local_avatar(server.url, key, secret, room, SENDER, identity):
            async with asyncio.timeout(_SEEN_S):
                return await seen - begun


async def bench(rounds: int) -> Figures:
    """Both in turns."""
    done: dict[str, list[float]] = {"micstream": [], "worker": []}
    key = secrets.token_hex(24)
    binary = await find_server(progress=tell)
    async with (
        local_server(binary) as server,
        avatar_server(key, ["demo"], keeps_spare=True) as (running, address),
    ):
        for number in range(rounds):
            tell(f"avatar_start: round {number + 1} of {rounds}")
            done["worker"].append(await by_a_worker(server))
            await running.prepare()
            done["micstream"].append(await by_micstream(server, address, key))
    return {
        "senders": {
            name: {"median_s": statistics.median(each), "most_s": max(each)}
            for name, each in done.items()
        },
        "runs": done,
    }


def _print(figures: Figures) -> None:
    names = {
        "micstream": "micstream avatar start, a server that keeps one ready",
        "worker": "livekit-agents' avatar worker, started cold",
    }
    rows = [
        (names[name], f"{each['median_s']:.2f}", f"{each['most_s']:.2f}")
        for name, each in figures["senders"].items()
    ]
    show(
        "Until an avatar is seen",
        ("from the start to the first picture", "median s", "most s"),
        rows,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    given = parser("bench.avatar_start", __doc__).parse_args(arguments)
    figures = asyncio.run(bench(QUICK_ROUNDS if given.quick else ROUNDS))
    if given.json:
        dump("avatar_start", figures)
    else:
        _print(figures)


if __name__ == "__main__":
    main(sys.argv[1:])
