"""How far an address leads, and what is refused or warned of there."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import jwt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from micstream.errors import UsageError
from micstream.room.address import Reach, is_plain, reach, warnings
from micstream.room.connect import credentials
from micstream.settings import load
from micstream.settings.pieces import ConnectionSettings

SELF = ("localhost", "LOCALHOST.", "a.localhost", "127.0.0.1", "127.9.9.9", "[::1]", "0.0.0.0")
NEAR = (
    *("livekit", "stage-2", "my_server", "s3x", "studio.local", "a.b.local."),
    *("10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.20", "169.254.7.7"),
    *("100.64.0.1", "100.127.255.255", "[fe80::1]", "[fe80::1%25eth0]", "[fd12:3456::1]"),
    "[::ffff:10.0.0.1]",
)
FAR = (
    *("example.org", "example.livekit.cloud", "8.8.8.8", "172.32.0.1", "100.128.0.1"),
    *("[2001:db8::1]", "[2606:4700::1]", "[::ffff:8.8.8.8]", "[64:ff9b::a00:1]"),
    # What others read as the number of an address, or as another host altogether:
    *("134744072", "0x08080808", "0x8", "010.8.8.8", "8.8.2056", "8%2e8%2e8%2e8"),
    *("evil.example\\.local", "evil.example%23.local", "evil\u3002example", "0x7f.local"),
    *("localhost.example.org", "a..local", "-.local", "127.1", "local.example.org"),
)


@pytest.mark.parametrize(
    ("host", "far"),
    [
        (h, r)
        for hosts, r in ((SELF, Reach.SELF), (NEAR, Reach.NEAR), (FAR, Reach.FAR))
        for h in hosts
    ],
)
def test_hosts(host: str, far: Reach) -> None:
    assert reach(f"ws://{host}:7880/x?y=.local#.local") is far


@given(st.ip_addresses())
@example(ipaddress.ip_address("255.255.255.255"))
def test_an_address_of_the_internet_is_never_taken_for_a_near_one(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    host = f"[{address}]" if address.version == 6 else str(address)
    if address.is_global:
        assert reach(f"ws://{host}") is Reach.FAR


def made(url: str, **more: Any) -> ConnectionSettings:
    return load(url=url, api_key="key", api_secret="s" * 40, **more).connection()


@pytest.mark.parametrize("host", FAR)
@pytest.mark.parametrize("scheme", ["ws", "http", "WS"])
def test_plain_to_the_internet_is_refused(scheme: str, host: str) -> None:
    url = f"{scheme}://{host}"
    with pytest.raises(UsageError) as caught:
        credentials(made(url))
    assert caught.value.code == "insecure_url"
    assert caught.value.exit_code == 2
    for word in ("wss://" if scheme != "http" else "https://", "--insecure", "MICSTREAM_INSECURE"):
        assert word in caught.value.hint
    # Accepted by hand, it is still told.
    accepted = made(url, insecure=True)
    assert credentials(accepted)[0] == url
    assert [told.code for told in warnings(accepted)] == ["plain_ws"]


def test_it_is_accepted_by_the_environment_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICSTREAM_INSECURE", "1")
    assert credentials(made("ws://example.org"))


@pytest.mark.parametrize("host", NEAR)
def test_plain_to_a_private_network_is_warned_of(host: str) -> None:
    settings = made(f"ws://{host}")
    credentials(settings)
    (told,) = warnings(settings)
    assert told.code == "plain_ws"
    assert "token" in told.message
    assert "wss://" in told.hint


@pytest.mark.parametrize(
    "url",
    [*(f"ws://{host}" for host in SELF), *(f"wss://{host}" for host in (*NEAR, "example.org"))],
)
def test_no_word_of_this_machine_and_of_what_is_encrypted(url: str) -> None:
    settings = made(url)
    credentials(settings)
    assert warnings(settings) == []
    assert is_plain(url) is url.startswith("ws:")


@pytest.mark.parametrize("url", ["ws://localhost:7880", "wss://example.org", "ws://livekit:7880"])
def test_the_development_key(url: str) -> None:
    def told(**more: Any) -> bool:
        settings = load(url=url, **more).connection()
        return "dev_key" in [each.code for each in warnings(settings)]

    outside = "localhost" not in url
    assert told(api_key="devkey", api_secret="secret") is outside
    assert told(token=jwt.encode({"kind": "agent", "iss": "devkey"}, "s" * 32)) is outside
    assert not told(api_key="devkey", api_secret="another")
    assert not told(api_key="key", api_secret="secret")
    assert not told(api_key="devkey", api_secret="secret", token=jwt.encode({"iss": "k"}, "s" * 32))


def test_no_name_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: object, **__: object) -> None:
        pytest.fail("a name was looked up")

    monkeypatch.setattr(socket, "getaddrinfo", asked)
    monkeypatch.setattr(socket, "gethostbyname", asked)
    for host in (*SELF, *NEAR, *FAR):
        warnings(made(f"ws://{host}", insecure=True))
