"""Settings: one validated object, and the small piece of it that each part gets."""

from __future__ import annotations

from typing import Any, Literal

from micstream.audio.advice import Preset
from micstream.delivery.options import DeliveryOptions
from micstream.dialects import DIALECTS
from micstream.errors import UsageError
from micstream.settings import pieces
from micstream.settings import table as knobs
from micstream.settings.echo_guard import reference_channel
from micstream.settings.performers import performers
from micstream.settings.values import Values


class Settings(Values):
    """Settings as `table` describes them, validated. Secrets are masked wherever it is shown."""

    def __init__(self, **values: Any) -> None:  # typed: pydantic's own would take fields alone
        super().__init__(**values)

    # ---- pieces: what the parts get --------------------------------------------------------

    def connection(self) -> pieces.ConnectionSettings:
        """Server, room, identity and credentials."""
        return pieces.ConnectionSettings(
            url=self.url,
            api_key=self.api_key,
            api_secret=self.api_secret,
            token=self.token,
            insecure=self.insecure,
            room=self.room,
            identity=self.identity,
            stay=self.stay,
            take_over=self.take_over,
        )

    def links(self) -> pieces.LinkSettings:
        """The avatars to speak through, and their readiness."""
        return pieces.LinkSettings(patterns=self.avatar, ready_timeout_s=self.ready_timeout)

    def delivery(self) -> DeliveryOptions:
        """Options of the delivery to each avatar."""
        dialect = DIALECTS[self.dialect]
        return DeliveryOptions(
            avatar_rate=self.avatar_rate or dialect.sample_rate,
            dialect=dialect,
            prebuffer_ms=self.lead_ms,
            chunk_ms=self.chunk_ms,
            capacity_s=self.max_backlog,
            late=self.late,
            late_after_s=self.late_after,
            late_bound_s=self.late_bound,
            whole=self.mode == "utterance",
            live=self.mode == "live",
            max_utterance_s=self.max_length_ms / 1000,
            states=self.avatar_state,
        )

    def start(self) -> pieces.StartSettings:
        """The avatar to ask its server for.

        Raises:
            UsageError: a variable with two names has two values.
        """
        return pieces.StartSettings(
            connection=self.connection(),
            avatar_id=self.avatar_id,
            license_key=self.chosen("license_key"),
            server=self.chosen("avatar_server"),
        )

    def supervisor(self) -> pieces.SupervisorSettings:
        """The avatar to bring in and, with `keep_avatar`, to bring back.

        Raises:
            As `start`.
        """
        return pieces.SupervisorSettings(
            start=self.start(),
            patterns=self.avatar,
            keep=self.keep_avatar,
            timeout_s=self.wait_avatar,
        )

    def capture(self) -> pieces.CaptureSettings:
        """The microphone and its channel."""
        return pieces.CaptureSettings(
            device=self.device,
            channel=self.channel,
            channels=reference_channel(self.echo_guard) or 0,
        )

    def performers(self) -> pieces.PerformersSettings:
        """Several performers, where there are."""
        hold_s = self.voice_hold if self.voice_by == "first" else None
        return pieces.PerformersSettings(performers(self.performer), hold_s)

    def detection(self, calibrated: Preset | None = None) -> pieces.DetectionSettings:
        """Detector, thresholds and segmenter. `calibrated`: the device's preset, if none is set."""
        return pieces.DetectionSettings(
            vad=self.vad,
            tuning=self._tuned(self.preset or calibrated or "room"),
            vad_mode=self.vad_mode,
            frame_ms=self.frame_ms,
        )

    def sound_path(self) -> pieces.SoundPathSettings:
        """Cleaning."""
        return pieces.SoundPathSettings(
            clean=self.clean,
            send_original=self.send_original,
            echo_guard=reference_channel(self.echo_guard),
        )

    def keeping(self) -> pieces.KeepingSettings:
        """What is written down of the session."""
        return pieces.KeepingSettings(
            log=self.log,
            folder=self.record or None,
            avatar_sound=self.record_avatar,
            connection=self.connection(),
            patterns=self.avatar,
            sending=self.delivery(),
        )

    def stage(self) -> pieces.StageSettings:
        """The avatars that a page shows."""
        return pieces.StageSettings(connection=self.connection(), patterns=self.avatar)

    def controls(self) -> pieces.ControlSettings:
        """Gate and route at the start."""
        return pieces.ControlSettings(
            manual=self.talk != "voice",
            route=self.route,
            talk_tail_s=self.talk_tail_ms / 1000,
        )

    def chosen(self, name: Literal["license_key", "avatar_server"]) -> Any:
        """The value of a setting whose variable has two names.

        Raises:
            UsageError: both are set, and differ: who knows which is meant?
        """
        knob = knobs.BY_NAME[name]
        ours, other = getattr(self, name), getattr(self, f"{name}_also")
        if other is None or name not in self.model_fields_set:
            return ours if other is None else other
        if ours is not None and ours != other:
            shown = "" if knob.secret else f" ({ours} and {other})"
            raise UsageError(
                f"{knob.variable} and {' or '.join(knob.also)} are both set, and differ{shown}",
                hint=f"unset one of them, in the environment and in .env files, or give "
                f"{knob.option}",
                code="settings_differ",
            )
        return ours
