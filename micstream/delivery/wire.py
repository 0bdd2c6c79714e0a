"""Names and payloads on the wire between sender and avatar.

Source: livekit/agents, `livekit-agents/livekit/agents/voice/avatar/_datastream_io.py`, and
Avaluma's documentation of external audio.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import Final

AUDIO_TOPIC: Final = "lk.audio_stream"
SESSION_TOPIC: Final = "lk.agent.session"
ALIVE_TOPIC: Final = "micstream.alive"
"""Ours, to ourselves: the server acknowledges it and hands it to nobody."""
CLEAR_BUFFER: Final = "lk.clear_buffer"
ARRIVED: Final = "micstream.arrived"
"""Ours, and no avatar has it: a call queues behind the sound, so even its refusal says that all has
arrived."""
PLAYBACK_STARTED: Final = "lk.playback_started"
PLAYBACK_FINISHED: Final = "lk.playback_finished"
USER_STATE: Final = "user_state_changed"
AGENT_STATE: Final = "agent_state_changed"

ON_BEHALF: Final = "lk.publish_on_behalf"
"""An avatar's attribute: the identity for which it speaks, and to which it listens."""

OK: Final = "ok"
REJECT: Final = "reject"

RECEIVER_IDLE_S: Final = 10.0
"""A stock receiver ends a segment after this long without data; later writes vanish unheard."""

_PAYLOAD_LIMIT: Final = 64 * 1024
_LONGEST_S: Final = 1e9
"""No segment is that long; what is reckoned with it stays finite."""


def stream_name() -> str:
    """A fresh name for a segment: `AUDIO_` and 8 hex digits."""
    return f"AUDIO_{secrets.token_hex(4)}"


def stream_attributes(rate: int, channels: int = 1) -> dict[str, str]:
    """What a receiver needs to read the PCM; the values are decimal strings."""
    return {"sample_rate": str(rate), "num_channels": str(channels)}


@dataclass(frozen=True, slots=True)
class Finished:
    """What `lk.playback_finished` says."""

    position_s: float
    interrupted: bool


def parse_finished(payload: str) -> Finished | None:
    """The report, or None where the payload is not one. Unknown fields are ignored."""
    if len(payload) > _PAYLOAD_LIMIT:
        return None
    try:
        said = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    position, interrupted = said.get("playback_position"), said.get("interrupted")
    if isinstance(position, bool) or not isinstance(position, int | float):
        return None
    if not isinstance(interrupted, bool):
        return None
    try:
        seconds = float(position)
    except OverflowError:
        return None
    if not 0 <= seconds <= _LONGEST_S:  # no NaN either
        return None
    return Finished(seconds, interrupted)
