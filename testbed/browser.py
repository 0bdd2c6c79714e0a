"""A real Chromium, driven by its own protocol, that shows the stage's page."""

from __future__ import annotations

import io
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.async_api import Browser, CDPSession, Page, async_playwright

from testbed.pictured import Pixels
from testbed.waiting import until

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SIZE = (1280, 720)
SHOTS = Path(__file__).resolve().parents[1] / "out/stage"
BEEP = 0.1
"""Loudness that no silence has."""

_SOUND = """
async () => {
  window.heard ??= new AudioContext();
  await window.heard.resume();
  const levels = [];
  for (const video of document.querySelectorAll("video")) {
    if (!video.meter) {
      video.meter = window.heard.createAnalyser();
      window.heard.createMediaStreamSource(video.srcObject).connect(video.meter);
    }
    const wave = new Float32Array(video.meter.fftSize);
    video.meter.getFloatTimeDomainData(wave);
    levels.push(Math.max(...wave.map(Math.abs)));
  }
  return Math.max(0, ...levels);
}
"""
_CONNECTIONS = """
window.connections = [];
const Plain = RTCPeerConnection;
window.RTCPeerConnection = function (...options) {
  const made = new Plain(...options);
  window.connections.push(made);
  return made;
};
window.RTCPeerConnection.prototype = Plain.prototype;
"""
_PLAYOUT = """
async () => {
  const moments = {};
  for (const connection of window.connections)
    for (const stats of (await connection.getStats()).values())
      if (stats.type === "inbound-rtp" && stats.estimatedPlayoutTimestamp)
        moments[stats.kind] = stats.estimatedPlayoutTimestamp;
  return moments;
}
"""
_PICTURE = """
() => [...document.querySelectorAll("video.live")].map((video) => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [64, 36];
  const pen = canvas.getContext("2d");
  pen.drawImage(video, 0, 0, 64, 36);
  return [...pen.getImageData(0, 0, 64, 36).data].join();
})
"""


def chromium() -> str:
    """Its path; the test fails where it is missing."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    pytest.fail("chromium is missing: install the package chromium")


@asynccontextmanager
async def browser(
    *arguments: str, env: Mapping[str, str] | None = None, click: bool = False
) -> AsyncIterator[Browser]:
    """A browser without a window; it plays sound at once, unless `click` says that it asks first.

    What it plays goes to the sound server of `env`, if it has one.
    """
    policy = () if click else ("--autoplay-policy=no-user-gesture-required",)
    async with async_playwright() as driver:
        running = await driver.chromium.launch(
            executable_path=chromium(),
            args=[*policy, *arguments],
            ignore_default_args=["--mute-audio"],
            env=dict(env) if env is not None else None,
        )
        try:
            yield running
        finally:
            await running.close()


class Shown:
    """A page, what it complained about, and what is to be seen and heard on it.

    It is asked by the browser's own protocol: playwright's `evaluate` counts as a user's gesture,
    and a page may play sound after one.
    """

    def __init__(self, page: Page, protocol: CDPSession) -> None:
        self.page = page
        self.protocol = protocol
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._said)

    async def ask(self, script: str) -> Any:
        """The value of an expression, a promise's too."""
        words = {"expression": script, "returnByValue": True, "awaitPromise": True}
        answer = await self.protocol.send("Runtime.evaluate", words)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def state(self) -> str:
        """What the page says of itself: connected, ..."""
        return str(await self.ask("document.documentElement.dataset.state ?? ''"))

    async def live(self) -> int:
        """How many avatars are to be seen."""
        return int(await self.ask("document.querySelectorAll('video.live').length"))

    async def pictures(self) -> list[str]:
        """What each of them shows now, small."""
        return list(await self.ask(f"({_PICTURE})()"))

    async def loudness(self) -> float:
        """The highest sample of the last 40 ms of all that plays, 0 to 1; muted or not."""
        return float(await self.ask(f"({_SOUND})()"))

    async def muted(self) -> bool:
        """Whether any avatar's element is muted."""
        return bool(await self.ask("[...document.querySelectorAll('video')].some((v) => v.muted)"))

    async def playout(self) -> dict[str, float]:
        """By `audio` and `video`, which of the sender's milliseconds the browser plays now.

        It knows only of what it keeps in step.
        """
        return dict(await self.ask(f"({_PLAYOUT})()"))

    def _said(self, message: Any) -> None:
        # A server that is away is told by the browser itself: that is no complaint of the page.
        if message.type == "error" and "net::ERR" not in message.text:
            self.complaints.append(message.text)


@asynccontextmanager
async def shown(
    running: Browser, address: str, *, size: tuple[int, int] = SIZE
) -> AsyncIterator[Shown]:
    """The page at this address, in a profile of its own."""
    width, height = size
    context = await running.new_context(viewport={"width": width, "height": height})
    try:
        await context.add_init_script(_CONNECTIONS)
        page = await context.new_page()
        view = Shown(page, await context.new_cdp_session(page))
        await view.page.goto(address)
        yield view
    finally:
        await context.close()


async def until_seen(view: Shown, count: int = 1) -> None:
    """Until so many avatars are to be seen."""

    async def seen() -> bool:
        return await view.live() == count

    await until(seen, f"{count} avatars")


async def until_heard(view: Shown) -> None:
    """Until something is to be heard."""

    async def heard() -> bool:
        return await view.loudness() > BEEP

    await until(heard, "sound")


async def until_joined(view: Shown) -> None:
    """Until the page is in the room."""

    async def joined() -> bool:
        return await view.state() == "connected"

    await until(joined, "the room")


async def shot(view: Shown, name: str) -> Pixels:
    """A screenshot, kept; what nothing was painted on is transparent in it. RGBA."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    png = await view.page.screenshot(path=SHOTS / f"{name}.png", omit_background=True)
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))
