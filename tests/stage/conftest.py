"""Pages being served, and a client that asks for them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from testbed.staged import Staged, staged
from tests.support.staged import EVERYWHERE, settings


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def ours() -> AsyncIterator[Staged]:
    """A page on loopback."""
    async with staged(settings(room="show", avatar=["avatar-a", "b*"])) as running:
        yield running


@pytest.fixture
async def lan() -> AsyncIterator[Staged]:
    """A page for the network."""
    async with staged(settings(room="show"), host=EVERYWHERE) as running:
        yield running
