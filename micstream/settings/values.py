"""Values of all settings, validated: flags > environment > `.env.local` > `.env` > defaults."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import (
    AliasChoices,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from micstream.audio.advice import Preset
from micstream.delivery.options import Policy, States
from micstream.dialects import DIALECTS
from micstream.errors import UsageError
from micstream.settings import table as knobs
from micstream.settings import variables
from micstream.settings.cutting_table import FrameMs
from micstream.settings.echo_guard import reference_channel
from micstream.settings.performers import performers, split
from micstream.settings.table import Mode, Talk, VoiceBy
from micstream.speech.presets import TUNINGS, Tuning, Vad


def _knob(name: str) -> Any:
    knob = knobs.BY_NAME[name]
    bounds: dict[str, Any] = {}
    if knob.low is not None and not knob.choices:
        bounds = {"ge": knob.low, "le": knob.high}
    alias = AliasChoices(*knob.variables) if knob.was else knob.variable
    return Field(default=knob.default, validation_alias=alias, repr=False, **bounds)


def _also(name: str) -> Any:
    alias = AliasChoices(*knobs.BY_NAME[name].also)
    return Field(default=None, validation_alias=alias, repr=False)


class Values(BaseSettings):
    """Values of all settings, as the tables describe them, validated; secrets are masked."""

    model_config = SettingsConfigDict(
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        validate_default=False,
    )

    url: str | None = _knob("url")
    api_key: str | None = _knob("api_key")
    api_secret: SecretStr | None = _knob("api_secret")
    token: SecretStr | None = _knob("token")
    insecure: bool = _knob("insecure")
    room: str = _knob("room")
    identity: str = _knob("identity")
    take_over: bool = _knob("take_over")
    avatar: Annotated[tuple[str, ...], NoDecode] = _knob("avatar")
    wait_avatar: float | None = _knob("wait_avatar")
    ready_timeout: float = _knob("ready_timeout")
    license_key: SecretStr | None = _knob("license_key")
    license_key_also: SecretStr | None = _also("license_key")
    avatar_id: str | None = _knob("avatar_id")
    avatar_server: str = _knob("avatar_server")
    avatar_server_also: str | None = _also("avatar_server")
    start_avatar: bool = _knob("start_avatar")
    keep_avatar: bool = _knob("keep_avatar")
    device: str | None = _knob("device")
    channel: int = _knob("channel")
    talk: Talk = _knob("talk")
    talk_tail_ms: int = _knob("talk_tail_ms")
    performer: Annotated[tuple[str, ...], NoDecode] = _knob("performer")
    voice_by: VoiceBy = _knob("voice_by")
    voice_hold: float = _knob("voice_hold")
    echo_guard: str = _knob("echo_guard")
    clean: bool = _knob("clean")
    send_original: bool = _knob("send_original")
    mode: Mode = _knob("mode")
    lead_ms: int = _knob("lead_ms")
    chunk_ms: int = _knob("chunk_ms")
    dialect: str = _knob("dialect")
    avatar_rate: int | None = _knob("avatar_rate")
    late: Policy = _knob("late")
    late_after: float = _knob("late_after")
    late_bound: float = _knob("late_bound")
    max_backlog: float = _knob("max_backlog")
    stay: bool = _knob("stay")
    route: int = _knob("route")
    avatar_state: States = _knob("avatar_state")
    show: str | None = _knob("show")
    control: bool = _knob("control")
    control_port: int = _knob("control_port")
    control_lan: bool = _knob("control_lan")
    osc: int | None = _knob("osc")
    record: str | None = _knob("record")
    record_avatar: bool = _knob("record_avatar")
    log: bool = _knob("log")
    preset: Preset | None = _knob("preset")
    vad: Vad = _knob("vad")
    vad_on: float | None = _knob("vad_on")
    vad_off: float | None = _knob("vad_off")
    near_db: int | None = _knob("near_db")
    vad_mode: int = _knob("vad_mode")
    frame_ms: FrameMs = _knob("frame_ms")
    margin_ms: int | None = _knob("margin_ms")
    onset_ms: int | None = _knob("onset_ms")
    onset_window_ms: int | None = _knob("onset_window_ms")
    pre_roll_ms: int | None = _knob("pre_roll_ms")
    hangover_ms: int | None = _knob("hangover_ms")
    tail_ms: int | None = _knob("tail_ms")
    min_speech_ms: int | None = _knob("min_speech_ms")
    max_length_ms: int = _knob("max_length_ms")
    search_ms: int = _knob("search_ms")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is given: `__init__` has put the variables under it."""
        return (init_settings,)

    def __init__(self, **values: Any) -> None:
        files = values.pop("_env_file", variables.FILES) or ()
        found = {name: value for name, (value, _) in variables.layered(map(Path, files)).items()}
        for name in values.pop("_without", ()):
            for variable in knobs.BY_NAME[name].names:
                found.pop(variable, None)
        for knob in knobs.KNOBS:
            if knob.was and knob.was in values:
                values.setdefault(knob.name, values.pop(knob.was))
            if knob.name in values:
                found.pop(knob.variable, None)
            if f"{knob.name}_also" in values:
                for name in knob.also:
                    found.pop(name, None)
            said = {name: found[name].rstrip("/") for name in knob.also if name in found}
            if len(set(said.values())) > 1:
                raise UsageError(
                    f"{' and '.join(said)} are both set, and differ",
                    hint="unset one of them, in the environment and in .env files",
                    code="settings_differ",
                ) from None
        given: dict[str, Any] = {**found, **values}
        super().__init__(**given)

    @model_validator(mode="before")
    @classmethod
    def _exactly(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Whoever names the avatar to bring in speaks through that one."""
        avatar_id = given.get("AVALUMA_AVATAR_ID", given.get("avatar_id"))
        if isinstance(avatar_id, str) and not given.keys() & {"MICSTREAM_AVATAR", "avatar"}:
            return {**given, "MICSTREAM_AVATAR": (f"avatar-{avatar_id}",)}
        return given

    @field_validator("*", mode="before")
    @classmethod
    def _text(cls, value: object, info: ValidationInfo) -> object:
        for part in value if isinstance(value, list | tuple) else (value,):
            if isinstance(part, str) and any("\ud800" <= each <= "\udfff" for each in part):
                raise ValueError("it is not text in UTF-8")
        secret = isinstance(value, SecretStr)
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if not isinstance(text, str) or info.field_name is None:
            return value
        knob = knobs.BY_NAME[info.field_name.removesuffix("_also")]
        tidy = variables.tidied(knob.variable, text)
        return SecretStr(tidy) if secret else tidy

    @field_validator("frame_ms", mode="before")
    @classmethod
    def _whole(cls, value: object) -> object:
        return int(value) if isinstance(value, str) and value.isdecimal() else value

    @field_validator("avatar", mode="before")
    @classmethod
    def _several(cls, value: object) -> object:
        if isinstance(value, str):
            parts = map(variables.unquoted, value.split(","))
            return tuple(part for part in parts if part)
        return value

    @field_validator("avatar")
    @classmethod
    def _patterns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("expected an identity, or a prefix ending in *")
        for pattern in value:
            if "*" in pattern[:-1]:
                raise ValueError(f"{pattern!r}: a * may stand at the end only")
        return tuple(dict.fromkeys(value))

    @field_validator("performer", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return tuple(split(value)) if isinstance(value, str) else value

    @field_validator("performer")
    @classmethod
    def _performers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        performers(value)
        return value

    @field_validator("dialect")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in DIALECTS:
            raise ValueError(f"expected {' or '.join(DIALECTS)}")
        return value

    @field_validator("echo_guard")
    @classmethod
    def _guarded(cls, value: str) -> str:
        reference_channel(value)
        return value

    @field_validator("room", "identity")
    @classmethod
    def _named(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("it is empty; expected a name")
        return value

    @field_validator("avatar_id")
    @classmethod
    def _one(cls, value: str | None) -> str | None:
        if value is not None and (not value.strip() or "*" in value):
            raise ValueError("expected the name of one avatar")
        return value

    @field_validator("url")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if "@" in value:
            raise ValueError("an address carries no user or password; use LIVEKIT_API_SECRET")
        if not _leads_somewhere(value, "ws", "wss", "http", "https"):
            raise ValueError("expected an address such as wss://example.livekit.cloud")
        return value

    @field_validator("avatar_server", "avatar_server_also")
    @classmethod
    def _page(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if "@" in value:
            raise ValueError("an address carries no user or password; use AVALUMA_LICENSE_KEY")
        if not _leads_somewhere(value, "http", "https"):
            raise ValueError("expected an address such as https://api.avaluma.ai")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        tuning = self.tuning
        segmenter = tuning.segmenter
        if self.vad_off is not None and self.vad_off > tuning.on:
            raise ValueError("--vad-off must not be above --vad-on")
        if segmenter.onset_ms > segmenter.onset_window_ms:
            raise ValueError("--onset-ms must not be longer than --onset-window-ms")
        if segmenter.max_length_ms <= segmenter.onset_window_ms + segmenter.pre_roll_ms:
            raise ValueError(
                "--max-length-ms must be longer than --onset-window-ms and --pre-roll-ms together"
            )
        reference = reference_channel(self.echo_guard)
        if reference and self.performer:
            raise ValueError(
                f"--echo-guard {self.echo_guard} is for one device: with --performer auto"
            )
        if reference and self.channel in (0, reference):
            raise ValueError(
                f"--echo-guard {self.echo_guard} needs --channel with the microphone's own, another"
            )
        if self.max_backlog * 1000 <= self.lead_ms:
            raise ValueError("--max-backlog must be longer than --lead-ms")
        people = [each.identity for each in performers(self.performer) if each.identity]
        if self.identity in people:
            raise ValueError(f"--performer: {self.identity!r} is our own --identity")
        for pattern in self.avatar:
            for who in people:
                if who == pattern or (pattern[-1] == "*" and who.startswith(pattern[:-1] or "*")):
                    raise ValueError(f"--performer: {who!r} is an avatar's identity (--avatar)")
        return self

    @property
    def voice(self) -> int:
        """Older name of `route`."""
        return self.route

    @property
    def tuning(self) -> Tuning:
        """Thresholds and segmenter: the preset of the detector, and over it what was given."""
        return self._tuned(self.preset or "room")

    def _tuned(self, name: Preset) -> Tuning:
        preset = TUNINGS[self.vad, name]
        names = {field.name for field in fields(preset.segmenter)}
        segmenter = replace(preset.segmenter, **self._given(*names))
        own = self._given("near_db", "margin_ms")
        on = preset.on if self.vad_on is None else self.vad_on
        off = preset.off if self.vad_off is None else self.vad_off
        return replace(preset, on=on, off=min(on, off), segmenter=segmenter, **own)

    def _given(self, *names: str) -> dict[str, int]:
        """Settings that are not left to the preset, by name."""
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    def __repr__(self) -> str:
        shown = []
        for name in type(self).model_fields:
            value = getattr(self, name)
            knob = knobs.BY_NAME[name.removesuffix("_also")]
            masked = value is not None and (knob.secret or name == "api_key")
            shown.append(f"{name}={'***' if masked else repr(value)}")
        return f"{type(self).__name__}({', '.join(shown)})"

    __str__ = __repr__


def _leads_somewhere(address: str, *schemes: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
