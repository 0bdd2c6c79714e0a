"""An empty stage in a real Chromium: no avatar is told from no connection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from playwright.async_api import Browser

from micstream.demo.server import LocalServer
from micstream.settings import Settings
from micstream.stage.look import Look
from testbed.browser import Shown, browser, shot, shown, until_joined
from testbed.staged import settings_for, staged
from testbed.waiting import until

pytestmark = [pytest.mark.room, pytest.mark.slow]


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    """A browser."""
    async with browser() as running:
        yield running


async def test_an_empty_stage_says_whether_it_is_in_the_room(
    server: LocalServer, room_name: str, chromium: Browser
) -> None:
    sign = "getComputedStyle(document.getElementById('sign')).display"
    words = "document.getElementById('sign').textContent"
    settings = settings_for(server, room_name)
    nowhere = settings.model_copy(update={"url": "ws://127.0.0.1:1"})

    async def says(view: Shown, expected: str) -> None:
        async def said() -> bool:
            return await view.ask(sign) == "block" and expected in await view.ask(words)

        await until(said, expected)

    async with shown_after_its_server_has_gone(settings, chromium) as view:
        await says(view, "micstream stage does not answer")
        await shot(view, "no-connection")
    async with staged(nowhere) as ours, shown(chromium, ours.address) as view:
        await says(view, "the room cannot be joined")
    async with (
        staged(nowhere, Look(background="chroma")) as ours,
        shown(chromium, f"{ours.address}?overlay") as view,
    ):
        await until_cut_off(view)
        assert await view.ask(sign) == "none", "a mixer would put it on the air"
        assert "the room cannot be joined" in await view.page.inner_text("#overlay")
    async with (
        staged(settings) as ours,
        shown(chromium, f"{ours.address}?overlay") as view,
    ):
        await until_joined(view)
        await until_told(view, "no avatar there")
        assert await view.ask(sign) == "none"
        await shot(view, "no-avatar")


@asynccontextmanager
async def shown_after_its_server_has_gone(
    settings: Settings, chromium: Browser
) -> AsyncIterator[Shown]:
    """A page whose `micstream stage` and LiveKit's server have gone."""
    gone = settings.model_copy(update={"url": "ws://127.0.0.1:1"})
    async with AsyncExitStack() as stack:
        async with staged(gone) as ours:
            view = await stack.enter_async_context(shown(chromium, ours.address))
            await until_cut_off(view)
        yield view


async def until_cut_off(view: Shown) -> None:
    """Until it has been without a connection for a while."""

    async def cut_off() -> bool:
        return bool(await view.ask("document.documentElement.classList.contains('cut-off')"))

    await until(cut_off, "no connection for a while")


async def until_told(view: Shown, words: str) -> None:
    """Until its line says so."""

    async def told() -> bool:
        return words in await view.page.inner_text("#overlay")

    await until(told, words)
