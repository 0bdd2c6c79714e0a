"""HTTP to anybody's server: what is read is bounded, and what goes wrong is said in words."""

from __future__ import annotations

import aiohttp
import pytest

from micstream.avatars import start
from micstream.doctor.server import check_server
from micstream.errors import ConnectionFailed
from micstream.room import web
from micstream.room.admin import find
from micstream.settings import load
from tests.support.avatar_servers import Answer, hangs_up, says, scripted

TIMEOUT = aiohttp.ClientTimeout(total=5)


@pytest.mark.parametrize(
    ("host", "why"),
    [
        *((host, "there is no such name") for host in ("a" * 64, "a..b", ".a", "x" * 300)),
        *((host, "no address of a server") for host in ("1.2.3.4.5", "a\\b")),
        ("127.0.0.1:1", "connection refused"),
    ],
)
async def test_an_address_that_leads_nowhere_is_told_by_each_who_asks(host: str, why: str) -> None:
    """Of a label that is too long Python's own lookup raises UnicodeError."""
    ours = load(
        url=f"wss://{host}",
        api_key="key",
        api_secret="s" * 40,
        avatar_server=f"https://{host}",
        avatar_id="anna",
        license_key="a-key",
    )
    connection = ours.connection()
    assert connection.url is not None
    with pytest.raises(ConnectionFailed, match=why):
        await find(connection, ("avatar-*",))
    with pytest.raises(ConnectionFailed, match=why):
        await start._post(start.order(ours.start()))
    (check,) = await check_server(connection.url)
    assert why in check.found
    assert check.exit_code == 5


async def test_an_answer_is_read_up_to_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "LONGEST_ANSWER", 1_000)
    async with (
        scripted(says(200, "x" * 1_000), says(200, "x" * 1_001)) as page,
        web.session(page.address, TIMEOUT) as session,
    ):
        async with session.get(page.address) as answer:
            assert len(await answer.read()) == 1_000
            assert await answer.text() == "x" * 1_000, "read once, and kept"
        async with session.get(page.address) as answer:
            with pytest.raises(web.OddAnswer) as caught:
                await answer.read()
    assert "never comes to an end" in web.why(caught.value, page.address)


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (says(200, "OK"), "ok"),
        (says(404, "no page"), "ok"),  # a server below a path
        (says(200, "OK", Date="0"), "ok"),
        (says(200, "OK", Date="Thu, 99 Foo 20000 00:00:00 +9999999"), "ok"),
        (says(502, "Bad Gateway"), "failed"),
        (says(503, ""), "failed"),
        (hangs_up, "failed"),
    ],
)
async def test_the_doctor_knows_a_server_from_what_stands_before_it(
    answer: Answer, state: str
) -> None:
    async with scripted(answer) as page:
        checks = await check_server(page.address)
    assert checks[0].state == state
    assert checks[0].do or state == "ok"


@pytest.mark.parametrize("scheme", ["ws", "WS", "http", "HTTP"])
async def test_a_scheme_in_capitals_is_the_same(scheme: str) -> None:
    async with scripted(says(200, "OK")) as page:
        checks = await check_server(page.address.replace("http", scheme))
    assert checks[0].state == "ok"


def test_whatever_it_is_there_are_words() -> None:
    for error in (OSError(), TimeoutError(), ValueError("x"), AttributeError("x"), TypeError()):
        assert web.why(error, "wss://x")
        assert "Error" not in web.why(error, "wss://x")
