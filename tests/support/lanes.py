"""Order and sharing of the tests among processes (pytest-xdist), by their markers.

One process takes all that must keep time (a sound server, a browser, at which two at once would
only listen to each other), and others take what meets a real server but mostly waits. What is pure
has the time that they leave: a process more, that goes last wherever somebody else wants the
processor, begins with the quickest, so that a mistake is told within the first minutes. The longest
of what is real are begun first, so that all end at about the same time; who has nothing real left
helps with the pure ones. Where there is no process more (`-n 2`, `-n 0`) the pure ones come first.

The hooks are imported by tests/conftest.py. (xdist's own groups, `--dist loadgroup`, are lost with
pytest 9.2: they were written into the tests' names, which cannot be changed any more.)
"""

from __future__ import annotations

import atexit
import json
import os
import tempfile
from collections import deque
from collections.abc import Collection, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any, Final

import pytest
from xdist.remote import Producer  # type: ignore[import-untyped]
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]
from xdist.workermanage import WorkerController  # type: ignore[import-untyped]

KEEPS_TIME: Final = frozenset(("sound", "browser"))
WAITS: Final = frozenset(("room", "terminal"))
BROWSER_FIXTURE: Final = "chromium"
TOLD_S: Final = 20.0
NICE: Final = 5
"""Of the process in the background: a third of what another one gets. More of it, and beside a busy
machine what takes half a minute would take longer than a test may."""

_LANES: Final = "lanes"
"""Where a worker writes what kind each test is of: a worker alone knows their markers."""
_BACKGROUND: Final = "background"


class Kind(IntEnum):
    """Of a test, in the order in which one process runs them."""

    PURE = 0
    KEEPS_TIME = 1
    LONG = 2
    REAL = 3
    LONG_PURE = 4


IN_BACKGROUND: Final = (Kind.PURE, Kind.LONG_PURE)
BESIDE_IT: Final = (Kind.KEEPS_TIME, Kind.LONG, Kind.REAL, Kind.LONG_PURE, Kind.PURE)
ALONE: Final = tuple(Kind)
"""What a process takes first, and what after it."""


def kind(markers: Collection[str]) -> Kind:
    """What kind of test it is, by its markers."""
    given = set(markers)
    if KEEPS_TIME & given:
        return Kind.KEEPS_TIME
    if WAITS & given:
        return Kind.LONG if "slow" in given else Kind.REAL
    return Kind.LONG_PURE if "slow" in given else Kind.PURE


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the tests in order, and have the scheduler know of what kind each is."""
    for item in items:
        if BROWSER_FIXTURE in getattr(item, "fixturenames", ()):
            item.add_marker("browser")
    kinds = {item: kind({mark.name for mark in item.iter_markers()}) for item in items}
    items.sort(key=kinds.__getitem__)
    given: dict[str, Any] = getattr(config, "workerinput", {})
    if place := given.get(_LANES):
        own = Path(f"{place}.{given['workerid']}")
        own.write_text(json.dumps({item.nodeid: kinds[item] for item in items}), "utf-8")
        own.replace(place)  # each writes the same


class Scheduler(LoadScopeScheduling):  # type: ignore[misc]
    """One test after another to whichever process is free, by what it takes first; those that keep
    time as a whole.
    """

    def __init__(
        self, config: pytest.Config, log: Producer, place: Path, background: str | None
    ) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)
        self._place = place
        self._background = background
        self._kinds: dict[str, Kind] | None = None
        self._waiting: dict[Kind, deque[str]] | None = None
        """Of what is in the queue, by kind; None: looked at anew."""

    def _kind(self, nodeid: str) -> Kind:
        if self._kinds is None:  # asked for the first time: all have collected
            told = json.loads(self._place.read_text("utf-8"))
            self._kinds = {each: Kind(number) for each, number in told.items()}
        return self._kinds[nodeid]

    def _split_scope(self, nodeid: str) -> str:
        return "keeps time" if self._kind(nodeid) is Kind.KEEPS_TIME else nodeid

    def _next(self, node: WorkerController) -> deque[str] | None:
        """What this process takes now, of the queue; None: there is nothing left for it."""
        if self._waiting is None:
            self._waiting = {each: deque() for each in Kind}
            for scope, unit in self.workqueue.items():
                self._waiting[self._kind(next(iter(unit)))].append(scope)
        waiting = self._waiting
        return next((waiting[each] for each in self._order(node) if waiting[each]), None)

    def _order(self, node: WorkerController) -> Sequence[Kind]:
        if self._background is None:
            return ALONE
        return IN_BACKGROUND if node.gateway.id == self._background else BESIDE_IT

    def _assign_work_unit(self, node: WorkerController) -> None:
        wanted = self._next(node)
        if wanted:
            self.workqueue.move_to_end(wanted.popleft(), last=False)
            super()._assign_work_unit(node)

    def schedule(self) -> None:
        """As upstream, but of two things that it leaves to chance neither is."""
        for node in self.nodes:  # where there are more than units, the last ones get none
            if node.gateway.id == self._background:
                self.assigned_work[node] = self.assigned_work.pop(node)
        super().schedule()
        for node in self.nodes if self.collection else ():
            # One that came for another needs two, or its end: with one alone it waits for a second.
            self._reschedule(node)

    def _reschedule(self, node: WorkerController) -> None:
        if node not in self.registered_collections:
            return  # it came for another, and is still collecting
        if self.workqueue and self._next(node) is None:
            if not node.shutting_down:
                node.shutdown()
            return
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
        self._waiting = None
        for other in self.assigned_work:
            self._reschedule(other)
        return ended_it


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker that is set here, and what a process of this kind does besides."""
    told = "browser: shows a page in a real browser; set where its fixture is asked for"
    config.addinivalue_line("markers", told)
    if hasattr(config, "workerinput"):
        config.pluginmanager.register(_Worker(), "lanes")
        if config.workerinput.get(_BACKGROUND):
            os.nice(NICE)
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
        self._place = Path(self._folder.name) / "kinds.json"
        processes = config.getoption("numprocesses", None) or 0
        self._background = f"gw{processes - 1}" if processes > 2 else None

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: WorkerController) -> None:
        node.workerinput[_LANES] = str(self._place)
        node.workerinput[_BACKGROUND] = node.gateway.id == self._background

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Producer) -> Scheduler:
        return Scheduler(config, log, self._place, self._background)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        reporter: Any = self._config.pluginmanager.getplugin("terminalreporter")
        long = report.when == "call" and report.duration >= TOLD_S
        if (long or report.failed) and reporter is not None:
            failed = "FAILED  " if report.failed else ""
            reporter.write(f"\n{report.duration:5.0f} s  {failed}{report.nodeid}\n")

    def pytest_unconfigure(self) -> None:
        self._folder.cleanup()
