"""Tokens: ours made, given ones read.

Source: LiveKit's access tokens (JWT, HS256); the claims are read without their key, so what is
learned here serves for clear messages and never for trust.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, Final, Literal

import jwt
from livekit import api

from micstream.avatar import wire
from micstream.errors import UsageError

Kind = Literal["agent", "standard"]

_UNWATCHED: Final = datetime.timedelta(hours=12)


def mint(
    *,
    api_key: str,
    api_secret: str,
    room: str,
    identity: str,
    kind: Kind = "agent",
    ttl: datetime.timedelta,
    passing: bool = False,
) -> str:
    """A token that lets `identity` into `room`: hear, and of kind agent also send data.

    The least that works: it may publish no track, and an avatar waits for a subscriber before it
    plays. A watcher needs no data.

    `passing`: the room takes no notice of it. When somebody of kind standard has been in a room
    and left, the server closes it 20 s later if only agents are left; one with the grant `agent`
    does not count (livekit-server, `pkg/rtc/participant.go`, IsDependent; `room.go`, CloseIfEmpty).
    """
    grants = api.VideoGrants(
        room_join=True,
        room=room,
        can_publish=False,
        can_publish_data=kind == "agent",
        can_subscribe=True,
        can_update_own_metadata=False,
        agent=True if passing else None,
    )
    token = api.AccessToken(api_key, api_secret).with_identity(identity).with_name(identity)
    token = token.with_kind(kind).with_grants(grants).with_ttl(ttl)
    if kind == "agent":
        token = token.with_room_config(_kept_open())
    return token.to_jwt()


def mint_avatar(
    *,
    api_key: str,
    api_secret: str,
    room: str,
    identity: str,
    sender: str,
    ttl: datetime.timedelta,
) -> str:
    """A token for an avatar that speaks for `sender` in `room`.

    The least with which livekit-agents' avatar worker does its work: it publishes tracks and sends
    data (without, it answers no call). It hears nobody: sound comes to it as data. Which sources
    its tracks name is left open, as others name none.
    """
    grants = api.VideoGrants(
        room_join=True,
        room=room,
        can_publish=True,
        can_publish_data=True,
        can_subscribe=False,
        can_update_own_metadata=False,
    )
    token = api.AccessToken(api_key, api_secret).with_identity(identity).with_name(identity)
    token = token.with_kind("agent").with_attributes({wire.ON_BEHALF: sender})
    return token.with_grants(grants).with_ttl(ttl).to_jwt()


def _kept_open() -> api.RoomConfiguration:
    """For a room that our joining creates: it shall outlast a rehearsal without a viewer."""
    return api.RoomConfiguration(
        empty_timeout=round(_UNWATCHED.total_seconds()),
        departure_timeout=round(_UNWATCHED.total_seconds()),
    )


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


def check_agent(token: str) -> None:
    """Refuse a given token with which no avatar would listen to us.

    Raises:
        UsageError: not a JWT, or not of kind agent.
    """
    kind = read(token).get("kind", "standard")
    if kind != "agent":
        raise UsageError(
            f"the token given is of kind {kind!r}; an avatar listens to kind 'agent' only",
            hint="mint one with: micstream token --kind agent",
            code="token_kind",
        )
