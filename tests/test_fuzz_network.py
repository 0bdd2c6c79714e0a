"""What tokens, servers and addresses say, spoilt: it is used or refused in words.

As tests/test_fuzz.py: a hundred inputs each in `make test`, 20,000 each in `make fuzz`.
"""

from __future__ import annotations

import datetime
import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import DecodeError
from hypothesis import example, given
from hypothesis import strategies as st
from livekit import api

from micstream.avatars import start
from micstream.doctor.server import judge_proxy, judge_way
from micstream.errors import MicstreamError, UsageError
from micstream.room import address, admin, token
from micstream.room.connect import credentials, explain
from micstream.settings import given_token, load

KEY = "license-key-that-nobody-else-has"
SECRET = "a-secret-of-more-than-thirty-two-bytes"


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def in_words(ask: Callable[[], object], *hidden: str) -> None:
    """It is answered, or refused in words, with none of these in them."""
    try:
        ask()
    except MicstreamError as error:
        assert error.hint
        assert error.exit_code in (2, 5)
        for secret in hidden:
            assert secret not in error.message + error.hint


# ---- tokens ----------------------------------------------------------------------------------

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
GRANTS = st.dictionaries(
    st.sampled_from([*sorted(given_token.WATCHING), "roomName", "roomAdmin", "agent", "new"]),
    st.booleans() | st.sampled_from(["show", "other", None]) | JSON,
)
CLAIMS = st.fixed_dictionaries(
    {},
    optional={
        "video": GRANTS | JSON,
        "kind": st.sampled_from(["agent", "standard"]) | JSON,
        "sub": st.just("me") | JSON,
        "exp": st.integers() | st.floats() | JSON,
        "nbf": JSON,
        "roomConfig": st.dictionaries(st.sampled_from(["name", "agents", "egress"]), JSON) | JSON,
        "sip": JSON,
        "aud": JSON,
    },
)


def unsigned(claims: Any, header: Any = None) -> str:
    parts = [header or {"alg": "HS256"}, claims]
    return ".".join(
        [*(urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=") for each in parts), ""]
    )


def read_everywhere(text: str) -> None:
    """As each of those does that read a token given."""
    in_words(lambda: given_token.check_sender(text, room="show", identity="me"))
    in_words(lambda: given_token.check_watcher(text, room="show"))
    in_words(lambda: token.expired_at(text))
    assert all(value.strip() for value in given_token.names(text).values())


@given(CLAIMS | JSON, st.just({"alg": "HS256"}) | JSON)
@example({"exp": 10**400}, None)
@example({"exp": float("nan")}, None)
@example({"kind": ["agent"], "video": {"room": {"a": 1}}}, None)
@example({}, {"alg": "HS256", "crit": ["b64"], "b64": False})
def test_fuzz_token_claims(claims: Any, header: Any) -> None:
    read_everywhere(unsigned(claims, header))


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda data: data.decode("latin-1")))
@example("eyJhbGciOiJIUzI1NiJ9." + urlsafe_b64encode(b"[" * 60_000).decode() + ".c2ln")
@example("eyJhbGciOiJIUzI1NiJ9." + urlsafe_b64encode(b'{"a":' * 60_000).decode() + ".c2ln")
@example("..")
@example("\ud800.a.b")
def test_fuzz_what_is_no_token(text: str) -> None:
    read_everywhere(text)


@given(CLAIMS)
def test_fuzz_a_token_that_passes_is_one_for_us(claims: dict[str, Any]) -> None:
    """What the check lets through, LiveKit's own reading of the grants would let speak too."""
    try:
        given_token.check_sender(unsigned(claims), room="show", identity="me")
    except UsageError:
        return
    video = claims["video"]
    assert (claims["sub"], claims["kind"], video["room"]) == ("me", "agent", "show")
    assert video["roomJoin"] is True
    assert video.get("canPublishData") in (None, True)


@given(st.text(max_size=50), st.text(max_size=50))
@example("-----BEGIN PUBLIC KEY-----", "key")
@example("ssh-rsa AAAA", "key")
@example("s", "\ud800")
@example("", "key")
@example("secret", "devkey")
def test_fuzz_whatever_key_and_secret_are_there_is_a_token_or_a_word(secret: str, key: str) -> None:
    """A secret that is somebody's certificate or public key, for example."""

    def make() -> None:
        ours = load(url="ws://127.0.0.1:1", api_key=key, api_secret=secret, _env_file=None)
        _, made = credentials(ours.connection())
        held = ours.connection().keys()[1]
        said, _, signature = made.rpartition(".")
        expected = hmac.digest(held.encode(), said.encode(), "sha256")
        assert urlsafe_b64encode(expected).decode().rstrip("=") == signature
        assert given_token.read(made)["sub"] == ours.identity
        token.mint_avatar(
            api_key=key,
            api_secret=held,
            room="show",
            identity="avatar-a",
            sender="me",
            ttl=datetime.timedelta(minutes=1),
        )

    in_words(make, *([secret] if len(secret) > 8 else []))


# ---- servers ---------------------------------------------------------------------------------

ORDER = start.Order(
    server="http://127.0.0.1",
    avatar_id="anna",
    identity="avatar-anna",
    speaks_for="sender",
    livekit_url="ws://127.0.0.1",
    key=KEY,
    livekit_token=lambda: "",
)
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJtZSJ9.abcdef"
WORDS = st.text(max_size=30) | st.sampled_from([f"no {KEY}", TOKEN, f"x{TOKEN}&y"])
BODIES = st.one_of(
    st.binary(max_size=60),
    JSON.map(lambda said: json.dumps(said).encode()),
    st.dictionaries(
        st.sampled_from(["error", "message", "detail", "session_id"]), WORDS | JSON
    ).map(lambda said: json.dumps(said).encode()),
)


@given(st.integers(200, 599), BODIES)
@example(200, b"[" * 60_000)
@example(500, b'\xff\xfe"\x00')
def test_fuzz_answers_of_an_avatars_server(status: int, said: bytes) -> None:
    in_words(lambda: start._judge(ORDER, status, said), KEY, TOKEN)


@given(WORDS | st.text(max_size=300), st.none() | CLAIMS.map(unsigned))
def test_fuzz_what_the_sdk_says_of_a_join_that_failed(said: str, given_: str | None) -> None:
    def fail() -> None:
        raise explain("wss://lk.example", said, given=given_)

    in_words(fail, TOKEN)


@given(st.binary(max_size=80))
def test_fuzz_participants_as_a_server_lists_them(data: bytes) -> None:
    try:
        listed = api.ListParticipantsResponse.FromString(data)
    except DecodeError:
        return
    for each in listed.participants:
        if admin._is_meant(each, ("avatar-*",)):
            json.dumps(admin._standing(each).as_dict())


@given(
    st.builds(
        api.ParticipantInfo,
        identity=st.sampled_from(["avatar-a", "", "avatar-\u202e", "other"]),
        state=st.integers(0, 9),
        kind=st.integers(0, 9),
        joined_at=st.integers(-(2**63), 2**63 - 1),
        joined_at_ms=st.integers(-(2**63), 2**63 - 1),
    )
)
def test_fuzz_a_participant_of_any_state_is_one_that_can_be_told(each: api.ParticipantInfo) -> None:
    if admin._is_meant(each, ("avatar-*",)):
        found = admin._standing(each)
        assert json.loads(json.dumps(found.as_dict()))["identity"] == each.identity


# ---- addresses -------------------------------------------------------------------------------

HOSTS = st.one_of(
    st.text(max_size=20),
    st.ip_addresses().map(str),
    st.ip_addresses(v=6).map(lambda each: f"[{each}]"),
    st.sampled_from(
        ["a" * 64, "a..b", "[::1", "[fe80::1%25x]", "*", "\u3002.local", "%41", "xn--a"]
    ),
)
ADDRESSES = st.tuples(
    st.sampled_from(
        ["ws://", "wss://", "http://", "HTTPS://", "", "ftp://", "ws:", "wss://wss://"]
    ),
    HOSTS,
    st.sampled_from(["", ":", ":80", ":0", ":99999", ":x", "/x?y#z", "@b", "\\c"]),
).map("".join)


@given(ADDRESSES, ADDRESSES)
def test_fuzz_addresses(url: str, server: str) -> None:
    def ask() -> None:
        ours = load(
            url=url,
            api_key="key",
            api_secret=SECRET,
            avatar_server=server,
            avatar_id="anna",
            license_key=KEY,
            _env_file=None,
        )
        connection = ours.connection()
        assert connection.url
        address.warnings(connection)
        address.avatar_server_warnings(ours.avatar_server, connection)
        judge_way(connection, connection.url)
        judge_proxy(connection.url)
        start.order(ours.start())
        credentials(connection)

    begun = time.monotonic()
    in_words(ask, SECRET, KEY)
    assert time.monotonic() - begun < 5, "nobody is asked for a name"
