"""Settings as they are loaded: options over variables over defaults, errors in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from micstream.errors import UsageError, reason_of
from micstream.settings import given_token
from micstream.settings import table as knobs
from micstream.settings.model import Settings
from micstream.settings.variables import ENVIRONMENT, FILES, layered


def load(**flags: Any) -> Settings:
    """The settings, with those `flags` on top that are not None.

    `_without`: names of settings whose variables have no say.

    Raises:
        UsageError: a value that cannot be used; says which, where it can be set, and what was
            expected, and never repeats a secret.
    """
    given = {name: value for name, value in flags.items() if value is not None and value != []}
    # An option goes before either name of its variable.
    given |= {f"{knob.name}_also": None for knob in knobs.KNOBS if knob.also and knob.name in given}
    try:
        return _with_token(Settings(**given))
    except ValidationError as error:
        problems = "; ".join(_explain(problem) for problem in error.errors())
        raise UsageError(
            problems, hint="see .env.example and --help", code="bad_settings"
        ) from None
    except OSError as error:
        raise UsageError(
            f"a settings file cannot be read: {reason_of(error)}",
            hint="look at .env.local and .env, and at their permissions",
            code="bad_env",
        ) from None


def mixed_origins(settings: Settings) -> tuple[str, str] | None:
    """Where the address and its credential come from, if one is the environment, one a file.

    A file of the folder one happens to be in may name another server than one thinks. Whoever gives
    either in another way knows it: then there is nothing to say.
    """
    found = layered(FILES)
    held = settings.token or settings.api_secret
    credential = "LIVEKIT_TOKEN" if settings.token else "LIVEKIT_API_SECRET"
    ours = {"LIVEKIT_URL": settings.url, credential: held and held.get_secret_value()}
    if any(name not in found or found[name][0] != value for name, value in ours.items()):
        return None
    url, other = (found[name][1] for name in ours)
    return (url, other) if url != other and ENVIRONMENT in (url, other) else None


def _with_token(settings: Settings) -> Settings:
    """The settings with the room and the identity that a given token is for, unless they are set.

    Where they are set and differ, whoever needs the token refuses it.
    """
    if settings.token is None:
        return settings
    decided = given_token.names(settings.token.get_secret_value())
    left = {name: decided[name] for name in decided if name not in settings.model_fields_set}
    return settings.model_copy(update=left)


def _explain(problem: Mapping[str, Any]) -> str:
    where = str(problem["loc"][0]) if problem["loc"] else ""
    message = str(problem["msg"]).removeprefix("Value error, ")
    known = (k for k in knobs.KNOBS if where in (k.name, *k.names, f"{k.name}_also"))
    knob = next(known, None) if where else None  # else it is about several together
    if knob is None:
        return message
    masked = knob.secret or knob.name == "api_key"
    # An address may hold a password, or a key in its query.
    hidden = masked or any(sign in str(problem.get("input")) for sign in "@?")
    value = "" if hidden else f" {problem.get('input')!r} cannot be used:"
    variable = where if where in knob.also else knob.variable
    return f"{knob.option} ({variable}):{value} {message[:1].lower()}{message[1:]}"
