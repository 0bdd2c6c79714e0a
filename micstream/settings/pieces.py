"""The pieces of the settings: what each part needs of them, and no more.

`Settings` makes them: `settings.connection()`, `settings.links()` and so on. Frozen, and free of
pydantic but for the type that masks a secret.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from micstream.errors import UsageError

if TYPE_CHECKING:
    from pydantic import SecretStr

    from micstream.delivery.options import DeliveryOptions
    from micstream.settings.cutting_table import FrameMs
    from micstream.settings.performers import PerformerSetting
    from micstream.speech.presets import Tuning, Vad


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """Connection: which LiveKit server, which room, as whom, and with what credentials."""

    url: str | None
    """Address of the server; None where it is not set: see `room.address.server_url`."""
    api_key: str | None = field(repr=False)
    api_secret: SecretStr | None = field(repr=False)
    token: SecretStr | None = field(repr=False)
    """A ready token, in place of key and secret."""
    insecure: bool
    """Plain text through the internet is allowed."""
    room: str
    identity: str
    stay: bool = False
    """Come back also where somebody has removed us, or deleted the room."""
    take_over: bool = False
    """Put out a sender that is in the room under this identity; else it is left, and told of."""

    def keys(self, *, or_else: str = "") -> tuple[str, str]:
        """API key and secret, with which tokens are made. `or_else`: what will do in their place.

        Raises:
            UsageError: one is not set.
        """
        secret = self.api_secret.get_secret_value() if self.api_secret is not None else ""
        if not self.api_key or not secret:
            missing = "LIVEKIT_API_KEY" if not self.api_key else "LIVEKIT_API_SECRET"
            raise UsageError(
                f"no credentials: {missing} is not set",
                hint="set LIVEKIT_API_KEY and LIVEKIT_API_SECRET in the environment or in "
                f".env.local{or_else}",
                code="no_credentials",
            )
        return self.api_key, secret

    @property
    def has_keys(self) -> bool:
        """API key and secret are set."""
        return bool(self.api_key and self.api_secret is not None and self.api_secret)


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """Avatar links: which avatars to speak through, and how they prove that they listen."""

    patterns: tuple[str, ...]
    """An identity, or a prefix ending in `*`, for each avatar; in the order of the routes."""
    ready_timeout_s: float
    """After this long without an answer to a probe, the avatar's video decides."""


@dataclass(frozen=True, slots=True)
class StartSettings:
    """Start of an avatar: which one its server is asked to bring in."""

    connection: ConnectionSettings
    """Room that the avatar is to join; it speaks for our identity there."""
    avatar_id: str | None
    license_key: SecretStr | None = field(repr=False)
    server: str
    """Address of the avatar's server."""


@dataclass(frozen=True, slots=True)
class SupervisorSettings:
    """The avatar to bring in, and whether to bring it back whenever it is lost."""

    start: StartSettings
    patterns: tuple[str, ...]
    """Through which avatars we speak: the one to bring in must be among them."""
    keep: bool
    """Start it again whenever it has left or fallen silent."""
    timeout_s: float | None
    """Seconds that one start may take, until the avatar has joined; None: not given."""


@dataclass(frozen=True, slots=True)
class CaptureSettings:
    """Capture: which microphone, and which of its channels."""

    device: str | None
    """Name, part of a name, or index; None: the system's default."""
    channel: int
    """Channel from 1; 0 mixes them all."""
    channels: int = 0
    """Open at least so many, for an echo guard's reference."""


@dataclass(frozen=True, slots=True)
class PerformersSettings:
    """Performers: several microphones, and how one of them gets the voice."""

    performers: tuple[PerformerSetting, ...]
    """In the order of their numbers; empty: there is one, and his is the device."""
    hold_s: float | None
    """Who speaks first has the voice, and so long after his last word; None: it is given."""


@dataclass(frozen=True, slots=True)
class DetectionSettings:
    """Detection: which detector, and how its decisions become utterances."""

    vad: Vad
    tuning: Tuning
    """Thresholds and segmenter: the preset's, and over it what was given."""
    vad_mode: int
    """Aggressiveness of webrtcvad, 0 to 3: how much it must hear."""
    frame_ms: FrameMs
    """Frame that webrtcvad judges."""


@dataclass(frozen=True, slots=True)
class SoundPathSettings:
    """Sound path: what is done to the sound between the source and the avatar."""

    clean: bool
    """High pass, noise suppression and automatic gain."""
    send_original: bool
    """The detector judges the cleaned sound, the avatar gets the original."""
    echo_guard: int | None = None
    """Channel with the echo guard's reference, from 1; 0: the avatars' sound; None: no guard."""


@dataclass(frozen=True, slots=True)
class StageSettings:
    """Stage: which avatars a page shows, and in which room it finds them."""

    connection: ConnectionSettings
    patterns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeepingSettings:
    """Log and record: what is written down of a session, and where."""

    log: bool
    """Events go into the bounded log of the user's state."""
    folder: str | None
    """The folder in which the record's own is made; None: nothing is recorded."""
    avatar_sound: bool
    """The sound that the avatars publish is recorded too."""
    connection: ConnectionSettings
    patterns: tuple[str, ...]
    sending: DeliveryOptions
    """How sound is written, which a replay takes over."""


@dataclass(frozen=True, slots=True)
class ControlSettings:
    """Controls as they stand at the start."""

    manual: bool
    """The gate is closed until somebody opens it; else it is left to the detector."""
    route: int
    """Route: which of several avatars speaks, from 1 in the order of their patterns; 0: all."""
    talk_tail_s: float = 0.1
    """Seconds that the gate stays open after the last release of push-to-talk."""
