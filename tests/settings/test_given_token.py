"""A token that was given: what it decides, and what is refused before anything is joined."""

from __future__ import annotations

import datetime
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream.errors import UsageError
from micstream.room.token import mint
from micstream.settings import load
from micstream.settings.given_token import check_sender, check_watcher, names

SECRET = "s" * 40
GRANTS: dict[str, Any] = {"roomJoin": True, "room": "show"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


def token(video: Any = GRANTS, **claims: Any) -> str:
    return jwt.encode({"sub": "me", "kind": "agent", "video": video} | claims, SECRET)


def minted(**changes: Any) -> str:
    given: dict[str, Any] = {"api_key": "key", "api_secret": SECRET, "room": "show"}
    given |= {"identity": "me", "ttl": datetime.timedelta(minutes=5)}
    return mint(**given | changes)


def test_our_own_do() -> None:
    check_sender(minted(), room="show", identity="me")
    check_watcher(minted(kind="standard"), room="show")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (token(kind="standard"), "of kind 'standard'"),
        (token(kind="sip"), "of kind 'sip'"),
        (token({**GRANTS, "room": "other"}), "for the room 'other', and 'show' is asked for"),
        (token(sub="other"), "for the identity 'other', and 'me' is asked for"),
        (token({"roomJoin": True}), "names no room"),
        (token({"roomJoin": True, "roomName": "show"}), "LiveKit reads 'room', not 'roomName'"),
        (token({"room": "show"}), "roomJoin"),
        (token({**GRANTS, "roomJoin": "yes"}), "roomJoin"),
        (token({**GRANTS, "canPublish": False}), "may send no data"),
        (token({**GRANTS, "canPublishData": False}), "may send no data"),
        (token({**GRANTS, "canSubscribe": False}), "may not subscribe"),
        (token({**GRANTS, "hidden": True}), "is hidden"),
        (token("roomJoin"), "no object"),
        (token(None), "no object"),
        (token(["room"]), "no object"),
    ],
)
def test_what_would_fail_later_is_refused_at_once(given: str, words: str) -> None:
    with pytest.raises(UsageError) as refused:
        check_sender(given, room="show", identity="me")
    assert words in refused.value.message
    assert refused.value.hint
    assert given not in refused.value.message + refused.value.hint


def test_null_is_as_good_as_absent_and_data_is_as_publishing_is() -> None:
    nulls = {"canPublish": None, "canPublishData": None, "canSubscribe": None}
    check_sender(token({**GRANTS, **nulls}), room="show", identity="me")
    check_watcher(token({**GRANTS, "canPublish": False}, kind="standard"), room="show")


def test_data_is_allowed_where_it_is_said_and_publishing_is_not() -> None:
    may = {**GRANTS, "canPublish": False, "canPublishData": True}
    check_sender(token(may), room="show", identity="me")


WATCHER = {**GRANTS, "canPublish": False, "canPublishData": False}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (token(WATCHER), "of kind 'agent'"),
        (token(WATCHER, kind="standard", sip={"admin": True}), "sip"),
        (token(WATCHER, kind="standard", agent={"admin": True}), "agent"),
        (token(WATCHER, kind="standard", inference={"perform": True}), "inference"),
        (token(WATCHER, kind="standard", never_heard_of={"x": True}), "never_heard_of"),
        (token({**WATCHER, "roomAdmin": True}, kind="standard"), "roomAdmin"),
        (token({**WATCHER, "destinationRoom": "x"}, kind="standard"), "destinationRoom"),
        (token({**WATCHER, "neverHeardOf": True}, kind="standard"), "neverHeardOf"),
        (token(GRANTS, kind="standard"), "canPublish"),
        (token({**WATCHER, "canPublishData": True}, kind="standard"), "canPublish"),
        (token({**WATCHER, "hidden": True}, kind="standard"), "hidden"),
        (token({**WATCHER, "canSubscribe": False}, kind="standard"), "canSubscribe"),
        (token(WATCHER, kind="standard", roomConfig={"egress": {}, "agents": [1]}), "agents"),
        (token({**WATCHER, "room": "other"}, kind="standard"), "for the room 'other'"),
        (token("x", kind="standard"), "no object"),
        (token([], kind="standard"), "no object"),
    ],
)
def test_what_may_do_more_than_watch_is_shown_to_no_page(given: str, words: str) -> None:
    with pytest.raises(UsageError) as refused:
        check_watcher(given, room="show")
    assert words in refused.value.message


@given(st.dictionaries(st.sampled_from(["kind", "video", "sub", "sip", "x"]), JSON))
def test_no_claims_end_in_anything_but_a_refusal(claims: dict[str, Any]) -> None:
    try:
        made = jwt.encode(claims, SECRET)
    except TypeError:  # PyJWT itself refuses some
        return
    with pytest.raises(UsageError):
        check_sender(made, room="show", identity="me")
    with pytest.raises(UsageError):
        check_watcher(made, room="show")
    assert set(names(made)) <= {"room", "identity"}


def test_room_and_identity_are_the_tokens_unless_they_are_set() -> None:
    settings = load(token=token({**GRANTS, "room": "hall"}, sub="anna"))
    assert (settings.room, settings.identity) == ("hall", "anna")
    settings = load(token=token({**GRANTS, "room": "hall"}, sub="anna"), room="show")
    assert (settings.room, settings.identity) == ("show", "anna")
    assert load(token="nonsense").room == "micstream"
