"""The show's file: cues and keys, from TOML or from a folder of sounds.

microphone = "hold"            # while cues play: hold, duck, takeover
dialect = "keyframe"           # for emotion and avatar: keyframe, tavus, synthesia
[keys]
panic = "x"
[[cue]]
name = "applause"
file = "applause.wav"          # beside this file
gain_db = -3
fade_ms = 400
colour = "#c04030"
key = "a"
then = "unmute"
[[cue.message]]
rpc = "gesture"
payload = "bow"
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from micstream.audio.format import SPEECH
from micstream.audio.resample import Resampler
from micstream.errors import InputError, UsageError, reason_of
from micstream.messages import Message
from micstream.show.cue import Cue, Meanwhile, Show, Then, with_gain
from micstream.show.expressions import EXPRESSIONS, Expression
from micstream.sources.files import FileSource

SOUNDS: Final = (".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".aiff", ".aif", ".w64", ".rf64")
_MAX_S: Final = 600.0
_MAX_TOTAL_S: Final = 3_600.0
_MAX_CUES: Final = 500
_FORBID: Final = ConfigDict(extra="forbid", str_strip_whitespace=True)


class _Message(BaseModel):
    model_config = _FORBID

    rpc: str | None = None
    data: str | None = None
    text: str | None = None
    emotion: str | None = None
    avatar: str | None = None
    topic: str = ""
    payload: str = ""

    @model_validator(mode="after")
    def _one_kind(self) -> _Message:
        kinds = [name for name in ("rpc", "data", "text", "emotion", "avatar") if self.kind(name)]
        if len(kinds) != 1:
            raise ValueError("expected one of rpc, data, text, emotion, avatar")
        return self

    def kind(self, name: str) -> str | None:
        value: str | None = getattr(self, name)
        return value


class _Entry(BaseModel):
    model_config = _FORBID

    name: str = Field(min_length=1, max_length=60)
    file: str | None = None
    gain_db: float = Field(0.0, ge=-60, le=24)
    fade_ms: int = Field(200, ge=0, le=10_000)
    colour: str = Field("", pattern=r"^(#[0-9a-fA-F]{6})?$")
    key: str = Field("", max_length=1)
    then: Then = ""
    microphone: Meanwhile | None = None
    message: list[_Message] = []

    @model_validator(mode="after")
    def _something(self) -> _Entry:
        if self.file is None and not self.message:
            raise ValueError("expected a file, a message, or both")
        if self.name == "stop":
            raise ValueError('"stop" stops cues; expected another name')
        return self


class _File(BaseModel):
    model_config = _FORBID

    microphone: Meanwhile = "hold"
    dialect: Literal["", "keyframe", "tavus", "synthesia"] = ""
    keys: dict[str, str] = {}
    cue: list[_Entry] = Field([], max_length=_MAX_CUES)


def load_show(where: str) -> Show:
    """Read a show's file, or a folder: each sound in it is a cue of its name.

    A sound that is missing or cannot be read leaves its cue with a `problem`: the others play.

    Raises:
        UsageError: the file or the folder cannot be read, or says what cannot be used.
    """
    path = Path(where).expanduser()
    try:
        if path.is_dir():
            return _of_folder(path)
        read = tomllib.loads(path.read_text(encoding="utf-8"))
        said = _File.model_validate(read)
    except OSError as error:
        raise _unusable(path, reason_of(error)) from None
    except UnicodeDecodeError:
        raise _unusable(path, "it is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise _unusable(path, f"not TOML: {str(error)[:1].lower()}{str(error)[1:]}") from None
    except ValidationError as error:
        raise _unusable(path, "; ".join(_words(each, read) for each in error.errors())) from None
    expression = EXPRESSIONS.get(said.dialect)
    entries = [_cue(path, entry, said.microphone, expression) for entry in said.cue]
    _refuse_doubles(path, entries)
    return Show(_within(entries), dict(said.keys))


def _of_folder(folder: Path) -> Show:
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in SOUNDS)
    if not files:
        raise _unusable(folder, "no sound files in it")
    cues = [_sounding(Cue(name=file.stem), file, 0.0) for file in files[:_MAX_CUES]]
    _refuse_doubles(folder, cues)
    return Show(_within(cues))


def _cue(path: Path, entry: _Entry, microphone: Meanwhile, expression: Expression | None) -> Cue:
    try:
        messages = tuple(_message(each, expression) for each in entry.message)
    except ValueError as error:
        raise _unusable(path, f"cue {entry.name!r}: {error}") from None
    cue = Cue(
        name=entry.name,
        messages=messages,
        fade_s=entry.fade_ms / 1000,
        colour=entry.colour,
        key=entry.key,
        then=entry.then,
        meanwhile=entry.microphone or microphone,
    )
    if entry.file is None:
        return cue
    return _sounding(cue, path.parent / Path(entry.file).expanduser(), entry.gain_db)


def _message(said: _Message, expression: Expression | None) -> Message:
    if said.rpc is not None:
        return Message("rpc", said.rpc, said.payload)
    if said.data is not None:
        return Message("data", said.data, said.payload)
    if said.text is not None:
        return Message("text", said.topic or "lk.chat", said.text)
    if expression is None:
        raise ValueError("emotion and avatar need a dialect: one of keyframe, tavus, synthesia")
    if said.emotion is not None:
        return expression.emotion(said.emotion)
    assert said.avatar is not None
    return expression.avatar(said.avatar)


def _sounding(cue: Cue, file: Path, gain_db: float) -> Cue:
    """The cue with its sound, or with what is wrong with it."""
    try:
        source = FileSource(file, pace="fast")
        if source.duration_s > _MAX_S:
            problem = f"{file}: {source.duration_s:.0f} s; expected {_MAX_S:.0f} at most"
            return replace(cue, problem=problem)
        resampler = Resampler(source.format, SPEECH.rate, pick=source.pick)
        pcm = b"".join(map(resampler.push, source.read())) + resampler.finish()
    except InputError as error:
        return replace(cue, problem=error.message)
    return replace(cue, pcm=with_gain(pcm, gain_db))


def _within(cues: Iterable[Cue]) -> tuple[Cue, ...]:
    """The cues, the last of them without their sound where all do not fit in memory."""
    kept, total = [], 0.0
    for cue in cues:
        total += cue.duration_s
        fits = total <= _MAX_TOTAL_S or not cue.pcm
        why = f"more than {_MAX_TOTAL_S / 60:.0f} min in all"
        kept.append(cue if fits else replace(cue, pcm=b"", problem=why))
    return tuple(kept)


def _refuse_doubles(path: Path, cues: Iterable[Cue]) -> None:
    names: set[str] = set()
    keys: dict[str, str] = {}
    for cue in cues:
        if cue.name in names:
            raise _unusable(path, f"two cues are named {cue.name!r}")
        if cue.key and cue.key in keys:
            raise _unusable(path, f"{cue.key!r} is the key of {keys[cue.key]!r} and {cue.name!r}")
        names.add(cue.name)
        keys[cue.key] = cue.name


def _words(problem: Any, read: Mapping[str, Any]) -> str:
    place = [str(part) for part in problem["loc"]]
    if len(problem["loc"]) > 1 and problem["loc"][0] == "cue":
        number = problem["loc"][1]
        name = read["cue"][number].get("name") if isinstance(number, int) else None
        place[:2] = [f"cue {name!r}" if name else f"cue {number + 1}"]
    if problem["type"] == "extra_forbidden":
        known = _known_at(problem["loc"])
        near = difflib.get_close_matches(place[-1].lower(), known, 1)
        meant = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(known)}"
        return f"{'.'.join(place)}: there is no such setting; {meant}"
    message = str(problem["msg"]).removeprefix("Value error, ")
    return f"{'.'.join(place)}: {message[:1].lower()}{message[1:]}"


def _known_at(place: Sequence[str | int]) -> list[str]:
    """What may stand where this does."""
    models: tuple[type[BaseModel], ...] = (_File, _Entry, _Message)
    return list(models[sum(isinstance(part, int) for part in place)].model_fields)


def _unusable(path: Path, why: str) -> UsageError:
    return UsageError(
        f"--show {path}: {why}",
        hint="expected a TOML file of cues, or a folder of sound files: see docs/show.md",
        code="bad_show",
    )
