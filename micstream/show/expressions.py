"""Expressions in the dialects of makers' avatars: the message that each takes for one.

Sources: Keyframe's data topic `lk.control`; Tavus' data topic `app_messages`, event
`conversation.set_emotion`; Synthesia's call `swapAvatar`; as their plugins of livekit-agents 1.8.9
and their documentation have them.
"""

from __future__ import annotations

import json
from typing import Final, Protocol

from micstream.messages import Message


class Expression(Protocol):
    """What one maker's avatars can be told."""

    def emotion(self, name: str) -> Message:
        """Message for an emotion, by the maker's name for it.

        Raises:
            ValueError: they take none.
        """
        ...

    def avatar(self, name: str) -> Message:
        """Message to become another avatar, by its id.

        Raises:
            ValueError: they take none.
        """
        ...


class _Keyframe:
    def emotion(self, name: str) -> Message:
        return Message("data", "lk.control", f"emotion:{name}")

    def avatar(self, name: str) -> Message:
        raise ValueError("keyframe's avatars cannot be swapped")


class _Tavus:
    def emotion(self, name: str) -> Message:
        told = {
            "message_type": "conversation",
            "event_type": "conversation.set_emotion",
            "properties": {"emotion": name},
        }
        return Message("data", "app_messages", json.dumps(told))

    def avatar(self, name: str) -> Message:
        raise ValueError("tavus' avatars cannot be swapped")


class _Synthesia:
    def emotion(self, name: str) -> Message:
        raise ValueError("synthesia's avatars take no emotion")

    def avatar(self, name: str) -> Message:
        return Message("rpc", "swapAvatar", json.dumps({"avatar_id": name}))


EXPRESSIONS: Final[dict[str, Expression]] = {
    "keyframe": _Keyframe(),
    "tavus": _Tavus(),
    "synthesia": _Synthesia(),
}
"""Each maker's by its name."""
