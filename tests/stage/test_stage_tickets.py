"""The stage's server: tickets, what leads nowhere, what a page complains of."""

from __future__ import annotations

from urllib.parse import urlsplit

import aiohttp

from micstream.events import Warned
from micstream.stage.admission import Tickets
from testbed.staged import Staged
from tests.support.staged import here


async def test_a_ticket_leads_to_the_page_once(
    ours: Staged, lan: Staged, client: aiohttp.ClientSession
) -> None:
    assert ours.to_open() == ours.address, "no key to be kept"
    ticket, key = lan.to_open(), urlsplit(lan.address).path
    assert urlsplit(ticket).hostname == "127.0.0.1"
    assert key.strip("/") not in ticket
    async with client.get(ticket, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (302, key)
    for used in (ticket, ticket[:-1], here(lan) + "/open/", here(lan) + "/open/x"):
        async with client.get(used, allow_redirects=False) as answer:
            assert answer.status in (403, 404), used
            assert key not in str(answer.headers)


async def test_the_tickets_path_is_no_way_round_the_key(
    lan: Staged, client: aiohttp.ClientSession
) -> None:
    lan.to_open()
    for method, path in (
        *(("GET", each) for each in ("/open", "/open/", "/open/stage.js", "/open/poster")),
        *(("POST", each) for each in ("/open/session", "/open/", "/open//session")),
    ):
        async with client.request(method, here(lan) + path, allow_redirects=False) as answer:
            assert answer.status == 403, path
            assert "token" not in await answer.text()
    assert lan.events == []


def test_a_ticket_is_good_for_a_minute() -> None:
    now = [100.0]
    tickets = Tickets(lambda: now[0])
    early, late = tickets.path(), tickets.path()
    now[0] += 59
    assert tickets.take(early)
    now[0] += 2
    assert not tickets.take(late)


async def test_what_leads_nowhere_is_dark(
    ours: Staged, lan: Staged, client: aiohttp.ClientSession
) -> None:
    """It may come up on a projector."""
    asks = {"Accept": "text/html,*/*"}
    for address, more in (
        (here(lan) + "/", {}),
        (here(lan) + "/open/x", {}),
        (lan.address + "nothing", {}),
        (lan.address + "session", {}),
        (ours.address + "nothing", {}),
        (ours.address, {"Host": "evil.example"}),
    ):
        async with client.get(address, headers=asks | more) as answer:
            assert 400 <= answer.status < 500
            assert answer.content_type == "text/html"
            assert '<meta name="color-scheme" content="dark">' in await answer.text(), address


async def test_what_a_page_cannot_use_is_told(ours: Staged, client: aiohttp.ClientSession) -> None:
    said = {"unused": [["fit", "xx"]]}
    for _ in range(2):
        async with client.post(ours.address + "session", json=said) as answer:
            assert answer.status == 200
    assert [each.code for each in ours.events if isinstance(each, Warned)] == ["page_link"]
    async with client.post(ours.address + "session", data=b"x" * 20_000) as answer:
        assert answer.status == 413
    async with client.post(ours.address + "session", data=b"\xff{") as answer:
        assert answer.status == 200
