"""One way to each server for all that connects: which proxy, and for whom none."""

from __future__ import annotations

import ipaddress
import os

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from micstream.doctor.server import judge_proxy
from micstream.errors import UsageError
from micstream.room import proxy
from micstream.room.proxy import steer_sdk, way_to

FAR = "wss://lk.example.org"
PROXY = "http://proxy.example:3128"
NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.mark.parametrize(
    ("url", "environment", "variable"),
    [
        (FAR, {}, ""),
        (FAR, {"HTTPS_PROXY": PROXY}, "HTTPS_PROXY"),
        (FAR, {"https_proxy": PROXY}, "https_proxy"),
        (FAR, {"HTTPS_PROXY": "http://other:1", "https_proxy": PROXY}, "https_proxy"),
        (FAR, {"HTTP_PROXY": PROXY}, ""),
        (FAR, {"ALL_PROXY": PROXY}, "ALL_PROXY"),
        (FAR, {"ALL_PROXY": "http://other:1", "HTTPS_PROXY": PROXY}, "HTTPS_PROXY"),
        (FAR, {"ALL_PROXY": PROXY, "HTTPS_PROXY": ""}, ""),
        (FAR, {"https_proxy": "", "HTTPS_PROXY": PROXY}, ""),
        ("ws://10.1.2.3:7880", {"HTTP_PROXY": PROXY}, "HTTP_PROXY"),
        ("ws://10.1.2.3:7880", {"HTTPS_PROXY": PROXY}, ""),
        ("https://api.example.org", {"HTTPS_PROXY": PROXY}, "HTTPS_PROXY"),
        ("http://livekit:7880", {"http_proxy": PROXY}, "http_proxy"),
    ],
)
def test_the_variable_of_the_scheme_says_which(
    url: str, environment: dict[str, str], variable: str
) -> None:
    way = way_to(url, environment)
    assert (way.proxy, way.variable) == ((PROXY, variable) if variable else (None, way.variable))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "a.localhost", "0.0.0.0"])
@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "all_proxy"])
def test_to_this_machine_it_is_always_straight(host: str, name: str) -> None:
    way = way_to(f"ws://{host}:7880", {name: PROXY})
    assert way.proxy is None
    assert (way.variable, way.because) == (name, "it is on this machine")


@pytest.mark.parametrize(
    ("host", "spares"),
    [
        *(("lk.example.org", each) for each in ("*", "example.org", ".example.org", "*.org")),
        *(
            ("lk.example.org", each)
            for each in ("LK.Example.ORG", "a, lk.example.org ,b", "lk.example.org:443")
        ),
        *(("10.1.2.3", each) for each in ("10.1.2.3", "10.0.0.0/8", "10.1.2.3/24", "x 10.1.2.3")),
        *(("[fd12::1]", each) for each in ("fd12::1", "[fd12::1]", "fd00::/8", "[fd12::1]:443")),
    ],
)
@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_what_no_proxy_names_is_spared(host: str, spares: str, name: str) -> None:
    way = way_to(f"wss://{host}", {"HTTPS_PROXY": PROXY, name: spares})
    assert way.proxy is None
    assert way.because == f"{name} names it"


@pytest.mark.parametrize(
    ("host", "spares"),
    [
        *(
            ("lk.example.org", each)
            for each in ("", ",", "ample.org", "x.lk.example.org", ".", "*.")
        ),
        *(
            ("lk.example.org", each)
            for each in ("lk.example.org:80", "10.0.0.0/8", "10.0.0.0/99", "[", "]:1")
        ),
        *(
            ("10.1.2.3", each)
            for each in ("10.1.2", "11.0.0.0/8", "fd00::/8", "0.1.2.3", "10.1.2.3:80")
        ),
    ],
)
def test_what_it_does_not_name_is_not(host: str, spares: str) -> None:
    environment = {"HTTPS_PROXY": PROXY, "NO_PROXY": spares}
    assert way_to(f"wss://{host}", environment).proxy == PROXY


@pytest.mark.parametrize(
    ("said", "is_"),
    [
        ("proxy:3128", "http://proxy:3128"),
        ("http://proxy", "http://proxy:80"),
        ("http://proxy:3128/", "http://proxy:3128"),
        (" http://proxy:3128 ", "http://proxy:3128"),
        ("HTTP://proxy:3128", "http://proxy:3128"),
        ("http://u:p%40ss@proxy:3128", "http://u:p%40ss@proxy:3128"),
        ("http://[fd00::1]:3128", "http://[fd00::1]:3128"),
        ("10.0.0.1:8080", "http://10.0.0.1:8080"),
    ],
)
def test_a_proxy_in_each_spelling(said: str, is_: str) -> None:
    way = way_to(FAR, {"HTTPS_PROXY": said})
    assert way.proxy == is_
    assert "p%40ss" not in way.shown + repr(way)


BAD = ("socks5://proxy:1080", "https://proxy:443", "http://", "http://proxy:x", "://", "http://a b")


@pytest.mark.parametrize("said", [*BAD, "socks5h://u:secret@proxy:1", "http://u:secret@:1"])
def test_another_kind_of_proxy_is_refused_in_words(said: str) -> None:
    with pytest.raises(UsageError) as caught:
        way_to(FAR, {"HTTPS_PROXY": said})
    error = caught.value
    assert error.code == "bad_proxy"
    assert "HTTPS_PROXY" in error.message
    assert "http://host:port" in error.message
    assert "NO_PROXY=lk.example.org" in error.hint
    assert "secret" not in error.message + error.hint
    # What it does not concern goes on.
    assert way_to("ws://127.0.0.1:7880", {"HTTP_PROXY": said}).proxy is None
    assert way_to(FAR, {"HTTPS_PROXY": said, "NO_PROXY": "example.org"}).proxy is None


@pytest.mark.parametrize("said", BAD)
def test_all_proxy_of_another_kind_is_passed_by_as_ever(said: str) -> None:
    way = way_to(FAR, {"ALL_PROXY": said})
    assert (way.proxy, way.because) == (None, "it is no http:// proxy")


@given(
    st.dictionaries(
        st.sampled_from([form for name in NAMES for form in (name, name.lower())]),
        st.text(max_size=30) | st.just(PROXY),
    ),
    st.sampled_from(
        [FAR, "ws://10.1.2.3:7880", "https://a.b", "http://[::1]", "wss://[fd00::1]:1"]
    ),
)
@example({"HTTPS_PROXY": "http://[::1"}, FAR)
def test_whatever_the_environment_says_there_is_a_way_or_a_word(
    environment: dict[str, str], url: str
) -> None:
    try:
        way = way_to(url, environment)
    except UsageError as error:
        assert error.code == "bad_proxy"
        return
    assert way.proxy is None or way.proxy.startswith("http://")
    assert "@" not in way.shown


@given(st.ip_addresses(v=4), st.integers(0, 32))
def test_a_network_spares_the_addresses_in_it_and_no_other(
    address: ipaddress.IPv4Address, bits: int
) -> None:
    network = ipaddress.ip_network("10.32.0.0/11")
    way = way_to(f"wss://{address}", {"HTTPS_PROXY": PROXY, "NO_PROXY": str(network)})
    spared = address in network or address.is_loopback or address.is_unspecified
    assert (way.proxy is None) is spared


# ---- the SDK ---------------------------------------------------------------------------------


class Sdk:
    """What the C library holds for the SDK: it reads the upper case first, and no NO_PROXY."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.held = dict(environment)

    def putenv(self, name: str, value: str) -> None:
        self.held[name] = value

    def proxy(self, scheme: str) -> str:
        name = "HTTPS_PROXY" if scheme == "wss" else "HTTP_PROXY"
        return self.held.get(name, self.held.get(name.lower(), ""))


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in tuple(os.environ):
        if name.upper() in NAMES:
            monkeypatch.delenv(name)
    monkeypatch.setattr(proxy, "_steered", set())
    return monkeypatch


@pytest.mark.parametrize(
    "environment",
    [
        {"HTTPS_PROXY": PROXY, "HTTP_PROXY": PROXY},
        {"https_proxy": PROXY, "HTTPS_PROXY": "http://another:1"},
        {"HTTPS_PROXY": PROXY, "NO_PROXY": "example.org"},
        {"ALL_PROXY": PROXY},
        {"ALL_PROXY": "socks5://proxy:1080"},
        {"HTTP_PROXY": "proxy.example:3128", "https_proxy": "proxy.example:3128"},
        {},
    ],
)
def test_the_sdk_goes_the_same_way_each_time(
    clean: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    for name, value in environment.items():
        clean.setenv(name, value)
    before = dict(os.environ)
    sdk = Sdk(environment)
    clean.setattr(proxy, "_put_for_sdk", sdk.putenv)
    urls = [FAR, "ws://127.0.0.1:7880", "ws://10.1.2.3:7880", "wss://other.example", FAR]
    for url in urls:
        steer_sdk(url)
        assert sdk.proxy(url.partition(":")[0]) == (way_to(url).proxy or ""), url
    assert dict(os.environ) == before, "what other parts of the program and its children get"


def test_where_all_agree_nothing_is_touched(clean: pytest.MonkeyPatch) -> None:
    clean.setenv("HTTPS_PROXY", PROXY)
    clean.setattr(proxy, "_put_for_sdk", None)
    steer_sdk(FAR)
    steer_sdk("ws://127.0.0.1:7880")


# ---- the doctor ------------------------------------------------------------------------------


def test_the_doctor_says_which_way(clean: pytest.MonkeyPatch) -> None:
    assert judge_proxy(FAR) == []
    clean.setenv("HTTPS_PROXY", "http://me:secret@proxy:3128")
    (check,) = judge_proxy(FAR)
    assert check.state == "ok"
    assert "http://proxy:3128 (HTTPS_PROXY)" in check.found
    assert "secret" not in check.found
    clean.setenv("no_proxy", "example.org")
    (check,) = judge_proxy(FAR)
    assert check.found == "straight, past HTTPS_PROXY: no_proxy names it"
    clean.delenv("no_proxy")
    clean.setenv("HTTPS_PROXY", "socks5://proxy:1080")
    (check,) = judge_proxy(FAR)
    assert (check.state, check.exit_code) == ("failed", 2)
    assert check.do
