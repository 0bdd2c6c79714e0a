"""One validated object: flags > environment > `.env.local` > `.env` > defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from micstream import knobs
from micstream.errors import UsageError
from micstream.speech.presets import TUNINGS, Place, Tuning, Vad


def _knob(name: str) -> Any:
    knob = knobs.BY_NAME[name]
    bounds: dict[str, Any] = {}
    if knob.low is not None:
        bounds = {"ge": knob.low, "le": knob.high}
    return Field(default=knob.default, validation_alias=knob.variable, repr=False, **bounds)


class Settings(BaseSettings):
    """What `knobs.py` describes, validated. Secrets are masked wherever it is shown."""

    model_config = SettingsConfigDict(
        env_file=(".env", ".env.local"),
        env_file_encoding="utf-8",
        env_ignore_empty=True,
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
    avatar: Annotated[tuple[str, ...], NoDecode] = _knob("avatar")
    wait_avatar: float | None = _knob("wait_avatar")
    ready_timeout: float = _knob("ready_timeout")
    device: str | None = _knob("device")
    channel: int = _knob("channel")
    talk: Literal["voice", "push"] = _knob("talk")
    clean: bool = _knob("clean")
    send_original: bool = _knob("send_original")
    mode: Literal["live", "utterance"] = _knob("mode")
    lead_ms: int = _knob("lead_ms")
    chunk_ms: int = _knob("chunk_ms")
    avatar_rate: int = _knob("avatar_rate")
    late: Literal["drop", "queue", "latest"] = _knob("late")
    late_after: float = _knob("late_after")
    late_bound: float = _knob("late_bound")
    max_backlog: float = _knob("max_backlog")
    preset: Place | None = _knob("preset")
    vad: Vad = _knob("vad")
    vad_on: float | None = _knob("vad_on")
    vad_off: float | None = _knob("vad_off")
    near_db: int | None = _knob("near_db")
    vad_mode: int = _knob("vad_mode")
    frame_ms: Literal[10, 20, 30] = Field(default=20, validation_alias="MICSTREAM_FRAME_MS")
    margin_ms: int | None = _knob("margin_ms")
    onset_ms: int | None = _knob("onset_ms")
    onset_window_ms: int | None = _knob("onset_window_ms")
    pre_roll_ms: int | None = _knob("pre_roll_ms")
    hangover_ms: int | None = _knob("hangover_ms")
    tail_ms: int | None = _knob("tail_ms")
    min_speech_ms: int | None = _knob("min_speech_ms")
    max_length_ms: int = _knob("max_length_ms")
    search_ms: int = _knob("search_ms")

    @field_validator("*", mode="before")
    @classmethod
    def _text(cls, value: object) -> object:
        for part in value if isinstance(value, list | tuple) else (value,):
            if isinstance(part, str) and any("\ud800" <= each <= "\udfff" for each in part):
                raise ValueError("it is not text in UTF-8")
        return value

    @field_validator("frame_ms", mode="before")
    @classmethod
    def _whole(cls, value: object) -> object:
        return int(value) if isinstance(value, str) and value.isdecimal() else value

    @field_validator("avatar", mode="before")
    @classmethod
    def _several(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("avatar")
    @classmethod
    def _patterns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("expected an identity, or a prefix ending in *")
        for pattern in value:
            if "*" in pattern[:-1]:
                raise ValueError(f"{pattern!r}: a * may stand at the end only")
        return value

    @field_validator("room", "identity")
    @classmethod
    def _named(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("it is empty; expected a name")
        return value

    @field_validator("url")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if "@" in value:
            raise ValueError("an address carries no user or password; use LIVEKIT_API_SECRET")
        try:
            parts = urlsplit(value)
            known = parts.scheme in ("ws", "wss", "http", "https")
            usable = known and parts.hostname and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            raise ValueError("expected an address such as wss://example.livekit.cloud")
        return value

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
        if self.max_backlog * 1000 <= self.lead_ms:
            raise ValueError("--max-backlog must be longer than --lead-ms")
        return self

    @property
    def tuning(self) -> Tuning:
        """How utterances are found: the preset of the detector, and over it what was given."""
        preset = TUNINGS[self.vad, self.preset or "room"]
        names = {field.name for field in fields(preset.segmenter)}
        segmenter = replace(preset.segmenter, **self._given(*names))
        own = self._given("near_db", "margin_ms")
        on = preset.on if self.vad_on is None else self.vad_on
        off = preset.off if self.vad_off is None else self.vad_off
        return replace(preset, on=on, off=min(on, off), segmenter=segmenter, **own)

    def _given(self, *names: str) -> dict[str, int]:
        """Those of the settings that are not left to the preset."""
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    def __repr__(self) -> str:
        shown = []
        for name in type(self).model_fields:
            value = getattr(self, name)
            masked = value is not None and (knobs.BY_NAME[name].secret or name == "api_key")
            shown.append(f"{name}={'***' if masked else repr(value)}")
        return f"Settings({', '.join(shown)})"

    __str__ = __repr__


def load(**flags: Any) -> Settings:
    """The settings, with those `flags` on top that are not None.

    Raises:
        UsageError: a value that cannot be used; says which, where it can be set, and what was
            expected, and never repeats a secret.
    """
    given = {name: value for name, value in flags.items() if value is not None and value != []}
    try:
        return Settings(**given)
    except ValidationError as error:
        problems = "; ".join(_explain(problem) for problem in error.errors())
        raise UsageError(
            problems, hint="see .env.example and --help", code="bad_settings"
        ) from None
    except UnicodeDecodeError:
        raise UsageError(
            "a settings file is not UTF-8 text", hint="look at .env.local and .env", code="bad_env"
        ) from None
    except OSError as error:
        raise UsageError(
            f"a settings file cannot be read: {(error.strerror or 'no reason given').lower()}",
            hint="look at .env.local and .env, and at their permissions",
            code="bad_env",
        ) from None


def _explain(problem: Mapping[str, Any]) -> str:
    where = str(problem["loc"][0]) if problem["loc"] else ""
    message = str(problem["msg"]).removeprefix("Value error, ")
    knob = next((k for k in knobs.KNOBS if where in (k.name, k.variable)), None)
    if knob is None:
        return message
    hidden = knob.secret or "@" in str(problem.get("input"))  # an address may hold a password
    value = "" if hidden else f" {problem.get('input')!r} cannot be used:"
    return f"{knob.option} ({knob.variable}):{value} {message[:1].lower()}{message[1:]}"


__all__ = ["Settings", "load"]
