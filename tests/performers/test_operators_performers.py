"""The operator's page with several performers: who has the voice is lit, and given by a press."""

from __future__ import annotations

import pytest

from micstream import events
from micstream.cue_desk import OnePerformer
from micstream.show.cue import Show
from testbed.browser import browser
from testbed.waiting import wait_until
from tests.support.desk import desk
from tests.support.operators import operator

LONG = "Бенедикт Александрович Преображенский"
"""As long as a name may be, and longer than the state has room for."""
NAMES = ("anna", LONG)


class Hall(OnePerformer):
    """Two of them; who was given the voice, and by whom."""

    names = NAMES

    def __init__(self) -> None:
        self.given: list[tuple[str, str]] = []

    def give(self, name: str, *, by: str) -> None:
        """Note it."""
        self.given.append((name, by))

    def give_next(self, *, by: str) -> None:
        """Note it."""
        self.give("next", by=by)


@pytest.mark.slow
@pytest.mark.browser
async def test_who_has_the_voice_is_lit_and_given_by_a_press() -> None:
    hall = Hall()
    async with desk(Show()) as (ours, _), browser() as chromium:
        ours.controls.voice = hall
        ours.bus.emit(events.Performer(name="anna", performers=NAMES))
        lost = events.Microphone(state="lost", device="room:ben", performer=LONG)
        ours.bus.emit(lost)
        async with operator(chromium, ours.page) as page:
            await page.until_is('[data-name="anna"]', "aria-pressed", "true")
            await page.until_is(f'[data-name="{LONG}"]', "aria-pressed", "false")
            assert "NO MICROPHONE" in await page.text("performers")
            await page.page.locator(f'[data-name="{LONG}"]').click()
            await wait_until(lambda: hall.given == [(LONG, "page")], 10, "a press")
            await page.page.keyboard.press("n")
            await wait_until(lambda: hall.given[1:] == [("next", "page")], 10, "a key")
            ours.bus.emit(events.Performer(name=LONG, performers=NAMES, by="page"))
            await page.until_is(f'[data-name="{LONG}"]', "aria-pressed", "true")
            ours.bus.emit(events.CueEnded(cue="applause", number=1, reason="end", sent_s=1.0))
            await page.until_says("acts", "cue applause: played to its end")
            assert page.complaints == []
