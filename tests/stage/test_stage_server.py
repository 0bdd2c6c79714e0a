"""The stage's server: who gets what from it, without a browser."""

from __future__ import annotations

import datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from micstream.bus import Bus
from micstream.cli.stage import page
from micstream.errors import InputError, MicstreamError, UsageError
from micstream.events import StagePage
from micstream.room.token import mint
from micstream.stage import link as stage_link
from micstream.stage import server as stage_server
from micstream.stage.addresses import Interface
from micstream.stage.admission import passes
from micstream.stage.link import is_known, link, links, qr
from micstream.stage.look import Look
from micstream.web.admission import has_key, is_key, key_for, named_as_here
from testbed.staged import Staged, staged
from tests.support.staged import EVERYWHERE, SECRET, connection, here, settings


async def test_the_page_and_its_parts(ours: Staged, client: aiohttp.ClientSession) -> None:
    for name, kind, words in (
        ("", "text/html", "stage.js"),
        ("stage.js", "text/javascript", "session"),
        ("stage.css", "text/css", "video"),
    ):
        async with client.get(ours.address + name) as answer:
            assert answer.status == 200
            assert answer.content_type == kind
            assert words in await answer.text()
    for name in ("index.html", "static/stage.js", "stage_js", "poster", "../server.py", "LICENCES"):
        async with client.get(ours.address + name) as answer:
            assert answer.status == 404


async def test_a_session_is_for_watching_one_room(
    ours: Staged, client: aiohttp.ClientSession
) -> None:
    async with client.post(ours.address + "session") as answer:
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "no-store"
        session = await answer.json()
    assert session["url"] == "ws://127.0.0.1:7880"
    assert session["avatars"] == ["avatar-a", "b*"]
    assert session["look"] == {
        "background": "black",
        "fit": "fit",
        "mirror": False,
        "poster": "auto",
        "sound": True,
    }
    claims = jwt.decode(session["token"], SECRET, ["HS256"])
    assert claims["kind"] == "standard"
    assert claims["sub"].startswith("stage-")
    assert claims["exp"] - claims["nbf"] <= 120
    assert claims["video"] == {
        "roomJoin": True,
        "room": "show",
        "canPublish": False,
        "canPublishData": False,
        "canSubscribe": True,
        "canUpdateOwnMetadata": False,
    }
    async with client.post(ours.address + "session") as answer:
        other = jwt.decode((await answer.json())["token"], SECRET, ["HS256"])
    assert other["sub"] != claims["sub"], "two pages would throw each other out"
    assert [type(event) for event in ours.events] == [StagePage, StagePage]
    async with client.get(ours.address + "session") as answer:
        assert answer.status == 405, "a link alone asks for nothing"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_another_page_in_somebodys_browser_gets_no_session(
    ours: Staged, client: aiohttp.ClientSession, headers: dict[str, str]
) -> None:
    async with client.post(ours.address + "session", headers=headers) as answer:
        assert answer.status == 403
        assert "token" not in await answer.text()
    assert ours.events == []
    own = {"Origin": ours.address.rstrip("/"), "Sec-Fetch-Site": "same-origin"}
    async with client.post(ours.address + "session", headers=own) as answer:
        assert answer.status == 200


async def test_the_secret_is_in_no_answer(
    ours: Staged, lan: Staged, client: aiohttp.ClientSession
) -> None:
    for running in (ours, lan):
        for method, name in (
            *(("GET", each) for each in ("", "stage.js", "stage.css", "none")),
            ("POST", "session"),
        ):
            async with client.request(method, running.address + name) as answer:
                said = f"{await answer.text()}{dict(answer.headers)}"
                assert SECRET not in said


async def test_every_answer_is_guarded(
    ours: Staged, lan: Staged, client: aiohttp.ClientSession
) -> None:
    for address in (ours.address, ours.address + "none", here(lan) + "/", here(ours) + "/healthz"):
        async with client.get(address) as answer:
            headers = answer.headers
            policy = headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert "connect-src 'self' ws://127.0.0.1:7880 http://127.0.0.1:7880;" in policy
            assert headers["Referrer-Policy"] == "no-referrer"
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Server"] == "micstream"
            assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8420", "127.0.0.1.evil.example", "192.168.1.5", "[::2]"]
)
async def test_on_loopback_only_a_name_of_this_machine_will_do(
    ours: Staged, client: aiohttp.ClientSession, host: str
) -> None:
    for method, name in (("GET", ""), ("GET", "stage.js"), ("POST", "session")):
        async with client.request(method, ours.address + name, headers={"Host": host}) as answer:
            assert answer.status == 403
    assert ours.events == []
    assert not named_as_here(host)


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:80", "127.0.0.1:8420", "[::1]", "[::1]:9"]
)
def test_names_of_this_machine(host: str) -> None:
    assert named_as_here(host)


async def test_and_the_names_that_it_was_given(client: aiohttp.ClientSession) -> None:
    serving = page(settings(), Look(), host="127.0.0.2", port=0, link_host="hall.test", bus=Bus())
    async with serving as served:
        address = served.link
        assert urlsplit(address).hostname == "hall.test"
        port = urlsplit(address).port
        for name, status in (("hall.test", 200), ("127.0.0.2", 200), ("127.0.0.3", 403)):
            asked = client.get(f"http://127.0.0.2:{port}/", headers={"Host": f"{name}:{port}"})
            async with asked as answer:
                assert answer.status == status, name


async def test_on_a_network_the_key_is_asked_for(
    lan: Staged, client: aiohttp.ClientSession
) -> None:
    key = urlsplit(lan.address).path.strip("/")
    assert len(key) == 32
    for wrong in ("", "/", "/0", f"/{key[:-1]}/", f"/{key}0/", f"/{key.upper()}x/", "/stage.js"):
        async with client.get(here(lan) + wrong) as answer:
            assert answer.status == 403
            assert "the whole link" in await answer.text()
            assert key not in await answer.text()
    for wrong in ("session", f"{'0' * 32}/session", "%ff/session"):
        async with client.post(f"{here(lan)}/{wrong}") as answer:
            assert answer.status == 403
    assert lan.events == []
    async with client.get(f"{here(lan)}/{key}?fit=fill") as answer:
        assert answer.status == 200, "a slash left out"
        assert answer.url.path == f"/{key}/"
        assert answer.url.query_string == "fit=fill"
    address = URL(f"{here(lan)}/{key}?background=%23204060", encoded=True)
    async with client.get(address, allow_redirects=False) as answer:
        assert answer.headers["Location"] == f"/{key}/?background=%23204060", "a colour stays one"
    async with client.post(f"{here(lan)}/{key}/session") as answer:
        assert answer.status == 200


async def test_its_health_is_told_to_all(
    ours: Staged, lan: Staged, client: aiohttp.ClientSession
) -> None:
    for running in (ours, lan):
        for headers in ({}, {"Host": "stage.internal"}):
            async with client.get(here(running) + "/healthz", headers=headers) as answer:
                assert answer.status == 200
                assert await answer.json() == {"status": "ok"}


def test_the_key_is_of_the_room_and_the_secret_and_stays() -> None:
    key = key_for(connection(room="show"))
    assert key == key_for(connection(room="show", avatar=["x"], url="ws://else"))
    others = {
        key_for(connection(room="Show")),
        key_for(connection(room="show", api_secret=SECRET[1:])),
    }
    assert len(others | {key}) == 3


@given(st.text(max_size=40))
def test_no_other_word_is_the_key(word: str) -> None:
    key = key_for(connection())
    assert is_key(key, word) == (key == word)


@pytest.mark.parametrize(
    ("path", "has"),
    [("/k/", True), ("/k", True), ("/k/socket", True), ("/", False), ("/kk/", False), ("*", False)],
)
def test_a_path_has_the_key_as_its_first_part(path: str, has: bool) -> None:
    assert has_key("k", path) == has


async def test_a_poster_of_ones_own(tmp_path: Path, client: aiohttp.ClientSession) -> None:
    poster = tmp_path / "Our Hall.SVG"
    poster.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    async with staged(settings(), Look(poster=str(poster))) as running:
        async with client.get(running.address + "poster") as answer:
            assert answer.status == 200
            assert answer.content_type == "image/svg+xml"
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        async with client.post(running.address + "session") as answer:
            assert (await answer.json())["look"]["poster"] == "image"


@pytest.mark.parametrize(
    ("look", "words"),
    [
        (Look(background="url(x)"), "--background"),
        (Look(background="#12"), "--background"),
        (Look(background=""), "--background"),
        (Look(poster="nowhere.png"), "no such file"),
        (Look(poster="README.md"), "is no image"),
        (Look(poster=".png"), "is no image"),
    ],
)
async def test_looks_that_cannot_be_used(look: Look, words: str) -> None:
    with pytest.raises((UsageError, InputError), match=words) as caught:
        await staged(settings(), look).__aenter__()
    assert caught.value.hint


def given_token(**changes: Any) -> str:
    made = mint(
        api_key="key",
        api_secret=SECRET,
        room="show",
        identity="hall",
        kind="standard",
        ttl=datetime.timedelta(hours=1),
    )
    claims = jwt.decode(made, SECRET, ["HS256"])
    video = claims["video"] | changes.pop("video", {})
    return jwt.encode({**claims, **changes, "video": video}, SECRET, "HS256")


def test_without_a_secret_a_watchers_token_is_handed_on() -> None:
    token = given_token()
    assert passes(connection(api_secret=None, token=token, room="show"))() == token


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "agent"}, "of kind 'agent'"),
        ({"video": {"canPublish": True}}, "more than watch"),
        ({"video": {"canPublish": None}}, "more than watch"),
        ({"video": {"canPublishData": True}}, "more than watch"),
        ({"video": {"roomAdmin": True}}, "more than watch"),
        ({"video": {"room": "other"}}, "for the room 'other'"),
    ],
)
def test_no_other_token_is(changes: dict[str, Any], words: str) -> None:
    token = given_token(**changes)
    if changes.get("video") == {"canPublish": None}:  # LiveKit: what is not said is allowed
        claims = jwt.decode(token, SECRET, ["HS256"])
        del claims["video"]["canPublish"]
        token = jwt.encode(claims, SECRET, "HS256")
    with pytest.raises(UsageError, match=words) as caught:
        passes(connection(api_secret=None, token=token, room="show"))
    assert token not in str(caught.value)


def test_without_either_it_says_what_is_missing() -> None:
    with pytest.raises(UsageError, match="LIVEKIT_API_SECRET is not set"):
        passes(connection(api_secret=None))


async def test_a_page_that_is_not_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_server, "_STATIC", tmp_path)
    with pytest.raises(MicstreamError) as caught:
        await staged(settings()).__aenter__()
    assert caught.value.code == "page_missing"
    assert "make page" in caught.value.hint


async def test_the_usual_port_or_else_a_free_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert stage_server.PORT == 8420
    async with staged(settings()) as any_free:
        usual = urlsplit(any_free.address).port
    monkeypatch.setattr(stage_server, "PORT", usual)
    async with staged(settings(), port=None) as one, staged(settings(), port=None) as two:
        assert urlsplit(one.address).port == usual
        assert urlsplit(two.address).port != usual


async def test_a_port_that_is_taken() -> None:
    async with staged(settings()) as running:
        with pytest.raises(MicstreamError, match="is in use") as caught:
            await staged(settings(), port=urlsplit(running.address).port).__aenter__()
    assert (caught.value.code, caught.value.exit_code) == ("port_in_use", 1)


@pytest.mark.parametrize("host", ["192.0.2.7", "no-such-host.invalid"])
async def test_a_host_that_is_not_ours(host: str) -> None:
    with pytest.raises(UsageError, match="--host"):
        await staged(settings(), host=host).__aenter__()


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        (
            "wss://a.livekit.cloud",
            "wss://a.livekit.cloud https://a.livekit.cloud "
            "wss://*.livekit.cloud https://*.livekit.cloud",
        ),
        ("https://h.example:7443/x", "wss://h.example:7443 https://h.example:7443"),
        ("ws://[::1]:7880", "ws: http:"),
    ],
)
async def test_the_page_may_talk_to_its_own_servers_alone(
    url: str, allowed: str, client: aiohttp.ClientSession
) -> None:
    async with staged(settings(url=url)) as running, client.get(running.address) as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert f"connect-src 'self' {allowed}; base-uri" in policy


def test_links() -> None:
    assert link("::1", 80, "/") == "http://[::1]:80/"
    assert link("hall.local", 80, "/k/") == "http://hall.local:80/k/"
    assert "0.0.0.0" not in link(EVERYWHERE, 80, "/")
    assert link("::", 80, "/").startswith("http://["), "who listens by IPv6 is reached by it"


@pytest.mark.parametrize(("host", "known"), [("192.0.2.7", True), ("hall", True), ("::1", True)])
def test_a_host_that_is_named_is_known(host: str, known: bool) -> None:
    assert is_known(host) is known


def test_where_no_network_is_the_link_leads_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_link, "own_address", lambda version=4: None)
    monkeypatch.setattr(stage_link, "found", list)
    assert not is_known(EVERYWHERE)
    assert not is_known("::")
    assert link(EVERYWHERE, 80, "/") == "http://127.0.0.1:80/"


def test_a_machine_on_several_networks_has_a_link_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    both = [
        Interface(ip_address("10.8.0.2"), "tun0", 0x11),
        Interface(ip_address("192.168.1.7"), "wlan0", 0x1),
        Interface(ip_address("fd00::7"), "wlan0", 0x1),
    ]
    monkeypatch.setattr(
        stage_link, "own_address", lambda version=4: None if version == 6 else "10.8.0.2"
    )
    monkeypatch.setattr(stage_link, "found", lambda: both)
    assert links(EVERYWHERE, 80, "/k/") == ["http://192.168.1.7:80/k/", "http://10.8.0.2:80/k/"]
    assert links("::", 80, "/") == ["http://[fd00::7]:80/"]
    assert links("10.8.0.2", 80, "/") == ["http://10.8.0.2:80/"], "asked for by name"


def test_the_code_is_square_and_made_of_blocks() -> None:
    lines = qr("http://192.168.178.20:8420/0123456789abcdef0123456789abcdef/")
    assert {len(line) for line in lines} == {len(lines[0])}
    assert 2 * len(lines) in (len(lines[0]), len(lines[0]) + 1)
    assert set("".join(lines)) <= set(" ▀▄█")
