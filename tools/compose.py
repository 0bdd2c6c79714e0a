"""compose.yaml as docker compose reads it, as far as the project's own goes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).resolve().parents[1] / "compose.yaml"
VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>\w+):-(?P<default>[^}]*)\})")


@dataclass(frozen=True)
class Service:
    """A service: its name, and what stands below it, with the variables put in."""

    name: str
    said: Mapping[str, Any]

    @property
    def profiles(self) -> list[str]:
        return list(self.said["profiles"])

    @property
    def entrypoint(self) -> list[str] | None:
        """None: the image's."""
        return self.said.get("entrypoint")

    @property
    def command(self) -> list[str]:
        return list(self.said.get("command", ()))

    @property
    def environment(self) -> dict[str, str]:
        """What is set here, over that of the file which `env_file` names."""
        return dict(self.said.get("environment", {}))

    @property
    def needs(self) -> dict[str, Any]:
        """The services it waits for, by name."""
        return dict(self.said.get("depends_on", {}))

    @property
    def check(self) -> list[str] | None:
        """The command of its health check."""
        check = self.said.get("healthcheck")
        return None if check is None else list(check["test"][1:])

    @property
    def grace_s(self) -> float:
        """Seconds from SIGTERM to SIGKILL; ten are docker's own."""
        return float(self.said.get("stop_grace_period", "10s").removesuffix("s"))


def services(variables: Mapping[str, str] | None = None) -> dict[str, Service]:
    """All services by name, in an environment that has these variables."""
    whole = yaml.safe_load(FILE.read_text("utf-8"))
    return {
        name: Service(name, _put_in(said, variables or {}))
        for name, said in whole["services"].items()
    }


def in_order(found: Mapping[str, Service], profile: str) -> Iterator[Service]:
    """The services of a profile, each after those that it waits for."""
    left = {name: each for name, each in found.items() if profile in each.profiles}
    while left:
        ready = [each for each in left.values() if not each.needs.keys() & left.keys()]
        if not ready:
            raise ValueError(f"they wait for each other: {', '.join(left)}")
        for each in ready:
            del left[each.name]
            yield each


def _put_in(said: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(said, dict):
        return {name: _put_in(below, variables) for name, below in said.items()}
    if isinstance(said, list):
        return [_put_in(each, variables) for each in said]
    if not isinstance(said, str):
        return said

    def value(match: re.Match[str]) -> str:
        return "$" if match["dollar"] else variables.get(match["name"]) or match["default"]

    return VARIABLE.sub(value, said)
