"""Tokens: the least that works, and what is said of a token that cannot work."""

from __future__ import annotations

import datetime
import time
from typing import Any, Literal

import jwt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from livekit import api

from micstream.errors import UsageError
from micstream.room.token import Kind, expired_at, mint, mint_question, mint_visit
from micstream.settings.given_token import read

SECRET = "a secret of more than thirty-two bytes"


def minted(kind: Kind = "agent", **more: Any) -> str:
    return mint(
        api_key="key",
        api_secret=SECRET,
        room="show",
        identity="external-audio-sender",
        kind=kind,
        ttl=datetime.timedelta(hours=2),
        **more,
    )


def test_the_senders_token() -> None:
    claims = jwt.decode(minted(), SECRET, algorithms=["HS256"])
    assert claims["iss"] == "key"
    assert claims["sub"] == claims["name"] == "external-audio-sender"
    assert claims["kind"] == "agent"
    assert claims["exp"] - claims["nbf"] == 2 * 3600
    video = claims["video"]
    assert video["roomJoin"] is True
    assert video["room"] == "show"
    assert video["canPublish"] is False
    assert video["canPublishData"] is True
    assert video["canSubscribe"] is True, "an avatar waits for a subscriber"
    assert not video.get("roomAdmin")
    assert not video.get("roomCreate")


@given(
    st.text(min_size=1),
    st.sampled_from(["agent", "standard", "visit"]),
    st.integers(1, 100_000),
)
def test_livekits_own_package_makes_and_reads_the_same(
    name: str, what: Literal["agent", "standard", "visit"], seconds: int
) -> None:
    """Ours is signed without it: see the module."""
    ttl = datetime.timedelta(seconds=seconds)
    common: Any = {
        "api_key": "key",
        "api_secret": SECRET,
        "room": name,
        "identity": name,
        "ttl": ttl,
    }
    kind: Kind = "standard" if what == "visit" else what
    ours = mint_visit(**common) if what == "visit" else mint(**common, kind=kind)
    grants = api.VideoGrants(
        room_join=True,
        room=name,
        can_publish=False,
        can_publish_data=kind == "agent",
        can_subscribe=True,
        can_update_own_metadata=False,
        agent=True if what == "visit" else None,
    )
    theirs = api.AccessToken("key", SECRET).with_identity(name).with_name(name).with_kind(kind)
    theirs = theirs.with_grants(grants).with_ttl(ttl)
    config = api.RoomConfiguration(empty_timeout=43_200, departure_timeout=43_200)
    theirs = theirs.with_room_config(config)
    made, expected = read(ours), read(theirs.to_jwt())
    times = ("nbf", "exp")
    assert {k: made[k] for k in made if k not in times} == {
        k: expected[k] for k in expected if k not in times
    }
    assert made["exp"] - made["nbf"] == expected["exp"] - expected["nbf"] == seconds
    assert abs(made["nbf"] - expected["nbf"]) < 60
    assert api.TokenVerifier("key", SECRET).verify(ours).identity == name


def test_when_a_given_token_has_expired() -> None:
    assert expired_at(minted()) is None
    over = mint(
        api_key="key",
        api_secret=SECRET,
        room="show",
        identity="x",
        ttl=datetime.timedelta(seconds=-5),
    )
    assert expired_at(over) == pytest.approx(time.time() - 5, abs=3)


@pytest.mark.parametrize("claim", [{}, {"exp": "soon"}, {"exp": None}, {"exp": -1e300}])
def test_a_token_that_does_not_say_so_has_not_expired(claim: dict[str, object]) -> None:
    assert expired_at(jwt.encode({"sub": "x", **claim}, SECRET)) is None


def test_a_watchers_token_sends_nothing() -> None:
    claims = read(minted("standard"))
    assert claims["kind"] == "standard"
    assert claims["video"]["canPublishData"] is False
    assert claims["video"]["canSubscribe"] is True


def test_an_expired_token_can_be_read() -> None:
    token = jwt.encode({"kind": "agent", "exp": 1}, SECRET)
    assert read(token)["exp"] == 1


HEADER, CLAIMS, SIGNATURE = jwt.encode({"kind": "agent"}, SECRET).split(".")


@settings(max_examples=150)
@given(
    st.one_of(
        st.text(),
        st.text().map(lambda text: f"{HEADER}.{text}.{SIGNATURE}"),
        st.text().map(lambda text: f"{text}.{CLAIMS}.{SIGNATURE}"),
    )
)
@example("")
@example("\udc80")
@example(f"{HEADER}.WzFd.{SIGNATURE}")  # claims that are a list
def test_what_is_no_token_is_a_usage_error(text: str) -> None:
    try:
        read(text)
    except UsageError as error:
        assert error.code == "bad_token"
        assert error.message == "the token given is not a JWT"
        assert error.hint


def test_nobody_is_warned_of_a_development_secret() -> None:
    """Of one below 32 bytes PyJWT would warn every program, by a line on its standard error."""
    made = mint(
        api_key="devkey",
        api_secret="secret",
        room="show",
        identity="me",
        ttl=datetime.timedelta(minutes=1),
    )
    assert read(made)["iss"] == "devkey"


def test_the_token_to_ask_the_server_with_is_for_one_room_and_a_minute() -> None:
    made = mint_question(
        api_key="key", api_secret=SECRET, room="show", ttl=datetime.timedelta(minutes=1)
    )
    claims = api.TokenVerifier("key", SECRET).verify(made)
    assert claims.video is not None
    assert (claims.video.room, claims.video.room_admin, claims.video.room_join) == (
        "show",
        True,
        None,
    )
    assert read(made)["exp"] - read(made)["nbf"] == 60
