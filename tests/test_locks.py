"""The locks hold everything that pyproject.toml asks for, by hash, and nothing of a machine."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
LOCKS = (
    "requirements.txt",
    "requirements-demo.txt",
    "requirements-dev.txt",
    "requirements-build.txt",
)

HEADER = re.compile(r"#.*\bvia the following command:|# +make lock")
PIN = re.compile(r"(?P<name>[a-z0-9-]+)==(?P<version>[\w.+]+)( ; (?P<marker>[\w.'<>=! ()]+))? \\")
HASH = re.compile(r" {4}--hash=sha256:[0-9a-f]{64}(?P<more> \\)?")


def pins(lock: str) -> dict[str, set[tuple[str, str]]]:
    """Name -> its (version, marker) pairs. Fails where a line is anything but a pin or a hash."""
    found: dict[str, set[tuple[str, str]]] = {}
    hash_due = False
    for line in (ROOT / lock).read_text("utf-8").splitlines():
        if hash_due:
            match = HASH.fullmatch(line)
            assert match, f"{lock}: expected a hash, found {line!r}"
            hash_due = bool(match["more"])
        elif match := PIN.fullmatch(line):
            found.setdefault(match["name"], set()).add((match["version"], match["marker"] or ""))
            hash_due = True
        else:
            assert HEADER.fullmatch(line), f"{lock}: neither a pin nor a hash: {line!r}"
    assert not hash_due
    return found


def wanted() -> dict[str, list[str]]:
    """Lock -> the requirements of pyproject.toml that it must hold."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    base = pyproject["project"]["dependencies"]
    extras = [
        line for part in pyproject["project"]["optional-dependencies"].values() for line in part
    ]
    return {
        "requirements.txt": base,
        "requirements-demo.txt": base + extras,
        "requirements-dev.txt": base + extras + pyproject["dependency-groups"]["dev"],
        "requirements-build.txt": pyproject["build-system"]["requires"],
    }


@pytest.mark.parametrize("lock", LOCKS)
def test_holds_what_pyproject_asks_for(lock: str) -> None:
    held = pins(lock)
    for line in wanted()[lock]:
        requirement = Requirement(line)
        versions = [version for version, _ in held.get(canonicalize_name(requirement.name), ())]
        assert versions, f"{lock} lacks {line}"
        assert all(requirement.specifier.contains(version) for version in versions), line


@pytest.mark.parametrize("lock", LOCKS)
def test_agrees_with_the_development_lock(lock: str) -> None:
    tested = pins("requirements-dev.txt")
    for name, versions in pins(lock).items():
        assert {version for version, _ in versions} <= {version for version, _ in tested[name]}, (
            name
        )


def test_build_backend_is_locked_for_development() -> None:
    assert pins("requirements-build.txt").keys() <= pins("requirements-dev.txt").keys()


@pytest.mark.parametrize("lock", LOCKS)
def test_names_no_address_and_no_path(lock: str) -> None:
    text = (ROOT / lock).read_text("utf-8")
    assert not re.search(r"https?:|file:|://|/|index-url|find-links", text)
