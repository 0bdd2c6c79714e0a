"""Options of the delivery to one avatar: its small piece of the settings. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from micstream.delivery.dialect import STOCK, Dialect

Policy = Literal["drop", "queue", "latest"]
"""What becomes of sound that waits too long: see `send_queue`."""
States = Literal["on", "user", "agent", "off"]


@dataclass(frozen=True, slots=True)
class DeliveryOptions:
    """Options of the delivery to one avatar."""

    avatar_rate: int = 16_000
    """Sample rate in Hz that the avatar wants."""
    dialect: Dialect = STOCK
    """Calls by which this maker's avatars are reached."""
    prebuffer_ms: int = 110
    """Milliseconds of sound gathered before the first write, at least (`--lead-ms`)."""
    chunk_ms: int = 100
    """Milliseconds of sound in each write after it."""
    capacity_s: float = 10.0
    """Seconds of sound that the avatar may have to play before no more is sent (`max_backlog`)."""
    late: Policy = "drop"
    """What becomes of sound that waits too long: see `send_queue`."""
    late_after_s: float = 2.0
    """Seconds after which waiting sound is late."""
    late_bound_s: float = 60.0
    """Seconds of sound that may wait; beyond it the oldest gives way."""
    whole: bool = False
    """Whether each utterance is collected and sent as a whole (`--mode utterance`)."""
    live: bool = True
    """Whether late speech is lost where the avatar is too far behind; else it waits for it."""
    max_utterance_s: float = 30.0
    """Seconds of the longest utterance: one that is collected must have a place to wait in."""
    states: States = "on"
    """Which states are told to the avatar: see `states`."""

    @property
    def loses(self) -> bool:
        """Whether speech is lost once the avatar is too far behind; else it waits."""
        return self.live and not self.whole and self.late == "drop"

    @property
    def bound_s(self) -> float:
        """Seconds of sound that may wait."""
        return max(self.late_bound_s, self.max_utterance_s + 1) if self.whole else self.late_bound_s
