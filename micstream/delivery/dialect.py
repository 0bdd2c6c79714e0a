"""Dialect: what differs from one maker's avatars to another's on the same protocol. Pure data."""

from __future__ import annotations

from dataclasses import dataclass

from micstream.delivery import wire


@dataclass(frozen=True, slots=True)
class Dialect:
    """What an avatar wants, and by which calls it is reached; the defaults are the stock one's."""

    sample_rate: int = 16_000
    """Sample rate in Hz of the sound that it plays."""
    clear_method: str = wire.CLEAR_BUFFER
    """Call that has it drop what it holds; its `ok` says that it listens to us (readiness)."""
    user_state_method: str = wire.USER_STATE
    """Call that tells it whether the performer speaks."""
    agent_state_method: str = wire.AGENT_STATE
    """Call that tells it whether its own sound plays."""


STOCK = Dialect()
"""livekit-agents' own `DataStreamAudioReceiver`, and Avaluma's avatars."""
