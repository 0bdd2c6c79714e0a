"""What sets the project up and checks it: messages, and that it reads its own files rightly."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tools import check_docs, image_check

ROOT = Path(__file__).resolve().parents[1]


def run(*command: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What tools/setup needs of a checkout, in another place and without an environment."""
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools/setup", tmp_path / "tools")
    for file in ROOT.glob("requirements*.txt"):
        shutil.copy(file, tmp_path)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.mark.parametrize("script", ["tools/setup", "tools/lock", ".ci/run"])
def test_scripts_can_be_run(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    assert run("bash", "-n", script).returncode == 0


@pytest.mark.parametrize("arguments", [[], ["tset"]])
def test_setup_says_what_it_can_be_asked_for(checkout: Path, arguments: list[str]) -> None:
    done = run("tools/setup", *arguments, cwd=checkout)
    assert done.returncode == 1
    assert "tools/setup demo" in done.stderr


def test_setup_without_a_new_enough_python_says_so(checkout: Path) -> None:
    done = run("tools/setup", "demo", cwd=checkout, PYTHON="/bin/false")
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr
    assert "apt-get install" in done.stderr
    assert not (checkout / ".venv").exists()


def test_setup_keeps_standard_output_for_the_program(checkout: Path) -> None:
    assert run("tools/setup", "demo", cwd=checkout, PYTHON="/bin/false").stdout == ""


def test_help_lists_the_targets() -> None:
    done = run("make")
    assert done.returncode == 0
    listed = {line.split()[1] for line in done.stdout.splitlines()}
    assert {"demo", "test", "check", "bench", "lock", "assets", "clean", "help"} <= listed


def test_documentation_holds() -> None:
    assert check_docs.main() == 0


def test_broken_links_and_targets_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    text = "# Two words\n[a](#two-words) [b](#none) [c](gone.md) [d](https://example.org)\n"
    page.write_text(text)
    assert check_docs.broken_links(page, text) == [
        "the link #none names no heading of page.md",
        "the link gone.md leads nowhere",
    ]
    assert check_docs.unknown_targets("`make test`, `make tset`", {"test"}) == [
        "`make tset` is no target"
    ]


def test_dockerfile_copies_what_is_there_and_runs_as_a_user() -> None:
    steps = image_check.instructions()
    copied = [rest.split() for name, rest in steps if name == "COPY" and "--from" not in rest]
    allowed = (ROOT / ".dockerignore").read_text("utf-8")
    for *sources, _ in copied:
        for source in sources:
            assert (ROOT / source).exists()
            top = Path(source).parts[0]
            pattern = "requirements*.txt" if top.startswith("requirements") else top
            assert f"!{pattern}\n" in allowed
    assert [rest for name, rest in steps if name == "USER"] == ["1000"]
    assert all("--require-hashes" in rest for _, rest in steps if " -r " in rest)
