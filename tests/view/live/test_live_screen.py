"""The live view's screen, by textual's pilot: clicks are keys, and what is drawn is the picture."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rich.segment import Segment

from micstream import events
from micstream.state import replay
from micstream.view.live.meter import Levels
from micstream.view.live.picture import draw
from micstream.view.live.scene import KeyWords, Scene
from micstream.view.live.screen import LiveApp

READY = (
    events.Connection(state="connected", attempt=1),
    events.Capturing(device="USB", rate=16_000, channels=1),
    events.AvatarReady(identity="avatar-anna", how="probe"),
    events.Ready(),
)
KEYS = KeyWords((("m", "mute"), ("p", "panic")), (("1", "applause"),))
SCENE = Scene(
    replay(READY),
    room="show",
    keys=KEYS,
    levels=Levels(level_db=-23, peak_db=-9, floor_db=-60),
    clock="12:00:00",
)


def rows(app: LiveApp) -> list[str]:
    return [app.shown.render_line(y).text for y in range(app.size.height)]


@pytest.mark.parametrize("size", [(80, 24), (40, 24), (40, 10), (3, 2)])
async def test_what_is_drawn_is_the_picture(size: tuple[int, int]) -> None:
    app = LiveApp(lambda: SCENE, lambda _: None)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        assert rows(app) == [line.plain for line in draw(SCENE, *size).lines]


async def test_the_headline_is_reversed_from_edge_to_edge_and_nothing_else_is() -> None:
    app = LiveApp(lambda: SCENE, lambda _: None)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        reversed_cells = [
            sum(part.cell_length for part in app.shown.render_line(y) if is_reversed(part))
            for y in range(24)
        ]
    assert reversed_cells[1:6] == [80] * 5
    assert sum(reversed_cells) == 5 * 80


def is_reversed(part: Segment) -> bool:
    return part.style is not None and bool(part.style.reverse)


async def test_a_click_on_a_word_presses_its_key_and_one_elsewhere_nothing() -> None:
    pressed: list[str] = []
    app = LiveApp(lambda: SCENE, pressed.append)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        for spot in draw(SCENE, 80, 24).spots:
            await pilot.click(offset=(spot.start, spot.row))
        await pilot.click(offset=(2, 0))
    assert pressed == ["?", "m", "p", "q", "1"]


async def test_another_state_is_drawn_and_another_size() -> None:
    scenes = [SCENE]
    app = LiveApp(lambda: scenes[-1], lambda _: None)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        muted = events.Gate(state="closed", muted=True, by="key")
        scenes.append(replace(SCENE, state=replay([muted], SCENE.state)))
        app.shown.update()
        await pilot.pause()
        assert any("you are NOT heard" in row for row in rows(app))
        await pilot.resize_terminal(40, 12)
        await pilot.pause()
        assert any("M U T E D" in row for row in rows(app))


async def test_no_key_is_textuals_own() -> None:
    app = LiveApp(lambda: SCENE, lambda _: None)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+q", "ctrl+c", "ctrl+p", "tab", "q", "escape")
        await pilot.pause()
        assert app.is_running


async def test_no_colour_is_kept_for_our_children(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = LiveApp(lambda: SCENE, lambda _: None)
    assert app.no_color
    assert os.environ["NO_COLOR"] == "1"


async def test_standard_output_stays_the_programs_while_it_draws(
    capfd: pytest.CaptureFixture[str],
) -> None:
    app = LiveApp(lambda: SCENE, lambda _: None)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        sys.stdout.write("a program's own line\n")
    assert "a program's own line" in capfd.readouterr().out


def test_textual_is_loaded_by_nothing_but_the_screen() -> None:
    code = """
import sys
import micstream.cli.run, micstream.cli.keys, micstream.view.live.live_view
from micstream.view.live.picture import draw
assert not any(name.split(".")[0] == "textual" for name in sys.modules)
"""
    root = Path(__file__).resolve().parents[3]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root, timeout=60)
