"""Imports point one way, and what is pure stays so."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "micstream"

# Each may import those below it, and none above.
ORDER = (
    "__main__",
    "cli",
    "sender",
    "demo",
    "view",
    "stage",
    "report",
    "lab",
    "doctor",
    "calibrate",
    "cutting",
    "cut_places",
    "assembly",
    "session",
    "record",
    "performers",
    "show",
    "listening",
    "web",
    "controls",
    "cue_desk",
    "gating",
    "spare_model",
    "sound_path",
    "cleaning",
    "echo",
    "sources",
    "avatars",
    "viewer",
    "room",
    "link",
    "settings",
    "dialects",
    "delivery",
    "bus",
    "state",
    "state_parts",
    "cue_state",
    "verbs",
    "fan_out",
    "taps",
    "notices",
    "record_notices",
    "events",
    "messages",
    "speech",
    "audio",
    "tasks",
    "signals",
    "windows",
    "private_files",
    "plain_text",
    "backoff",
    "errors",
)

PURE = (
    "audio/**/*.py",
    "speech/**/*.py",
    "delivery/**/*.py",
    "dialects/**/*.py",
    "link/**/*.py",
    "state.py",
    "cue_state.py",
    "state_parts.py",
    "gating.py",
    "performers/voice.py",
    "echo/delay.py",
    "echo/guard.py",
    "echo/reference.py",
    "echo/watch.py",
    "verbs.py",
    "messages.py",
    "show/cue.py",
    "lab/align.py",
    "lab/cells.py",
    "lab/charts.py",
    "lab/compare.py",
    "lab/drawing.py",
    "lab/figures.py",
    "lab/follow.py",
    "lab/heads.py",
    "lab/lipsync.py",
    "lab/mouth.py",
    "lab/playing.py",
    "lab/predict.py",
    "lab/segment.py",
    "lab/report.py",
    "lab/report_style.py",
    "lab/said.py",
    "lab/seen.py",
    "lab/sniff.py",
    "lab/steady.py",
    "lab/story.py",
    "lab/sweep.py",
    "lab/take.py",
    "lab/traffic.py",
    "lab/transport.py",
    "lab/utterance_chart.py",
    "lab/words.py",
    "record/format.py",
    "record/space.py",
    "record/plan.py",
    "report/*.py",
    "show/expressions.py",
    "show/asked.py",
    "show/osc_words.py",
    "notices.py",
    "record_notices.py",
    "backoff.py",
    "plain_text.py",
    "settings/knob.py",
    "settings/table.py",
    "settings/performers.py",
    "settings/cutting_table.py",
    "sources/names.py",
)
IMPURE = {
    "asyncio",
    "concurrent",
    "datetime",
    "io",
    "livekit",
    "logging",
    "os",
    "pathlib",
    "socket",
    "sounddevice",
    "soundfile",
    "subprocess",
    "sys",
    "threading",
    "time",
}

FILES = sorted(PACKAGE.rglob("*.py"))


def imports(source: str) -> Iterator[str]:
    """Every module that is imported, at the top, within a function or for the types alone."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where they lead"
            assert node.module is not None
            if node.module == "micstream":
                yield from (f"micstream.{alias.name}" for alias in node.names)
            else:
                yield node.module


def room(module: str) -> str:
    """`speech` for `micstream.speech.events`."""
    return module.split(".")[1]


def own(file: Path) -> str:
    """The room a file stands in."""
    return file.relative_to(PACKAGE).with_suffix("").parts[0]


def upward(name: str, source: str) -> list[str]:
    """What the source of a room imports from above it."""
    below = ORDER[ORDER.index(name) :]
    ours = [module for module in imports(source) if module.startswith("micstream.")]
    return [module for module in ours if room(module) not in below]


def impurities(source: str) -> set[str]:
    """What a pure module may not know of."""
    names = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
    modules = {module.split(".")[0] for module in imports(source)}
    return modules & IMPURE | names & {"open", "print", "input"}


def test_the_order_is_of_all_there_is() -> None:
    assert {own(file) for file in FILES} - {"__init__"} == set(ORDER)


def test_the_architecture_tells_the_same_order() -> None:
    table = (PACKAGE.parent / "ARCHITECTURE.md").read_text("utf-8").partition("## Rooms")[2]
    rows = [line.split("|")[1] for line in table.partition("\n## ")[0].splitlines() if "|" in line]
    told = [name for row in rows for name in re.findall(r"`([a-z_]+)(?:/|\.py)`", row)]
    assert told == [name for name in ORDER if name != "__main__"]


def test_the_table_of_changes_names_files_that_are_there() -> None:
    text = (PACKAGE.parent / "ARCHITECTURE.md").read_text("utf-8")
    table = text.partition("## Where to change what")[2].partition("\n## ")[0]
    named = re.findall(r"`([\w./-]+\.(?:py|ts|md))`", table)
    assert len(named) > 15
    for name in named:
        place = str(Path(name).parent) if "NAME" in name else name
        assert any((root / place).exists() for root in (PACKAGE, PACKAGE.parent)), name


@pytest.mark.parametrize(
    "file", [f for f in FILES if own(f) != "__init__"], ids=lambda f: str(f.relative_to(PACKAGE))
)
def test_imports_point_down(file: Path) -> None:
    assert upward(own(file), file.read_text("utf-8")) == []


@pytest.mark.parametrize("folder", ["bench", "examples", "testbed", "tools"])
def test_what_is_no_test_imports_none(folder: str) -> None:
    files = list((PACKAGE.parent / folder).rglob("*.py"))
    assert files
    for file in files:
        named = {module.partition(".")[0] for module in imports(file.read_text("utf-8"))}
        assert "tests" not in named, file


@pytest.mark.parametrize(
    "file",
    sorted(file for pattern in PURE for file in PACKAGE.glob(pattern)),
    ids=lambda f: str(f.relative_to(PACKAGE)),
)
def test_the_pure_knows_neither_loop_nor_clock_nor_device(file: Path) -> None:
    assert impurities(file.read_text("utf-8")) == set()


def test_within_the_avatars_room_the_pure_imports_only_the_pure() -> None:
    for name in ("ledger", "wire"):
        source = (PACKAGE / f"delivery/{name}.py").read_text("utf-8")
        ours = {module for module in imports(source) if module.startswith("micstream.")}
        assert ours <= {"micstream.delivery.wire"}


LIGHT = """
import sys, wave
from micstream.speech.detectors import make_cutter
from micstream.settings import Settings
with wave.open("assets/hello_world_16kHz.wav") as file:
    pcm = file.readframes(file.getnframes())
cutter = make_cutter(Settings())
assert [*cutter.push(pcm), *cutter.finish("silence")]
for heavy in ("aiohttp", "livekit.api", "matplotlib", "numpy.ma", "soundfile"):
    assert heavy not in sys.modules, heavy
"""


def test_a_live_sender_loads_nothing_heavy_that_it_does_not_need() -> None:
    """Neither at its start nor, which is worse, at the first word."""
    subprocess.run([sys.executable, "-c", LIGHT], check=True, cwd=PACKAGE.parent, timeout=60)


def test_what_would_be_wrong_is_seen() -> None:
    wrong = "def f():\n    from micstream import events\n    import micstream.cli.play\n"
    assert upward("speech", wrong) == ["micstream.events", "micstream.cli.play"]
    assert upward("view", "from micstream.cutting import CutFile") == []
    impure = "import time as t\nfrom livekit import rtc\nimport json\nwith open('x'): pass"
    assert impurities(impure) == {"time", "livekit", "open"}
