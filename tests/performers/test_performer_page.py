"""The performer's page: its server, its certificate, and a real Chromium that speaks by it."""

from __future__ import annotations

import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from livekit import rtc

from micstream.bus import Bus
from micstream.demo.server import LocalServer
from micstream.errors import UsageError
from micstream.performers.page import PerformerServer
from micstream.settings import given_token
from micstream.web.certificate import context, own
from micstream.web.serving import LOOPBACK, serving
from testbed.browser import browser, shot, shown
from testbed.rooms import viewing
from testbed.staged import settings_for
from testbed.waiting import until
from tests.support.signals import made, speech
from tests.support.staged import connection


@asynccontextmanager
async def served(
    tls: ssl.SSLContext | None = None, **more: str
) -> AsyncIterator[tuple[PerformerServer, str, aiohttp.ClientSession]]:
    """The server of two performers, its address, and a client."""
    server = PerformerServer(connection(**more), ["anna", "ben"], tls=tls is not None, bus=Bus())
    trusting = aiohttp.TCPConnector(ssl=False)
    async with (
        serving(server.app(), host=LOOPBACK, port=0, usual=0, tls=tls) as port,
        aiohttp.ClientSession(connector=trusting) as client,
    ):
        yield server, f"http{'s' if tls else ''}://127.0.0.1:{port}", client


async def test_each_link_is_one_performers_and_its_token_may_publish_a_microphone_alone() -> None:
    async with served(room="show") as (server, address, client):
        assert server.path("anna") != server.path("ben")
        async with client.post(f"{address}{server.path('anna')}session") as answer:
            said = await answer.json()
        claims = given_token.read(said["token"])
        assert (said["name"], claims["sub"], claims["kind"]) == ("anna", "anna", "standard")
        may = claims["video"]
        assert may["canPublishSources"] == ["microphone"]
        assert not may["canSubscribe"]
        assert not may["canPublishData"]
        assert claims["exp"] - time.time() < 130
        for path in ("/", "/x/", "/x/session", server.path("anna").replace("/", "/0", 1)):
            async with client.get(f"{address}{path}") as answer:
                assert answer.status == 403, path
        async with client.get(f"{address}{server.path('ben')}") as answer:
            assert answer.status == 200
            policy = answer.headers["Content-Security-Policy"]
            assert "ws://127.0.0.1:7880" in policy
            assert answer.headers["Permissions-Policy"].count("microphone=(self)") == 1
        other = {"Origin": "http://elsewhere.example"}
        async with client.post(f"{address}{server.path('ben')}session", headers=other) as answer:
            assert answer.status == 403


async def test_a_certificate_is_made_once_and_kept_for_its_owner(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    made_now = await own(["192.0.2.1", "localhost"], time.time())
    assert await own(["192.0.2.1", "localhost"], time.time()) == made_now
    assert await own(["localhost", "192.0.2.1"], time.time()) == made_now, "the network has changed"
    assert made_now[1].stat().st_mode & 0o777 == 0o600
    assert await own(["192.0.2.2"], time.time()) != made_now
    async with served(context(*made_now), room="show") as (server, address, client):
        async with client.get(f"{address}{server.path('anna')}") as answer:
            assert answer.status == 200
        async with client.post(f"{address}{server.path('anna')}session") as answer:
            said = await answer.json()
        host = urlsplit(address).netloc
        assert said["url"] == f"wss://{host}{server.path('anna')}livekit", "no ws:// from https"


def test_a_certificate_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    for name in ("a.pem", "a.key"):
        (tmp_path / name).write_text("nothing of the kind\n")
    with pytest.raises(UsageError) as refused:
        context(tmp_path / "a.pem", tmp_path / "a.key")
    assert refused.value.code == "bad_certificate"
    with pytest.raises(UsageError, match="cannot be used"):
        context(tmp_path / "none.pem", tmp_path / "none.key")


@pytest.mark.room
@pytest.mark.slow
async def test_its_microphone_comes_into_the_room_while_the_button_is_held(
    server: LocalServer, room_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On https, by our own certificate, and the signalling by our own way."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    talk = made(tmp_path / "talk.wav", speech(0, 20))
    fake = (
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={talk}",
        "--ignore-certificate-errors",
    )
    settings = settings_for(server, room_name)
    pages = PerformerServer(settings.connection(), ["anna"], tls=True, bus=Bus())
    tls = context(*await own(["127.0.0.1"], time.time()))
    async with (
        serving(pages.app(), host=LOOPBACK, port=0, usual=0, tls=tls) as port,
        viewing(server, room_name) as viewer,
        browser(*fake) as chromium,
        shown(chromium, f"https://127.0.0.1:{port}{pages.path('anna')}", size=(390, 844)) as view,
    ):

        async def connected() -> bool:
            return await view.state() == "connected"

        await until(connected, "the room")
        recording = viewer.record_sound("anna", max_s=60)

        async def receiving() -> bool:
            return recording.is_receiving

        await until(receiving, "its track")
        published = [
            each.source
            for each in viewer.room.remote_participants["anna"].track_publications.values()
        ]
        assert published == [rtc.TrackSource.SOURCE_MICROPHONE]
        await shot(view, "performer")
        assert recording.loud_s() == 0.0, "the button is not held"
        await view.page.locator("#talk").hover()
        await view.page.mouse.down()

        async def heard() -> bool:
            return recording.loud_s() > 0.5

        await until(heard, "what it hears")
        await shot(view, "performer-talks")
        await view.page.mouse.up()
        assert await view.ask("document.getElementById('talk').ariaPressed") == "false"
        levels = await view.ask(
            "getComputedStyle(document.getElementById('meter')).getPropertyValue('--level')"
        )
        assert levels.endswith("%")
        assert view.complaints == []


@pytest.mark.slow
@pytest.mark.parametrize("host", ["127.0.0.1", "micstream.test"])
async def test_it_says_what_is_wrong(host: str) -> None:
    """A microphone that is not allowed; a page without https."""
    pages = PerformerServer(connection(room="show"), ["anna"], tls=False, bus=Bus())
    codes = ("denied", "none") if host == LOOPBACK else ("insecure",)
    rules = f"--host-resolver-rules=MAP micstream.test {LOOPBACK}"
    async with (
        serving(pages.app(), host=LOOPBACK, port=0, usual=0) as port,
        browser(rules, "--deny-permission-prompts") as chromium,
        shown(chromium, f"http://{host}:{port}{pages.path('anna')}", size=(390, 844)) as view,
    ):

        async def told() -> bool:
            return await view.ask("document.documentElement.dataset.trouble") in codes

        await until(told, codes[0])
        assert await view.ask("document.getElementById('talk').disabled")
        assert await view.ask("!document.getElementById('trouble').hidden")
        await shot(view, f"performer-{codes[0]}")
        assert view.complaints == []
