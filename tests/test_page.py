"""The pages as they are kept: built from their sources, locked, small, and at home anywhere."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tools import build_page

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "page/package-lock.json"
WHEEL_MB = 3


@pytest.fixture(scope="module")
def lock() -> dict[str, Any]:
    held: dict[str, Any] = json.loads(LOCK.read_text("utf-8"))
    return held


@pytest.mark.parametrize("page", build_page.ALL, ids=lambda page: page.output)
def test_what_is_kept_is_what_its_sources_make(page: build_page.Built, tmp_path: Path) -> None:
    build_page.install()
    build_page.build(tmp_path, page)
    fresh = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    kept = {file.name: file.read_bytes() for file in page.static.iterdir()}
    assert fresh.keys() == kept.keys()
    differing = [name for name in fresh if fresh[name] != kept[name]]
    assert not differing, "page/ has changed: make page"


def test_what_is_asked_for_is_pinned_and_locked(lock: dict[str, Any]) -> None:
    package = json.loads((ROOT / "page/package.json").read_text("utf-8"))
    root = lock["packages"][""]
    for group in ("dependencies", "devDependencies"):
        assert root[group] == package[group]
        for name, version in package[group].items():
            assert re.fullmatch(r"\d+\.\d+\.\d+", version), f"{name} is not pinned"
            assert lock["packages"][f"node_modules/{name}"]["version"] == version


def test_each_package_is_held_by_its_hash_and_by_no_address(lock: dict[str, Any]) -> None:
    for name, entry in lock["packages"].items():
        if name:
            assert entry["integrity"].startswith("sha512-"), name
        assert not entry.keys() & {"resolved", "link"}, name
    assert "registry" not in LOCK.read_text("utf-8")
    assert "omit-lockfile-registry-resolved=true" in (ROOT / "page/.npmrc").read_text("utf-8")


@pytest.mark.parametrize("page", build_page.PAGES, ids=lambda page: page.output)
def test_it_fetches_nothing_from_elsewhere(page: build_page.Built) -> None:
    for name in (Path(each).name for each in page.copied):
        text = (page.static / name).read_text("utf-8")
        assert "//" not in re.sub(r"/\*.*?\*/", "", text), name
    html = (page.static / "index.html").read_text("utf-8")
    assert not re.search(r"\son\w+=|\sstyle=|<style|<script(?! type=\"module\" src=)", html)


def test_the_operators_page_contains_no_package_of_others() -> None:
    told = (build_page.CONTROL_STATIC / "LICENCES.txt").read_text("utf-8")
    assert told == "control.js contains no packages of others.\n"
    script = (build_page.CONTROL_STATIC / "control.js").read_text("utf-8")
    assert "http://" not in script
    assert "https://" not in script


def test_the_licences_of_what_it_contains_go_with_it(lock: dict[str, Any]) -> None:
    told = (build_page.CLIENT_STATIC / "LICENCES.txt").read_text("utf-8")
    for name, entry in lock["packages"].items():
        if name and not entry.keys() & {"dev", "optional"}:
            package = name.removeprefix("node_modules/")
            assert f"==== {package} {entry['version']}: " in told


def test_a_wheel_brings_it_and_stays_small(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.stat().st_size < WHEEL_MB * 1_000_000
    with zipfile.ZipFile(wheel) as box:
        names = box.namelist()
    for page in build_page.ALL:
        kept = {str(file.relative_to(ROOT)) for file in page.static.iterdir()}
        assert kept
        assert kept <= set(names)
    assert not any("node_modules" in name or name.endswith(".ts") for name in names)
