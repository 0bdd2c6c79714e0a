"""The operator's page in a real Chromium: each button, key and finger; what is lit, and when.

Screenshots: out/control/.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import numpy as np
import pytest
from playwright.async_api import Browser

from micstream import events
from micstream.show.cue import Cue, Show
from micstream.speech.cutter import Gate
from micstream.speech.events import EndReason
from micstream.taps import Captured
from testbed.browser import browser
from testbed.waiting import stays, until, wait_until
from tests.support.desk import Desk, desk, kept_long
from tests.support.operators import DOCK, operator

pytestmark = pytest.mark.slow

SECOND = bytes(32_000)
SHOW = Show(
    (
        Cue("applause", 60 * SECOND, colour="#c04030"),
        Cue("laughter", 60 * SECOND, colour="#3070c0", key="l"),
        Cue("a bow, deep and long and with much feeling", 3 * SECOND),
        Cue("missing", problem="gone.wav: there is no such file"),
    ),
    {"panic": "x", "talk": "f9"},
)


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    """A browser."""
    async with browser() as running:
        yield running


@pytest.fixture
async def ours() -> AsyncIterator[Desk]:
    """A desk with cues and two avatars, closed until somebody opens it."""
    async with desk(SHOW) as (served, _):
        served.bus.emit(events.Connection(state="connected", attempt=1))
        served.bus.emit(events.Capturing(device="desk", rate=48_000, channels=1))
        for name in ("avatar-a", "avatar-b"):
            served.bus.emit(events.AvatarJoined(identity=name))
            served.bus.emit(events.AvatarReady(identity=name, how="probe"))
        served.bus.emit(events.Ready())
        served.controls.tell_gate()
        served.controls.tell_route()
        playing = asyncio.create_task(served.player.run(served.controls))
        yield served
        playing.cancel()


def started(id: str = "u1", avatar: str = "avatar-a") -> events.UtteranceStarted:
    return events.UtteranceStarted(avatar=avatar, id=id, onset_s=1, decided_s=1.1, lead_ms=120)


def ended(id: str = "u1", avatar: str = "avatar-a") -> events.UtteranceEnded:
    return events.UtteranceEnded(
        avatar=avatar, id=id, duration_s=1.5, bytes=48_000, reason=EndReason.SILENCE
    )


def finished(id: str = "u1", avatar: str = "avatar-a") -> events.PlaybackFinished:
    return events.PlaybackFinished(avatar=avatar, id=id, position_s=1.5, interrupted=False)


async def closed(ours: Desk) -> None:
    """The gate is."""
    await wait_until(lambda: ours.controls.gate is Gate.CLOSED, 15)


async def opened(ours: Desk) -> None:
    """The gate is."""
    await wait_until(lambda: ours.controls.gate is Gate.OPEN, 15)


# ---- what is seen --------------------------------------------------------------------------------


async def test_the_state_is_one_large_word(ours: Desk, chromium: Browser) -> None:
    async with operator(chromium, ours.page) as view:
        await view.until_says("word", "LISTENING")
        for change, word in (
            (started(), "SPEAKING"),
            (ended(), "LISTENING"),
            (events.AvatarSilent(identity="avatar-a"), "LISTENING"),
            (events.AvatarLeft(identity="avatar-b"), "SILENT AVATAR"),
            (events.AvatarLeft(identity="avatar-a"), "NO AVATAR"),
            (events.Microphone(state="lost", device="desk"), "NO MICROPHONE"),
            (events.Connection(state="reconnecting", attempt=2), "RECONNECTING"),
        ):
            ours.bus.emit(change)
            await view.until_says("word", word)
        await view.shot("reconnecting")
        assert view.complaints == []


async def test_a_cue_lights_half_when_sent_and_full_when_heard(
    ours: Desk, chromium: Browser
) -> None:
    async with operator(chromium, ours.page) as view:
        cue = ".cue:nth-child(1)"
        await view.page.click(cue)
        await view.until_says("word", "PLAYING CUE")
        await view.until_is(cue, "data-lit", "sent")
        assert await view.text("hears") == "does not hear applause yet"
        await view.shot("cue-sent")
        ours.bus.emit(replace(started(), cue="applause"))
        ours.bus.emit(events.PlaybackStarted(avatar="avatar-a", id="u1", delay_ms=420))
        await view.until_is(cue, "data-lit", "heard")
        assert await view.text("hears") == "hears applause"
        assert "0.42 s late" in await view.text("late")
        await view.shot("cue-heard")
        await view.page.click(cue)  # again: it stops, with its fade
        await wait_until(lambda: ours.bus.state.cue is None or not ours.bus.state.cue.sending, 15)
        await view.until_is(cue, "data-lit", "heard")  # until the last of it was heard
        ours.bus.emit(finished())
        await view.until_is(cue, "data-lit", None)
        assert await view.attribute(".cue:nth-child(4)", "disabled") is not None
        assert "no such file" in await view.text("cues")
        assert view.complaints == []


async def test_utterances_are_followed_until_they_were_heard(ours: Desk, chromium: Browser) -> None:
    async with operator(chromium, ours.page) as view:
        ours.bus.emit(started())
        await view.until_says("utterances", "being said")
        assert await view.text("hears") == "does not hear it yet"
        ours.bus.emit(events.PlaybackStarted(avatar="avatar-a", id="u1", delay_ms=390))
        await view.until_says("utterances", "heard 0.39 s late")
        assert await view.text("hears") == "hears avatar-a"
        ours.bus.emit(ended())
        await view.until_says("utterances", "1.5 s")
        ours.bus.emit(finished())
        await view.until_says("hears", "hears nothing")
        assert await view.attribute("#utterances li", "class") == "over"
        ours.bus.emit(started("u2", "avatar-b"))  # from now on it is told who says it
        await view.until_says("utterances", "being said · avatar-b")


async def test_levels_come_only_while_the_meter_is_open(ours: Desk, chromium: Browser) -> None:
    async with operator(chromium, ours.page) as view:
        await wait_until(lambda: ours.taps.active, 15)
        loud = np.full(1600, 32_767, "<i2").tobytes()
        ours.taps.captured(Captured("mic", 0, 0, 0.0, loud, speaking=False))
        await view.until_says("level", "TOO LOUD")
        await view.page.click("#levels summary")
        await wait_until(lambda: not ours.taps.active, 15)
        await view.page.reload()
        await view.until_good()
        await stays(lambda: not ours.taps.active, 0.3, "as it was")


async def test_a_warning_says_what_to_do(ours: Desk, chromium: Browser) -> None:
    async with operator(chromium, ours.page) as view:
        ours.bus.emit(events.Warned(code="x", message="it is late", hint="come <b>sooner</b>"))
        await view.until_says("warning-hint", "come <b>sooner</b>")
        assert "it is late" in await view.text("warning-said")


# ---- what is pressed -----------------------------------------------------------------------------


async def test_each_button_is_its_verb(ours: Desk, chromium: Browser) -> None:
    async with operator(chromium, ours.page) as view:
        page, controls = view.page, ours.controls
        await page.click("#mute")
        await wait_until(lambda: controls.muted, 15)
        await view.until_is("#mute", "aria-pressed", "true")
        await view.until_says("word", "MUTED")
        await page.click("#mute")
        await wait_until(lambda: not controls.muted, 15)
        await page.click("#manual")
        await opened(ours)
        await view.until_says("word", "OPEN")
        await page.click("#manual")
        await closed(ours)
        await page.click("#auto")
        await wait_until(lambda: controls.gate is Gate.DETECTOR, 15)
        await page.click("#cough")
        await wait_until(lambda: controls.muted, 15)
        await wait_until(lambda: not controls.muted, 15)
        await page.click("#interrupt")
        await wait_until(lambda: ours.outputs[0].interrupts == 1, 15)
        await page.click("#routes button:nth-child(3)")
        await wait_until(lambda: ours.bus.state.route == 2, 15)
        await view.until_is("#routes button:nth-child(3)", "aria-pressed", "true")
        await page.fill("#mark-text", "lights <up>")
        await page.press("#mark-text", "Enter")
        await view.until_says("last-mark", "lights <up>")
        await page.click("#panic")
        await wait_until(lambda: controls.muted and ours.outputs[0].interrupts == 2, 15)
        await view.shot("tablet")
        assert view.complaints == []


async def test_keys_are_the_terminals_and_the_shows_own(ours: Desk, chromium: Browser) -> None:
    async with operator(chromium, ours.page) as view:
        press, controls = view.page.keyboard.press, ours.controls
        await press("m")
        await wait_until(lambda: controls.muted, 15)
        await press("v")
        await wait_until(lambda: controls.gate is Gate.DETECTOR, 15)
        await press("l")
        await view.until_is(".cue:nth-child(2)", "data-lit", "sent")
        await press("1")
        await view.until_is(".cue:nth-child(1)", "data-lit", "sent")
        await press("s")
        await wait_until(lambda: ours.bus.state.cue is None, 15)
        await press("Shift+Digit2")
        await wait_until(lambda: ours.bus.state.route == 2, 15)
        await press("i")
        await wait_until(lambda: ours.bus.state.interrupts == 1, 15)
        await press("p")  # is no key any more: the show has given panic another
        await press("k")
        await view.until_says("last-mark", "mark 1")
        assert not controls.muted
        await press("x")
        await wait_until(lambda: controls.muted, 15)
        await view.page.focus("#mark-text")
        await view.page.keyboard.type("v m x 1 ")
        await press("Escape")
        assert controls.muted
        await press("?")
        await view.shot("keys")
        assert await view.attribute("#help", "hidden") is None


async def test_what_is_refused_is_told(ours: Desk, chromium: Browser) -> None:
    async with operator(chromium, ours.page) as view:
        ours.controls.mute("on")
        await view.until_says("talk", "MUTED")
        await view.page.hover("#talk")
        await view.page.mouse.down()
        await view.until_says("notice", "muted: what is said now is not sent")
        await view.until_is("#talk", "aria-pressed", "false")
        ours.controls.mute("off")  # who holds on does not begin to speak by that
        await stays(lambda: ours.controls.gate is not Gate.OPEN, 0.6, "as it was")


# ---- hold to talk --------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["touch", "mouse", "space", "pedal", "far key", "the show's key"])
async def test_it_is_open_as_long_as_it_is_held(
    ours: Desk, chromium: Browser, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours.controls.manual("off")
    async with operator(chromium, ours.page, touch=by == "touch") as view:
        page = view.page
        key = {"space": "Space", "pedal": "b", "the show's key": "F9"}.get(by)
        if by == "pedal":
            await page.click("#pedal")
            await page.keyboard.press("b")
            await view.until_says("pedal", "KeyB")
        if by == "space":
            await page.focus("#panic")  # it presses no button
        if by == "touch":
            await view.touch("#talk")
        elif by == "mouse":
            await page.hover("#talk")
            await page.mouse.down()
        elif by == "far key":  # which playwright does not know
            await view.far_key("F13", down=True)
        else:
            await page.keyboard.down(str(key))
        await opened(ours)
        await view.until_says("talk", "ON AIR")
        await stays(lambda: ours.controls.gate is Gate.OPEN, 2.0, "as it was")
        await kept_long(ours, monkeypatch)
        await view.shot(f"talk-{by.split(maxsplit=1)[0]}")
        if by == "touch":
            await view.touch()
        elif by == "mouse":
            await page.mouse.up()
        elif by == "far key":
            await view.far_key("F13", down=False)
        else:
            await page.keyboard.up(str(key))
        await closed(ours)
        assert not ours.controls.muted
        await view.until_is("#talk", "data-lit", None)
        assert view.complaints == []


async def test_of_two_that_hold_the_last_one_counts(
    ours: Desk, chromium: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours.controls.manual("off")
    async with operator(chromium, ours.page) as view:
        await view.page.hover("#talk")
        await view.page.mouse.down()
        await view.page.keyboard.down("Space")
        await opened(ours)
        await view.page.mouse.up()
        await kept_long(ours, monkeypatch)
        await stays(lambda: ours.controls.gate is Gate.OPEN, 0.5, "as it was")
        await view.page.keyboard.up("Space")
        await closed(ours)


@pytest.mark.parametrize("left", ["blur", "pagehide", "cancel", "another page", "closed"])
async def test_it_is_let_go_when_the_page_may_not_hear_of_a_release(
    ours: Desk, chromium: Browser, left: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours.controls.manual("off")
    async with operator(chromium, ours.page, touch=True) as view:
        await view.touch("#talk")
        await opened(ours)
        await kept_long(ours, monkeypatch)
        if left == "cancel":
            await view.cancel_touch()
        elif left == "another page":
            await view.page.goto("about:blank")
        elif left == "closed":
            await view.page.close()
        else:
            await view.ask(f"window.dispatchEvent(new Event('{left}'))")
        await closed(ours)


@pytest.mark.parametrize("verb", ["interrupt", "panic", "mute"])
async def test_what_another_has_ended_does_not_begin_again_by_holding_on(
    ours: Desk, chromium: Browser, verb: str
) -> None:
    ours.controls.manual("off")
    async with operator(chromium, ours.page) as view:
        await view.page.keyboard.down("Space")
        await opened(ours)
        await ours.controls.do(verb, "on" if verb == "mute" else None, by="ctl")
        ours.controls.mute("off")
        await closed(ours)
        await stays(lambda: ours.controls.gate is Gate.CLOSED, 1.0, "as it was")
        await view.until_is("#talk", "aria-pressed", "false")
        await view.page.keyboard.up("Space")
        await view.page.keyboard.down("Space")
        await opened(ours)


# ---- two of them ---------------------------------------------------------------------------------


async def test_two_operators_see_each_others_acts(ours: Desk, chromium: Browser) -> None:
    async with (
        operator(chromium, ours.page) as one,
        operator(chromium, ours.page, size=DOCK) as other,
    ):
        await one.page.click("#mute")
        await other.until_says("word", "MUTED")
        await other.until_says("acts", "another page")
        await one.until_says("acts", "this page")
        assert re.search(r"muted\s+this page", await one.text("acts"))
        await other.page.click("#mute")
        await wait_until(lambda: not ours.controls.muted, 15)
        await stays(lambda: not ours.controls.muted, 0.3, "as it was")
        await one.page.keyboard.down("Space")
        await other.until_is("#talk", "data-lit", "sent")
        await one.page.keyboard.up("Space")
        await other.until_is("#talk", "data-lit", None)
        await other.page.click(".cue:nth-child(1)")
        await one.until_is(".cue:nth-child(1)", "data-lit", "sent")
        await one.until_says("acts", "cue applause")
        await ours.controls.do("mark", "from the desk", by="osc")
        await other.until_says("acts", "OSC")
        await other.shot("dock")
        assert one.complaints == other.complaints == []


async def test_no_button_moves_whatever_is_written_above_it(ours: Desk, chromium: Browser) -> None:
    async with operator(chromium, ours.page, size=(300, 600)) as view:
        names = ("talk", "mute", "panic")
        before = [await view.middle(f"#{name}") for name in names]
        await view.page.click("#mute")
        await view.page.click(".cue:nth-child(3)")
        ours.bus.emit(started())
        ours.bus.emit(events.PlaybackStarted(avatar="avatar-a", id="u1", delay_ms=12_420))
        ours.bus.emit(events.Backlog(avatar="avatar-a", seconds=123.4))
        ours.bus.emit(events.Warned(code="x", message="long " * 30, hint="longer " * 30))
        await view.until_says("late", "123.4 s")
        for happened in (
            events.Microphone(state="lost", device="desk"),
            events.Connection(state="reconnecting", attempt=2),
        ):
            ours.bus.emit(happened)
            await view.until_is("#state", "data-tone", "bad")
        await view.page.evaluate("scrollTo(0, 0)")
        assert [await view.middle(f"#{name}") for name in names] == before


@pytest.mark.parametrize("size", [(300, 600), (300, 900), (768, 1024), (1024, 768), (1920, 1080)])
async def test_it_fits(ours: Desk, chromium: Browser, size: tuple[int, int]) -> None:
    async with operator(chromium, ours.page, size=size) as view:
        wide = "document.documentElement.scrollWidth - innerWidth"
        assert await view.ask(wide) <= 0
        for id in ("word", "talk", "mute", "interrupt", "panic"):
            bottom = f"document.getElementById('{id}').getBoundingClientRect().bottom"
            assert await view.ask(bottom) <= size[1], f"{id} without scrolling"
        await view.shot(f"size-{size[0]}x{size[1]}")


# ---- who may -------------------------------------------------------------------------------------


async def test_nothing_of_another_origin_can_be_had(ours: Desk, chromium: Browser) -> None:
    async with aiohttp.ClientSession() as anybody, anybody.get(ours.page) as reply:
        policy = reply.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert reply.headers["Referrer-Policy"] == "no-referrer"
    asked: list[str] = []
    async with operator(chromium, ours.page) as view:
        view.page.on("request", lambda request: asked.append(request.url))
        await view.page.reload()
        await view.until_good()
        assert asked
        assert all(url.startswith((ours.url, "data:")) for url in asked)
        refused = "fetch('http://127.0.0.1:9/').then(() => 'had', () => 'refused')"
        assert await view.ask(refused) == "refused"


async def test_a_wrong_key_leads_to_words(ours: Desk, chromium: Browser) -> None:
    context = await chromium.new_context()
    page = await context.new_page()
    await page.goto(f"{ours.url}/{'0' * 32}/")

    async def told() -> bool:
        return "Use the whole link" in await page.inner_text("body")

    await until(told, "what to do")
    await context.close()
