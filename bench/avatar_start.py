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
from collections.abc import Sequence

from bench.report import Figures, dump, parser, show
from bench.senders import MICSTREAM, tell
from micstream.demo.avatar import local_avatar
from micstream.demo.avatar_server import avatar_server
from micstream.demo.server import LocalServer, find_server, local_server
from micstream.viewer.recording import PictureRecording
from micstream.viewer.viewer import Viewer
from testbed.program import environment
from testbed.rooms import joined, viewing

ROUNDS, QUICK_ROUNDS = 10, 3
SENDER = "external-audio-sender"
AVATAR = "avatar-demo"
_SEEN_S = 30.0


def _watched(viewer: Viewer) -> PictureRecording:
    """The avatar's picture; its sound is subscribed to as well, as by anybody who watches."""
    viewer.subscribe(AVATAR, sound=True)
    return viewer.record_picture(AVATAR)


async def _seen(picture: PictureRecording) -> float:
    """The monotonic second of the first picture, waited for."""
    async with asyncio.timeout(_SEEN_S):
        await picture.until_frames(1)
    assert picture.first_arrived is not None
    return picture.first_arrived


async def by_micstream(server: LocalServer, address: str, key: str) -> float:
    """Seconds until the avatar that `micstream avatar start` asked for was seen."""
    room = f"start-{secrets.token_hex(4)}"
    env = environment(server, AVALUMA_LICENSE_KEY=key, AVATAR_SERVER_URL=address)
    async with viewing(server, room) as viewer:
        picture = _watched(viewer)
        begun = time.monotonic()
        command = (MICSTREAM, "avatar", "start", "--room", room, "--avatar-id", "demo", "--quiet")
        child = await asyncio.create_subprocess_exec(*command, env=env)
        took = await _seen(picture) - begun
        async with asyncio.timeout(_SEEN_S):
            assert await child.wait() == 0
    return took


async def by_a_worker(server: LocalServer) -> float:
    """Seconds until livekit-agents' own worker, started cold, was seen."""
    room = f"start-{secrets.token_hex(4)}"
    async with (
        viewing(server, room) as viewer,
        joined(server, room, SENDER, kind="agent"),
    ):
        picture = _watched(viewer)
        begun = time.monotonic()
        key, secret = server.api_key, server.api_secret
        async with local_avatar(server.url, key, secret, room, SENDER, AVATAR):
            return await _seen(picture) - begun


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
        ("from the start to the first picture", "median s", "max s"),
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
