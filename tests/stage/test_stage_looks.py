"""How the stage's page looks: backgrounds, posters, layouts. Screenshots: out/stage/."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.async_api import Browser

from micstream.demo.server import LocalServer
from micstream.events import Warned
from micstream.stage.look import Look
from testbed.browser import browser, shot, shown, until_joined, until_seen
from testbed.pictured import Pixels, pictured
from testbed.staged import settings_for, staged

pytestmark = [pytest.mark.room, pytest.mark.slow]

TINTS = ((46, 58, 110), (110, 46, 58), (46, 110, 70), (104, 84, 30))
CHROMA = (0x00, 0xB1, 0x40)


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    """A browser that plays sound without being asked."""
    async with browser() as running:
        yield running


def near(pixel: Pixels, colour: tuple[int, ...], slack: int = 14) -> bool:
    """Whether it is that colour, but for what a codec does."""
    return bool(np.abs(pixel[: len(colour)].astype(int) - colour).max() <= slack)


async def test_backgrounds_and_posters(
    server: LocalServer, room_name: str, tmp_path: Path, chromium: Browser
) -> None:
    poster = tmp_path / "poster.png"
    Image.new("RGB", (400, 400), (200, 120, 20)).save(poster)
    settings = settings_for(server, room_name)
    corner = (5, 5)
    async with (
        staged(settings) as plain,
        staged(settings, Look(poster=str(poster), background="#204060")) as own,
        staged(settings, Look(background="transparent")) as clear,
    ):
        for address, name, expected in (
            (plain.address, "poster-drawn", None),
            (own.address, "poster-image", (0x20, 0x40, 0x60, 255)),
            (f"{own.address}?fit=fill", "poster-image-fill", (200, 120, 20, 255)),
            (f"{own.address}?poster=none", "poster-none", (0x20, 0x40, 0x60, 255)),
            (clear.address, "transparent-empty", (0, 0, 0, 0)),
            (f"{clear.address}?background=chroma", "chroma-empty", (*CHROMA, 255)),
            (f"{clear.address}?background=nonsense", "nonsense", (0, 0, 0, 0)),
        ):
            async with shown(chromium, address) as view:
                await until_joined(view)
                await view.page.wait_for_load_state("networkidle")
                seen = await shot(view, name)
                if expected is not None:
                    assert near(seen[corner], expected, 2), name
                else:
                    assert len(np.unique(seen.reshape(-1, 4), axis=0)) > 50, "something drawn"
                assert view.complaints == []


async def test_an_avatars_own_backdrop_is_taken_out(
    server: LocalServer, room_name: str, chromium: Browser
) -> None:
    seen = {}
    async with (
        staged(settings_for(server, room_name), Look(background="#204060")) as ours,
        pictured(server, room_name, tint=CHROMA),
    ):
        for query in ("", "key=%2300b140", "key=#00b140", "key=red", "key=grey"):
            async with shown(chromium, f"{ours.address}?{query}") as view:
                await until_seen(view)
                await asyncio.gather(*(view.pictures() for _ in range(3)))
                name = "key-" + "".join(filter(str.isalnum, query))
                seen[query] = await shot(view, name)
                assert view.complaints == []
    backdrop, black = (600, 640), (20, 620)  # the highest bit of its number
    for query in ("", "key=red", "key=grey"):
        assert near(seen[query][backdrop], CHROMA), query
    for query in ("key=%2300b140", "key=#00b140"):
        assert near(seen[query][backdrop], (0x20, 0x40, 0x60)), query
        assert near(seen[query][black], seen[""][black]), "what is no backdrop stays"
    unusable = [each.message for each in ours.events if isinstance(each, Warned)]
    assert len(unusable) == 1 and "key=grey" in unusable[0]


async def test_what_a_link_cannot_mean_is_told_and_left_out(
    server: LocalServer, room_name: str, chromium: Browser
) -> None:
    words = "fit=xx&background=inherit&mirror=perhaps&backgroud=red&FIT=fill&sound=off&overlay"
    async with (
        staged(settings_for(server, room_name), Look(background="#204060")) as ours,
        shown(chromium, f"{ours.address}?{words}") as view,
    ):
        await until_joined(view)
        said = " ".join(each.message for each in ours.events if isinstance(each, Warned))
        for unused in ("fit=xx", "background=inherit", "mirror=perhaps", "backgroud=", "FIT=fill"):
            assert unused in said
            assert f"{unused}" in await view.page.inner_text("#overlay"), unused
        assert "sound=" not in said
        assert await view.ask("document.documentElement.className") == "empty"
        background = "document.documentElement.style.getPropertyValue('--background')"
        assert await view.ask(background) == "#204060"


async def test_layouts(server: LocalServer, room_name: str, chromium: Browser) -> None:
    async with AsyncExitStack() as stack:
        ours = await stack.enter_async_context(
            staged(settings_for(server, room_name), Look(background="transparent"))
        )
        for count in range(1, 5):
            name, size = f"avatar-{count}", (640, 360)
            await stack.enter_async_context(
                pictured(server, room_name, name, size=size, tint=TINTS[count - 1])
            )
            async with shown(chromium, ours.address) as view:
                await until_seen(view, count)
                await asyncio.gather(*(view.pictures() for _ in range(3)))
                seen = await shot(view, f"avatars-{count}")
                places = {
                    1: [(700, 600)],
                    2: [(500, 300), (500, 900)],
                    3: [(330, 40), (330, 1240), (700, 640)],
                    4: [(330, 40), (330, 1240), (700, 40), (700, 1240)],
                }[count]
                for place, tint in zip(places, TINTS, strict=False):
                    assert near(seen[place], tint), (count, place, seen[place])
        async with shown(chromium, ours.address, size=(720, 1280)) as view:
            await until_seen(view, 4)
            await shot(view, "avatars-4-upright")


async def test_fit_fill_and_mirror(server: LocalServer, room_name: str, chromium: Browser) -> None:
    async with (
        staged(settings_for(server, room_name), Look(background="chroma")) as ours,
        pictured(server, room_name, size=(960, 720)),
    ):
        seen = {}
        for query in ("", "fit=fill", "mirror"):
            async with shown(chromium, f"{ours.address}?{query}") as view:
                await until_seen(view)
                seen[query] = await shot(view, f"look-{query or 'fit'}".replace("=", "-"))
        # 4:3 on a page of 16:9: bars at the sides, or cut off above and below.
        for query, bars in (("", True), ("mirror", True), ("fit=fill", False)):
            assert near(seen[query][360, 40], CHROMA, 2) == bars, query
            assert near(seen[query][700, 640], TINTS[0]), "the picture, whole or cut off"
        # The number's highest bits, all black, end at the 640th of 960 pixels.
        left, right = (20, 160 + 600), (20, 1120 - 600)
        assert near(seen[""][left], (0, 0, 0)) and near(seen["mirror"][right], (0, 0, 0))
        outer = 1120 - 40
        assert near(seen[""][20, outer], TINTS[0]) and not near(seen["mirror"][20, outer], TINTS[0])
