"""Order and sharing of the tests among processes (pytest-xdist), by their markers.

Pure tests come first, so that a mistake is told within the first minutes; all processes share
them. Then one process takes all that must keep time (a sound server, a browser, at which two at
once would only listen to each other), and the others take what meets a real server but mostly
waits. The longest are begun first, so that both end at about the same time.

The hooks are imported by tests/conftest.py.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Collection
from typing import Any

import pytest

REAL = frozenset(("room", "sound", "slow"))
KEEPS_TIME = frozenset(("sound", "browser"))
BROWSER_FIXTURE = "chromium"
TIMED = "timed"
"""The group of what keeps time: one process has all of it."""
TOLD_S = 20.0


def rank(markers: Collection[str]) -> int:
    """Its place in the order: 0 pure, 1 keeps time, 2 long, 3 any other that is real."""
    if KEEPS_TIME & set(markers):
        return 1
    if "slow" in markers:
        return 2
    return 3 if REAL & set(markers) else 0


def without_group(nodeid: str) -> str:
    """The test's name as pytest takes it; xdist adds `@group` to those of a group."""
    name, at, group = nodeid.rpartition("@")
    return name if at and group == TIMED else nodeid


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests in order, and those that keep time into their group."""
    for item in items:
        if BROWSER_FIXTURE in getattr(item, "fixturenames", ()):
            item.add_marker("browser")
    ranks = {item: rank({mark.name for mark in item.iter_markers()}) for item in items}
    for item, place in ranks.items():
        if place == 1:
            item.add_marker(pytest.mark.xdist_group(TIMED))
    items.sort(key=ranks.__getitem__)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Have a failure named as one would type it to run it again."""
    if not _is_worker():
        report.nodeid = without_group(report.nodeid)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker that is set here."""
    config.addinivalue_line("markers", "browser: shows a page in a real browser; set by itself")
    if not _is_worker():
        config.pluginmanager.register(_Progress(config), "progress")


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Have a worker process end at once when its tests have ended.

    The SDK's threads call into Python up to the end, and abort the process where they meet an
    interpreter that is being taken down. Functions registered last run first, before that.
    """
    if _is_worker():
        atexit.register(os._exit, 0)


class _Progress:
    """Names the long tests as they end: dots alone would stand still for minutes."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        reporter: Any = self._config.pluginmanager.getplugin("terminalreporter")
        if report.when == "call" and report.duration >= TOLD_S and reporter is not None:
            reporter.ensure_newline()
            reporter.write_line(f"{report.duration:5.0f} s  {report.nodeid}")


def _is_worker() -> bool:
    return "PYTEST_XDIST_WORKER" in os.environ
