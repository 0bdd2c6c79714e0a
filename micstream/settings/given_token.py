"""A token that was given, read without its key: for settings and clear messages, never for trust.

Source: LiveKit's access tokens (JWT), `livekit/protocol`, `auth/grants.go`: a grant that is absent
is not given, but `canPublish` and `canSubscribe`, which are, and `canPublishData`, which is as
`canPublish` is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import jwt

from micstream.errors import UsageError

WATCHING: Final = frozenset(
    [
        "room",
        "roomJoin",
        "canSubscribe",
        "canPublish",
        "canPublishData",
        "canUpdateOwnMetadata",
        "hidden",
        "canSubscribeMetrics",
        "canPublishSources",
    ]
)
"""Grants for one room that a token for watching may name; others rule, record or speak."""
_CLAIMS: Final = frozenset(
    [
        "iss",
        "sub",
        "name",
        "kind",
        "nbf",
        "iat",
        "exp",
        "jti",
        "aud",
        "video",
        "metadata",
        "attributes",
        "sha256",
        "roomConfig",
        "roomPreset",
    ]
)
"""Claims that grant nothing beside `video`."""
_ROOM_CONFIG: Final = frozenset(
    [
        "name",
        "emptyTimeout",
        "departureTimeout",
        "maxParticipants",
        "minPlayoutDelay",
        "maxPlayoutDelay",
        "syncStreams",
        "metadata",
    ]
)
"""What a room that joining creates may be told; others record it, or call agents into it."""


def read(token: str) -> Mapping[str, Any]:
    """The claims of a given token.

    Raises:
        UsageError: it is no JWT.
    """
    try:
        claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, UnicodeError):
        raise UsageError(
            "the token given is not a JWT",
            hint="pass a LiveKit access token, or an API key and secret: see micstream token",
            code="bad_token",
        ) from None
    return claims


def names(token: str) -> dict[str, str]:
    """Settings that a token decides: `room` and `identity`, as far as it names them."""
    try:
        claims = read(token)
    except UsageError:
        return {}  # told by whoever needs the token
    grants = claims.get("video")
    room = grants.get("room") if isinstance(grants, dict) else None
    named = {"room": room, "identity": claims.get("sub")}
    return {key: value for key, value in named.items() if isinstance(value, str) and value.strip()}


def check_sender(token: str, *, room: str, identity: str) -> None:
    """Refuse a token with which no avatar would listen to us, or that is of another place.

    Raises:
        UsageError: not a JWT, or it does not do; says why.
    """
    claims = read(token)
    kind, grants = claims.get("kind", "standard"), claims.get("video")
    if kind != "agent":
        raise UsageError(
            f"the token given is of kind {kind!r}; an avatar listens to kind 'agent' only",
            hint="mint one with: micstream token --kind agent",
            code="token_kind",
        )
    if isinstance(grants, dict):
        grants = _set(grants)
        wrong = _wrong_place(claims, grants, room, identity) or _too_little(grants)
    else:
        wrong = "has no grants ('video' is no object)"
    if wrong:
        raise UsageError(
            f"the token given {wrong}",
            hint="mint one with: micstream token --room ROOM --identity NAME; or leave the room "
            "and the identity to the token: unset LIVEKIT_ROOM and MICSTREAM_IDENTITY",
            code="token_grants",
        )


def _wrong_place(
    claims: Mapping[str, Any], grants: Mapping[str, Any], room: str, identity: str
) -> str:
    if "room" not in grants:
        other = "; LiveKit reads 'room', not 'roomName'" if "roomName" in grants else ""
        return f"names no room{other}"
    if grants["room"] != room:
        return f"is for the room {grants['room']!r}, and {room!r} is asked for"
    if claims.get("sub") != identity:
        return f"is for the identity {claims.get('sub')!r}, and {identity!r} is asked for"
    return ""


def _too_little(grants: Mapping[str, Any]) -> str:
    if grants.get("roomJoin") is not True:
        return "does not let anybody join (roomJoin)"
    if grants.get("canPublishData", grants.get("canPublish", True)) is not True:
        return "may send no data (canPublishData): sound goes to the avatar as data"
    if grants.get("canSubscribe", True) is not True:
        return "may not subscribe (canSubscribe): an avatar plays only once somebody does"
    if grants.get("hidden"):
        return "is hidden: an avatar does not see who is"
    return ""


def check_watcher(token: str, *, room: str) -> None:
    """Refuse a token that may do more than watch one room: whoever sees the page has it.

    What it may is listed: a grant that is not known here is not let through.

    Raises:
        UsageError: not a JWT, or it does not do; says why.
    """
    claims = read(token)
    grants = claims.get("video")
    wrong = ""
    if claims.get("kind", "standard") != "standard":
        wrong = f"is of kind {claims.get('kind')!r}"
    elif not isinstance(grants, dict):
        wrong = "has no grants ('video' is no object)"
    elif more := [*_given_besides(_CLAIMS, claims), *_given_besides(WATCHING, grants)]:
        wrong = f"may do more than watch ({', '.join(more)})"
    elif more := _given_besides(_ROOM_CONFIG, claims.get("roomConfig") or {}):
        wrong = f"may do more than watch (roomConfig: {', '.join(more)})"
    else:
        wrong = _no_watcher(_set(grants), room)
    if wrong:
        raise UsageError(
            f"the token given {wrong}; a page gets one that watches, of kind 'standard'",
            hint="mint one with: micstream token --kind standard, or set LIVEKIT_API_SECRET",
            code="token_kind",
        )


def _no_watcher(grants: Mapping[str, Any], room: str) -> str:
    publishes = grants.get("canPublish", True)
    if publishes or grants.get("canPublishData", publishes):
        return "may do more than watch (canPublish, canPublishData: they have to be false)"
    if grants.get("room") != room:
        return f"is for the room {grants.get('room')!r}, not {room!r}"
    if grants.get("roomJoin") is not True or grants.get("canSubscribe", True) is not True:
        return "lets nobody join and see (roomJoin, canSubscribe)"
    return "is hidden: the crew and the server would not count it" if grants.get("hidden") else ""


def _set(grants: Mapping[str, Any]) -> dict[str, Any]:
    """Grants that are set: to LiveKit null is as good as absent."""
    return {name: value for name, value in grants.items() if value is not None}


def _given_besides(known: frozenset[str], given: Any) -> list[str]:
    if not isinstance(given, Mapping):
        return [str(given)]
    return sorted(name for name, value in given.items() if value and name not in known)
