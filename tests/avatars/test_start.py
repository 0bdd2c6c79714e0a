"""What is asked of an avatar's server, and what is said of each way it can answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jwt
import pytest

from micstream.avatars import start
from micstream.avatars.start import Order, ask, order
from micstream.errors import ConnectionFailed, MicstreamError, UsageError
from micstream.events import Event
from micstream.room import address
from micstream.room.address import Reach
from micstream.settings import load
from tests.conftest import SENDER
from tests.support.avatar_servers import KEY, hangs, hangs_up, repeats_all, says, scripted

SECRET = "a-secret-of-more-than-thirty-two-bytes"
STARTED = json.dumps({"session_id": "sess_1", "more": [1]})


def made(server: str = "http://127.0.0.1:1", **more: Any) -> Order:
    flags: dict[str, Any] = {
        "url": "ws://127.0.0.1:7880",
        "api_key": "key",
        "api_secret": SECRET,
        "room": "show",
        "license_key": KEY,
        "avatar_id": "anna",
        "avatar_server": server,
    }
    return order(load(**flags | more).start())


class Troubles(list[Event]):
    """A bus that keeps what it is told."""

    emit = list.append


async def asked(server: str, *, timeout_s: float = 20.0) -> tuple[str | None, list[Any]]:
    troubles = Troubles()
    return await ask(made(server), troubles, timeout_s=timeout_s), troubles


async def refused(server: str, *, timeout_s: float = 20.0) -> ConnectionFailed:
    with pytest.raises(ConnectionFailed) as caught:
        await asked(server, timeout_s=timeout_s)
    error = caught.value
    assert error.hint
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None
    shown = error.message + error.hint + repr(error)
    for hidden in (KEY, SECRET, "eyJ"):
        assert hidden not in shown
    return error


async def test_it_is_asked_as_the_plugin_asks() -> None:
    async with scripted(says(200, STARTED)) as server:
        session, troubles = await asked(server.address + "/")
    assert (session, troubles) == ("sess_1", [])
    (path, headers, body), *more = server.asked
    assert not more
    assert path == "/v1/livekit/start-avatar"
    assert headers["api-secret"] == KEY
    assert headers["content-type"].startswith("application/json")
    claims = jwt.decode(body.pop("livekit_token"), SECRET, algorithms=["HS256"])
    assert body == {
        "livekit_url": "ws://127.0.0.1:7880",
        "avaluma_key": KEY,
        "avaluma_avatar_id": "anna",
    }
    assert claims["sub"] == claims["name"] == "avatar-anna"
    assert claims["kind"] == "agent"
    assert claims["attributes"] == {"lk.publish_on_behalf": SENDER}
    assert claims["exp"] - claims["nbf"] == 600
    assert claims["video"] == {
        "roomJoin": True,
        "room": "show",
        "canPublish": True,
        "canPublishData": True,
        "canSubscribe": False,
        "canUpdateOwnMetadata": False,
    }


@pytest.mark.parametrize("text", ["", "  \n", "{}", '{"session_id": 7}'])
async def test_a_session_need_not_be_told(text: str) -> None:
    async with scripted(says(201, text)) as server:
        assert await asked(server.address) == (None, [])


@pytest.mark.parametrize(
    ("status", "code", "says_so"),
    [
        (401, "license_refused", "does not accept the license key (401)"),
        (403, "license_refused", "does not accept the license key (403)"),
        (404, "unknown_avatar", "knows no avatar 'anna' (404)"),
        (400, "avatar_server_refuses", "refuses what it was asked (400)"),
        (422, "avatar_server_refuses", "refuses what it was asked (422)"),
    ],
)
async def test_a_refusal_is_final(status: int, code: str, says_so: str) -> None:
    words = json.dumps({"error": "no such thing"})
    async with scripted(says(status, words)) as server:
        error = await refused(server.address)
    assert error.code == code
    assert says_so in error.message
    assert error.message.endswith(": no such thing"), "its own words"
    assert len(server.asked) == 1


async def test_what_it_repeats_of_our_secrets_is_not_shown() -> None:
    async with scripted(repeats_all) as server:
        error = await refused(server.address)
    assert "***" in error.message


@pytest.mark.parametrize("text", ["<html>", "[1]", '"started"', "[" * 100_000, "nul"])
async def test_an_answer_that_is_no_json_object_is_told(text: str) -> None:
    async with scripted(says(200, text)) as server:
        error = await refused(server.address)
    assert error.code == "avatar_server_answer"
    assert "no JSON object" in error.message
    assert len(server.asked) == 1, "it may have started the avatar: not asked again"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    async with scripted(says(200, STARTED)) as elsewhere:
        to = says(status, "", Location=elsewhere.address + "/v1/livekit/start-avatar")
        async with scripted(to) as server:
            error = await refused(server.address)
    assert error.code == "avatar_server_redirects"
    assert elsewhere.asked == [], "the key goes nowhere else"


async def test_what_may_pass_is_tried_again() -> None:
    answers = (says(500, '{"error": "no GPU"}'), says(503), hangs_up, says(429), says(200, STARTED))
    async with scripted(*answers) as server:
        session, troubles = await asked(server.address)
    assert session == "sess_1"
    assert len(server.asked) == 5
    assert [trouble.code for trouble in troubles] == [
        "avatar_server_failed",
        "avatar_server_failed",
        "avatar_server_unreachable",
        "avatar_server_failed",
    ]
    assert "has failed (500): no GPU" in troubles[0].message
    assert "asking again in " in troubles[0].hint
    assert "it hung up" in troubles[2].message


async def test_a_server_that_goes_on_failing_is_told_for_what_it_is() -> None:
    async with scripted(says(502)) as server:
        error = await refused(server.address, timeout_s=2)
    assert error.code in ("avatar_server_failed", "avatar_server_timeout")
    assert len(server.asked) > 1


async def test_no_server_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "_AGAIN_S", 0.5)
    error = await refused("http://127.0.0.1:1")
    assert error.code == "avatar_server_unreachable"
    assert "http://127.0.0.1:1 was not reached: connection refused" in error.message


async def test_no_such_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "_AGAIN_S", 0.0)
    error = await refused("https://nobody.invalid")
    assert error.code == "avatar_server_unreachable"
    assert "there is no such name" in error.message


async def test_one_that_speaks_no_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "_AGAIN_S", 0.0)
    async with scripted(says(200, STARTED)) as server:
        error = await refused(server.address.replace("http", "https"))
    assert error.code == "avatar_server_unreachable"
    assert server.asked == []


async def test_one_that_hangs_is_bounded_and_asked_once() -> None:
    async with scripted(hangs) as server:
        error = await refused(server.address, timeout_s=1.5)
    assert error.code == "avatar_server_timeout"
    assert "does not answer within 1.5 s" in error.message
    assert len(server.asked) == 1, "it may be at work: a second avatar would put out the first"


@pytest.mark.parametrize(
    ("missing", "code", "says_so"),
    [
        ("avatar_id", "no_avatar_id", "AVALUMA_AVATAR_ID"),
        ("license_key", "no_license_key", "AVALUMA_LICENSE_KEY"),
        ("url", "no_url", "LIVEKIT_URL"),
        ("api_secret", "no_credentials", "LIVEKIT_API_SECRET"),
    ],
)
def test_what_is_missing_is_named(missing: str, code: str, says_so: str) -> None:
    with pytest.raises(UsageError) as caught:
        without: dict[str, Any] = {missing: None}
        made(**without)
    assert caught.value.code == code
    assert says_so in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("two words", "bad_settings"),
        ("line\nbreak", "bad_settings"),
        ("schlüssel", "bad_license_key"),
        ("\x7f", "bad_settings"),
    ],
)
def test_a_key_that_fits_no_header_is_refused_and_not_repeated(key: str, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        made(license_key=key)
    assert caught.value.code == code
    assert key not in caught.value.message + caught.value.hint


def test_the_key_never_goes_plain_through_the_internet(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError) as caught:
        made("http://api.example.org")
    assert caught.value.code == "insecure_url"
    assert "the license key" in caught.value.message
    assert "--insecure" in caught.value.hint
    assert made("http://api.example.org", insecure=True)
    assert made("https://api.example.org")
    assert made("http://avatars:8080")


@pytest.mark.parametrize(
    ("server", "url", "codes"),
    [
        ("http://127.0.0.1:8080", "ws://127.0.0.1:7880", []),
        ("https://api.avaluma.ai", "wss://x.livekit.cloud", []),
        ("https://api.avaluma.ai", "ws://localhost:7880", ["url_is_local"]),
        ("http://10.0.0.7:8080", "ws://10.0.0.8:7880", ["plain_http"]),
        ("http://avatars:8080", "ws://localhost:7880", ["plain_http", "url_is_local"]),
    ],
)
def test_what_is_unsafe_is_told(server: str, url: str, codes: list[str]) -> None:
    found = start.warnings(load(url=url, avatar_server=server).start())
    assert [warning.code for warning in found] == codes
    assert all(warning.hint for warning in found)


def test_an_order_shows_no_secret() -> None:
    shown = repr(made()) + str(made())
    assert "avatar-anna" in shown
    assert KEY not in shown
    assert SECRET not in shown


async def test_a_plain_private_server_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(address, "reach", lambda _: Reach.NEAR)  # as the tests' own is loopback
    async with scripted(says(200, STARTED)) as server:
        assert (await asked(server.address))[0] == "sess_1"


def test_every_error_is_one_of_ours() -> None:
    assert issubclass(start._MayPass, ConnectionFailed)
    assert issubclass(ConnectionFailed, MicstreamError)
