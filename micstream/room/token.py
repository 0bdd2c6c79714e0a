"""Tokens: ours made, given ones read.

Source: LiveKit's access tokens (JWT, HS256; RFC 7515): `livekit.api.AccessToken` makes the same
claims, and its verifier reads them (tests/room/test_token.py). It is not used here because its
package loads an HTTP client and all of the server's messages: 13 MiB in a sender that only signs.
Nor is PyJWT, which warns every program of a short secret, such as that of `livekit-server --dev`,
and ends with an error of its own where the secret looks like another kind of key. What is given is
read in `settings.given_token`.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64encode
from typing import Any, Final, Literal

from micstream.delivery import wire
from micstream.settings.given_token import read

Kind = Literal["agent", "standard"]

_HEADER: Final = {"alg": "HS256", "typ": "JWT"}
_UNWATCHED_S: Final = 12 * 3600
"""Without a viewer."""


def mint(
    *,
    api_key: str,
    api_secret: str,
    room: str,
    identity: str,
    kind: Kind = "agent",
    ttl: datetime.timedelta,
) -> str:
    """A token that lets `identity` into `room`: hear, and of kind agent also send data.

    The least that works: it may publish no track, and an avatar waits for a subscriber before it
    plays. A watcher needs no data.
    """
    claims = _claims(api_key, room, identity, kind, ttl)
    claims["video"] |= _may(sends=kind == "agent")
    # For a room that our joining creates, whoever of us comes first: it shall outlast a rehearsal.
    claims["roomConfig"] = _lasting()
    return _signed(claims, api_secret)


def mint_visit(
    *,
    api_key: str,
    api_secret: str,
    room: str,
    identity: str,
    ttl: datetime.timedelta,
    calls: bool = False,
    publishes: bool = False,
) -> str:
    """A token for somebody who looks into `room`: it hears or `publishes`, and may call somebody.

    The room takes no notice of it. When somebody of kind standard has been in a room and left, the
    server closes it 20 s later if only agents are left; one with the grant `agent` does not count
    (livekit-server, `pkg/rtc/participant.go`, IsDependent; `room.go`, CloseIfEmpty).
    """
    claims = _claims(api_key, room, identity, "standard", ttl)
    claims["video"] |= _may(sends=calls, publishes=publishes) | {"agent": True}
    claims["roomConfig"] = _lasting()
    return _signed(claims, api_secret)


def mint_avatar(
    *,
    api_key: str,
    api_secret: str,
    room: str,
    identity: str,
    sender: str | None,
    ttl: datetime.timedelta,
) -> str:
    """A token for an avatar that speaks for `sender` in `room`; None: it does not say for whom.

    The least with which livekit-agents' avatar worker does its work: it publishes tracks and sends
    data (without, it answers no call). It hears nobody: sound comes to it as data. Which sources
    its tracks name is left open, as others name none.
    """
    claims = _claims(api_key, room, identity, "agent", ttl)
    claims["video"] |= {"canPublish": True, "canPublishData": True, "canSubscribe": False}
    if sender is not None:
        claims["attributes"] = {wire.ON_BEHALF: sender}
    claims["roomConfig"] = _lasting()
    return _signed(claims, api_secret)


def mint_performer(
    *, api_key: str, api_secret: str, room: str, identity: str, ttl: datetime.timedelta
) -> str:
    """A token for a performer's page: its microphone goes into `room`, and nothing else.

    It hears nobody, sends no data, and shows no picture. Of kind standard: it keeps the room open.
    """
    claims = _claims(api_key, room, identity, "standard", ttl)
    claims["video"] |= {
        "canPublish": True,
        "canPublishSources": ["microphone"],
        "canPublishData": False,
        "canSubscribe": False,
    }
    claims["roomConfig"] = _lasting()
    return _signed(claims, api_secret)


def mint_question(*, api_key: str, api_secret: str, room: str, ttl: datetime.timedelta) -> str:
    """A token with which the server tells who is in `room`, and puts out; it lets nobody in."""
    now = int(time.time())
    claims = {
        "iss": api_key,
        "nbf": now,
        "exp": now + round(ttl.total_seconds()),
        "video": {"roomAdmin": True, "room": room},
    }
    return _signed(claims, api_secret)


def _signed(claims: dict[str, Any], api_secret: str) -> str:
    said = b".".join(_part(json.dumps(part).encode()) for part in (_HEADER, claims))
    signature = hmac.digest(api_secret.encode(), said, hashlib.sha256)
    return b".".join((said, _part(signature))).decode()


def _part(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def _may(*, sends: bool, publishes: bool = False) -> dict[str, bool]:
    return {"canPublish": publishes, "canPublishData": sends, "canSubscribe": not publishes}


def _lasting() -> dict[str, int]:
    return {"emptyTimeout": _UNWATCHED_S, "departureTimeout": _UNWATCHED_S}


def _claims(
    api_key: str, room: str, identity: str, kind: Kind, ttl: datetime.timedelta
) -> dict[str, Any]:
    now = int(time.time())
    return {
        "iss": api_key,
        "sub": identity,
        "name": identity,
        "kind": kind,
        "nbf": now,
        "exp": now + round(ttl.total_seconds()),
        "video": {"roomJoin": True, "room": room, "canUpdateOwnMetadata": False},
    }


def expired_at(token: str) -> float | None:
    """The unix second up to which a given token was good; None where it is not over yet.

    Raises:
        UsageError: it is no JWT.
    """
    until = read(token).get("exp")
    return until if isinstance(until, int | float) and 0 < until <= time.time() else None
