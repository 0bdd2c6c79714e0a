"""How many asyncio tasks a program has: it says so itself, nothing outside could count them."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

EVERY_S = 1.0


@asynccontextmanager
async def tasks_told() -> AsyncIterator[None]:
    """Within the context a line on stdout every second: {"t": 1.0, "event": "tasks", "tasks": 9}.

    It does not count itself.
    """
    telling = asyncio.create_task(_tell())
    try:
        yield
    finally:
        telling.cancel()


async def _tell() -> None:
    while True:
        told = {"t": time.time(), "event": "tasks", "tasks": len(asyncio.all_tasks()) - 1}
        sys.stdout.write(f"{json.dumps(told)}\n")  # in one piece, whoever else writes
        sys.stdout.flush()
        await asyncio.sleep(EVERY_S)
