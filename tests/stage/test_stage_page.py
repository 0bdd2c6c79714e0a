"""The stage's page in a real Chromium, in a real room. Screenshots: out/stage/."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import aiohttp
import pytest
from livekit import rtc
from livekit.rtc.participant import PublishDataError
from playwright.async_api import Browser

from micstream import Sender
from micstream.demo.server import LocalServer
from micstream.stage.link import own_address
from testbed.browser import (
    BEEP,
    browser,
    shot,
    shown,
    until_heard,
    until_joined,
    until_seen,
)
from testbed.pictured import pictured
from testbed.ports import own_port
from testbed.rooms import joined
from testbed.speech import MONOLOGUE, samples
from testbed.staged import settings_for, staged
from testbed.waiting import stays, until, wait_until
from tests.conftest import SENDER, AvatarFactory

pytestmark = [pytest.mark.room, pytest.mark.slow]


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    """A browser that plays sound without being asked."""
    async with browser() as running:
        yield running


async def test_the_avatar_speaks_on_the_page(
    server: LocalServer, room_name: str, avatar: AvatarFactory, chromium: Browser
) -> None:
    settings = settings_for(server, room_name)
    pcm = samples(MONOLOGUE)[: 9 * 16_000].tobytes()
    async with (
        staged(settings) as ours,
        shown(chromium, ours.address) as view,
        avatar(room_name),
        Sender(
            url=server.url,
            api_key=server.api_key,
            api_secret=server.api_secret,
            room=room_name,
            identity=SENDER,
        ) as sender,
    ):
        await sender.wait_ready(30)
        await until_seen(view)
        async with sender.utterance(rate=16_000) as utterance:
            await utterance.write(pcm)
        spoken: set[str] = set()

        async def moves() -> bool:
            if await view.loudness() > BEEP:
                spoken.update(await view.pictures())
            return len(spoken) > 5

        await until(moves, "a picture that moves while speech plays")
        assert not await view.muted()
        tracks = "document.querySelector('video').srcObject.getTracks().map((t) => t.kind).sort()"
        assert await view.ask(tracks) == ["audio", "video"], "one stream, in step"
        await shot(view, "speaking")
        assert view.complaints == []


async def test_picture_and_sound_are_kept_in_step(
    server: LocalServer, room_name: str, chromium: Browser
) -> None:
    """By the browser itself: the server gives it each track as a stream of its own."""
    async with (
        staged(settings_for(server, room_name)) as ours,
        shown(chromium, ours.address) as view,
        pictured(server, room_name),
    ):
        await until_seen(view)

        async def in_step() -> bool:
            return (await view.playout()).keys() == {"audio", "video"}

        await until(in_step, "that it knows both moments")

        async def near() -> bool:
            moments = await view.playout()
            both = moments.keys() == {"audio", "video"}
            return both and abs(moments["audio"] - moments["video"]) < 100

        await until(near, "that both are the same moment")


async def test_only_the_avatars_are_seen_and_heard(
    server: LocalServer, room_name: str, chromium: Browser
) -> None:
    settings = settings_for(server, room_name, avatar=["avatar-a", "b*"])
    async with (
        staged(settings) as ours,
        shown(chromium, ours.address) as view,
        pictured(server, room_name, "avatar-b"),
        pictured(server, room_name, "avatar-a", kind="standard"),
        pictured(server, room_name, "helper", picture=False),
    ):
        await until_joined(view)
        async with pictured(server, room_name, "bert"):
            await until_seen(view)
            await until_heard(view)
        await until_seen(view, 0)
        assert await view.page.locator("video").count() == 0
        async with shown(chromium, f"{ours.address}?avatar=avatar-b") as chosen:
            await until_seen(chosen)
            assert await view.live() == 0
        assert view.complaints == []


async def test_it_comes_back_after_a_restart_of_the_livekit_server(
    server_binary: Path, tmp_path: Path, room_name: str, chromium: Browser
) -> None:
    own = LocalServer(server_binary, tmp_path / "server.log")
    await own.start()
    try:
        async with (
            staged(settings_for(own, room_name)) as ours,
            shown(chromium, ours.address) as view,
        ):
            async with pictured(own, room_name):
                await until_seen(view)
                await own.kill()
            await until_seen(view, 0)
            await own.start()
            async with pictured(own, room_name):
                await until_seen(view)
                await until_heard(view)
            assert len(ours.events) >= 2, "each joining has a token of its own"
            assert view.complaints == []
    finally:
        await own.stop()


async def test_it_waits_for_our_own_server_too(
    server_binary: Path, tmp_path: Path, room_name: str, chromium: Browser
) -> None:
    own = LocalServer(server_binary, tmp_path / "server.log")
    await own.start()
    settings = settings_for(own, room_name)
    try:
        async with AsyncExitStack() as stack:
            port = own_port()
            async with staged(settings, port=port) as ours:
                view = await stack.enter_async_context(shown(chromium, ours.address))
                await until_joined(view)
            async with pictured(own, room_name):
                await until_seen(view)  # without our server, as long as the connection holds
            # Gone until the SDK has given up: by itself it comes back with the token that it has.
            await own.stop()

            async def away() -> bool:
                return "micstream stage does not answer" in await view.state()

            await until(away, "that nobody gives it a token", 60)
            await own.start()
            async with staged(settings, port=port), pictured(own, room_name):
                await until_seen(view)
            assert view.complaints == []
    finally:
        await own.stop()


async def test_one_click_for_sound_where_the_browser_asks_for_it(
    server: LocalServer, room_name: str
) -> None:
    async with (
        browser("--autoplay-policy=document-user-activation-required", click=True) as running,
        staged(settings_for(server, room_name)) as ours,
        pictured(server, room_name),
        shown(running, ours.address) as view,
    ):
        await until_seen(view)
        await until(view.muted, "silence until somebody clicks")
        button = view.page.get_by_text("click for sound")
        first = await view.pictures()

        async def moves() -> bool:
            return await view.pictures() != first

        await until(moves, "a picture that moves without sound")
        await shot(view, "click-for-sound")
        assert await button.is_visible()
        await button.click()
        await button.wait_for(state="hidden")
        assert not await view.muted()
        await until_heard(view)
        await view.page.keyboard.press("m")
        assert await view.muted()
        assert not await button.is_visible()


async def test_no_click_is_asked_for_where_it_plays(
    server: LocalServer, room_name: str, chromium: Browser
) -> None:
    async with (
        staged(settings_for(server, room_name)) as ours,
        pictured(server, room_name),
        shown(chromium, ours.address) as view,
        shown(chromium, f"{ours.address}?sound=off") as silent,
    ):
        for each in (view, silent):
            await until_seen(each)
            await until_heard(each)
            assert not await each.page.get_by_text("click for sound").is_visible()
        assert not await view.muted()
        assert await silent.muted()


async def test_keys_pointer_and_screen(
    server: LocalServer, room_name: str, chromium: Browser
) -> None:
    async with (
        staged(settings_for(server, room_name)) as ours,
        pictured(server, room_name),
        shown(chromium, ours.address) as view,
    ):
        await until_seen(view)
        overlay, keys = view.page.locator("#overlay"), view.page.locator("#keys")
        assert not await overlay.is_visible()
        await view.page.keyboard.press("o")

        async def told() -> bool:
            said = await overlay.inner_text()
            words = ("connected", "avatar-test", "720 at 2", " ms")
            return all(word in said for word in words)

        await until(told, "state and delay")
        await view.page.keyboard.press("?")
        assert "full screen" in await keys.inner_text()
        await shot(view, "overlay-and-keys")
        for key in "o?":
            await view.page.keyboard.press(key)
        assert not await overlay.is_visible()
        assert not await keys.is_visible()

        async def pointer() -> str:
            script = "getComputedStyle(document.querySelector('video')).cursor"
            return str(await view.ask(script))

        async def hidden() -> bool:
            return await pointer() == "none"

        await until(hidden, "no pointer")

        async def back() -> bool:
            await view.page.mouse.move(300, 300)
            await view.page.mouse.move(310, 300)
            return await pointer() == "auto"

        await until(back, "the pointer")


async def test_the_screen_is_kept_awake(
    server: LocalServer, room_name: str, chromium: Browser
) -> None:
    async with staged(settings_for(server, room_name)) as ours:
        context = await chromium.new_context()
        await context.add_init_script(
            "navigator.wakeLock.request = async (kind) => { window.awake = kind; return {}; };"
        )
        page = await context.new_page()
        await page.goto(ours.address)
        await page.wait_for_function("window.awake === 'screen'")
        await context.close()


async def test_a_tablet_on_the_network(
    server_binary: Path, tmp_path: Path, room_name: str, chromium: Browser
) -> None:
    """Under an address that browsers do not trust as they trust localhost, and by key."""
    address = own_address()
    assert address, "a network to be reached in"
    own = LocalServer(server_binary, tmp_path / "server.log", address=address)
    await own.start()
    try:
        async with (
            staged(settings_for(own, room_name, insecure=True), host="0.0.0.0") as ours,
            pictured(own, room_name),
            shown(chromium, ours.address, size=(1024, 768)) as view,
        ):
            assert await view.ask("isSecureContext") is False
            await until_seen(view)
            await until_heard(view)
            assert view.complaints == []
            await shot(view, "tablet")
            wrong = ours.address[:-2] + ("0/" if ours.address[-2] != "0" else "1/")
            async with shown(chromium, wrong) as refused:
                assert "does not lead to the stage" in await refused.page.inner_text("h1")
                await shot(refused, "wrong-key")
    finally:
        await own.stop()


async def test_nothing_can_be_sent_with_its_token(server: LocalServer, room_name: str) -> None:
    """The token of a page, in the hands of one that tries."""
    async with (
        staged(settings_for(server, room_name)) as ours,
        aiohttp.ClientSession() as client,
        joined(server, room_name, "viewer") as viewer,
    ):
        async with client.post(f"{ours.address}session") as answer:
            session = await answer.json()
        got: list[object] = []
        viewer.on("data_received", got.append)
        intruder = rtc.Room()
        await intruder.connect(session["url"], session["token"])
        me = intruder.local_participant
        track = rtc.LocalAudioTrack.create_audio_track("a", rtc.AudioSource(16_000, 1))
        publishing = asyncio.create_task(me.publish_track(track))
        try:
            await wait_until(lambda: viewer.remote_participants, 10, "it is in the room")
            await me.set_metadata("x")  # the SDK does not tell that it was refused
            with suppress(PublishDataError):
                await me.publish_data("x")
            with pytest.raises(rtc.RpcError):
                await me.perform_rpc(destination_identity="viewer", method="x", payload="")
            await stays(lambda: not publishing.done() or publishing.exception(), 1.5, "published")
            (seen,) = viewer.remote_participants.values()
            assert (seen.track_publications, seen.metadata, got) == ({}, "", [])
        finally:
            publishing.cancel()
            await asyncio.wait([publishing])
            await intruder.disconnect()


async def test_what_the_browser_pauses_plays_on(
    server: LocalServer, room_name: str, chromium: Browser
) -> None:
    """A tab that was hidden, a locked screen, a call: nobody is there to press play."""
    async with (
        staged(settings_for(server, room_name)) as ours,
        pictured(server, room_name, "avatar-test"),
        shown(chromium, ours.address) as view,
    ):
        await until_seen(view)

        async def plays() -> bool:
            return not await view.ask("document.querySelector('video').paused")

        await until(plays, "the picture")
        await view.ask("document.querySelector('video').pause()")
        await until(plays, "the picture, once it was paused")
        for event in (
            "document.dispatchEvent(new Event('visibilitychange'))",
            "window.dispatchEvent(new Event('pageshow'))",
        ):
            # As where the pause itself was told while the page was hidden.
            await view.ask(
                "for (const video of document.querySelectorAll('video'))"
                " video.addEventListener('pause', (e) => e.stopImmediatePropagation(), true)"
            )
            await view.ask(f"document.querySelector('video').pause(); {event}")
            await until(plays, f"the picture after {event}")
        assert view.complaints == []


REFUSES = """
const play = HTMLMediaElement.prototype.play;
let touched = false;
addEventListener("pointerup", () => { touched = true; }, { capture: true });
HTMLMediaElement.prototype.play = function () {
  if (touched) return play.call(this);
  return Promise.reject(new DOMException("low power", "NotAllowedError"));
};
"""


async def test_a_browser_that_plays_nothing_without_a_touch_shows_the_button(
    server: LocalServer, room_name: str, chromium: Browser
) -> None:
    """Not even a muted picture, as with little power left."""
    async with (
        staged(settings_for(server, room_name)) as ours,
        pictured(server, room_name, "avatar-test"),
        shown(chromium, ours.address) as view,
    ):
        await view.page.add_init_script(REFUSES)
        await view.page.reload()
        hidden = "document.getElementById('sound').hidden"

        async def asks() -> bool:
            return not await view.ask(hidden)

        await until(asks, "the button")
        await view.page.mouse.click(300, 300)
        await until_seen(view)
        assert await view.ask(hidden)
        assert not await view.ask("document.querySelector('video').paused")
