"""An operator's page in Chromium: seen by its lights, pressed by fingers, mouse and keys."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from playwright.async_api import Browser

from testbed.browser import Shown
from testbed.waiting import until

SHOTS: Final = Path(__file__).resolve().parents[2] / "out/control"
TABLET: Final = (1024, 768)
DOCK: Final = (300, 900)


class Operator(Shown):
    """A page of an operator's."""

    async def text(self, id: str) -> str:
        """What is written there, and seen."""
        return str(await self.ask(f"document.getElementById('{id}').innerText")).strip()

    async def attribute(self, selector: str, name: str) -> str | None:
        """An attribute's value."""
        found = await self.ask(f"document.querySelector('{selector}').getAttribute('{name}')")
        return None if found is None else str(found)

    async def until_says(self, id: str, text: str) -> None:
        """Until it is written there."""

        async def says() -> bool:
            return text in await self.text(id)

        await until(says, f"{text} in {id}")

    async def until_is(self, selector: str, name: str, value: str | None) -> None:
        """Until an attribute is that."""

        async def is_so() -> bool:
            return await self.attribute(selector, name) == value

        await until(is_so, f"{name} of {selector} to be {value}")

    async def until_good(self) -> None:
        """Until it has its line."""
        await self.until_is("html", "data-line", "good")

    async def middle(self, selector: str) -> tuple[float, float]:
        """Where to press."""
        box = await self.page.locator(selector).bounding_box()
        assert box is not None
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    async def touch(self, *selectors: str) -> None:
        """Put a finger on each of these; none: all are lifted."""
        places = [await self.middle(selector) for selector in selectors]
        points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
        kind = "touchStart" if points else "touchEnd"
        await self.protocol.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    async def cancel_touch(self) -> None:
        """As when the system takes the finger for itself: a swipe from the edge, a call."""
        what = {"type": "touchCancel", "touchPoints": []}
        await self.protocol.send("Input.dispatchTouchEvent", what)

    async def far_key(self, key: str, *, down: bool) -> None:
        """A key that no keyboard has, as pedals send it."""
        kind = "rawKeyDown" if down else "keyUp"
        what = {"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": 124}
        await self.protocol.send("Input.dispatchKeyEvent", what)

    async def shot(self, name: str) -> None:
        """Screenshot, kept to be looked at."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=SHOTS / f"{name}.png")


@asynccontextmanager
async def operator(
    running: Browser, address: str, *, size: tuple[int, int] = TABLET, touch: bool = False
) -> AsyncIterator[Operator]:
    """The page at this address, in a profile of its own, once it has its line."""
    width, height = size
    context = await running.new_context(
        viewport={"width": width, "height": height}, has_touch=touch
    )
    try:
        page = await context.new_page()
        view = Operator(page, await context.new_cdp_session(page))
        await page.goto(address)
        await view.until_good()
        yield view
    finally:
        async with asyncio.timeout(10):
            await context.close()
