"""Order and sharing of the tests among processes (pytest-xdist), by their markers.

Pure tests come first, so that a mistake is told within the first minutes; all processes share
them. Then one process takes all that must keep time (a sound server, a browser, at which two at
once would only listen to each other), and the others take what meets a real server but mostly
waits. The longest are begun first, so that all end at about the same time.

The hooks are imported by tests/conftest.py. (xdist's own groups, `--dist loadgroup`, are lost with
pytest 9.2: they were written into the tests' names, which cannot be changed any more.)
"""

from __future__ import annotations

import atexit
import json
import os
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
from xdist.remote import Producer  # type: ignore[import-untyped]
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]
from xdist.workermanage import WorkerController  # type: ignore[import-untyped]

REAL = frozenset(("room", "sound", "slow"))
KEEPS_TIME = frozenset(("sound", "browser"))
BROWSER_FIXTURE = "chromium"
TOLD_S = 20.0

_PLACE = "lanes"
"""Where a worker writes which tests keep time: a worker alone knows their markers."""


def rank(markers: Collection[str]) -> int:
    """Its place in the order: 0 pure, 1 keeps time, 2 long, 3 any other that is real."""
    if KEEPS_TIME & set(markers):
        return 1
    if "slow" in markers:
        return 2
    return 3 if REAL & set(markers) else 0


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the tests in order, and have the scheduler know which keep time."""
    for item in items:
        if BROWSER_FIXTURE in getattr(item, "fixturenames", ()):
            item.add_marker("browser")
    ranks = {item: rank({mark.name for mark in item.iter_markers()}) for item in items}
    items.sort(key=ranks.__getitem__)
    given: dict[str, Any] = getattr(config, "workerinput", {})
    if place := given.get(_PLACE):
        own = Path(f"{place}.{given['workerid']}")
        own.write_text(json.dumps([item.nodeid for item in items if ranks[item] == 1]), "utf-8")
        own.replace(place)  # each writes the same


class Scheduler(LoadScopeScheduling):  # type: ignore[misc]
    """One test after another, in their order, to whichever process is free; a lane as a whole."""

    def __init__(self, config: pytest.Config, log: Producer, place: Path) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)
        self._place = place
        self._keep_time: frozenset[str] | None = None

    def _split_scope(self, nodeid: str) -> str:
        if self._keep_time is None:  # asked for the first time: all have collected
            self._keep_time = frozenset(json.loads(self._place.read_text("utf-8")))
        return "keeps time" if nodeid in self._keep_time else nodeid

    def schedule(self) -> None:
        """As upstream; and one that came in another's place is given two, or its end: with one
        alone it would wait for a second.
        """
        super().schedule()
        for node in self.nodes if self.collection else ():
            self._reschedule(node)

    def _reschedule(self, node: WorkerController) -> None:
        if node in self.registered_collections:  # else it is still collecting
            super()._reschedule(node)

    def remove_node(self, node: WorkerController) -> str | None:
        """As upstream, but what ended its process is not begun again by the next one."""
        work: dict[str, dict[str, bool]] = self.assigned_work.pop(node)
        left = ((scope, test) for scope, unit in work.items() for test in unit if not unit[test])
        scope, ended_it = next(left, ("", None))
        if ended_it is None:
            return None
        work[scope][ended_it] = True
        for scope, unit in reversed(work.items()):
            if False in unit.values():
                self.workqueue[scope] = unit
                self.workqueue.move_to_end(scope, last=False)
        for other in self.assigned_work:
            self._reschedule(other)
        return ended_it


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker that is set here, and what a process of this kind does besides."""
    told = "browser: shows a page in a real browser; set where its fixture is asked for"
    config.addinivalue_line("markers", told)
    if hasattr(config, "workerinput"):
        config.pluginmanager.register(_Worker(), "lanes")
    else:
        config.pluginmanager.register(_Controller(config), "lanes")


class _Worker:
    """A process that xdist has started: it ends at once when its tests have ended.

    The SDK's threads call into Python up to the end, and abort the process where they meet an
    interpreter that is being taken down.
    """

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        # By then all was reported. What is registered last runs first, before anything is taken
        # down.
        atexit.register(os._exit, 0)


class _Controller:
    """The process that hands out tests and reports; it names those that fail or take long at once.

    Dots alone would stand still for minutes, and say nothing where a run is cut off.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._folder = tempfile.TemporaryDirectory(prefix="micstream-lanes-")
        self._place = Path(self._folder.name) / "keep-time.json"

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: WorkerController) -> None:
        node.workerinput[_PLACE] = str(self._place)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Producer) -> Scheduler:
        return Scheduler(config, log, self._place)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        reporter: Any = self._config.pluginmanager.getplugin("terminalreporter")
        long = report.when == "call" and report.duration >= TOLD_S
        if (long or report.failed) and reporter is not None:
            failed = "FAILED  " if report.failed else ""
            reporter.write(f"\n{report.duration:5.0f} s  {failed}{report.nodeid}\n")

    def pytest_unconfigure(self) -> None:
        self._folder.cleanup()
