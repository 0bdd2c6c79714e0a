"""`micstream` as it is, with its tasks told among the events of `--json`."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from bench.soak.tasks import tasks_told
from micstream.cli import main

T = TypeVar("T")

_run = asyncio.run


def run_telling(work: Coroutine[Any, Any, T], **options: Any) -> T:
    """Run a program's work as `asyncio.run` does, its tasks told meanwhile."""

    async def told() -> T:
        async with tasks_told():
            return await work

    return _run(told(), **options)


if __name__ == "__main__":
    vars(asyncio)["run"] = run_telling
    main()
