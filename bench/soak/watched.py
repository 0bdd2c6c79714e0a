"""`micstream` as it is, with its tasks told among the events of `--json`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ParamSpec

from bench.soak.tasks import tasks_told
from micstream.cli import live, main, play

P = ParamSpec("P")


def telling(work: Callable[P, Awaitable[None]]) -> Callable[P, Awaitable[None]]:
    """The same work, its tasks told meanwhile."""

    async def told(*args: P.args, **kwargs: P.kwargs) -> None:
        async with tasks_told():
            await work(*args, **kwargs)

    return told


if __name__ == "__main__":
    live.listen = telling(live.listen)  # type: ignore[assignment]
    play.play_files = telling(play.play_files)  # type: ignore[assignment]
    main()
