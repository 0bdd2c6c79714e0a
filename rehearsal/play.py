"""Plays a script in the hall, and takes down all accounts of it."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from rehearsal.accounts import Accounts, Asked, Harmed, Loud
from rehearsal.cast import ANNA
from rehearsal.hall import Hall
from rehearsal.kept import kept
from rehearsal.script import Act, Fault, Harm, Loudspeakers, Pause, Scene, Step, Wait, What

WELL_INTO_S: Final = 0.8
"""No longer than the shortest sentence."""
SETTLED_S: Final = 2.0
_BY_ITSELF: Final = ("osc", "key")
"""Ways on which nothing is answered: the state is asked for a moment later."""
_MOMENT_S: Final = 0.2

Say = Callable[[str], None]


async def play(steps: Sequence[Step], hall: Hall, say: Say) -> Accounts:
    """Play it to its end, or to where it cannot go on; then everybody leaves in order."""
    playing = _Playing(hall, say)
    for number, step in enumerate(steps):
        try:
            await playing.step(step)
        except (AssertionError, TimeoutError) as error:
            playing.accounts.stopped = f"at step {number} ({step}): {error or 'too late'}"
            say(f"  stopped {playing.accounts.stopped}")
            break
    await playing.finish()
    return playing.accounts


class _Playing:
    def __init__(self, hall: Hall, say: Say) -> None:
        self.accounts = Accounts()
        self._hall = hall
        self._say = say
        self._begun = time.time()
        self._cue: tuple[str, float] = ("", 0.0)
        """The one that was pressed last, and when."""

    async def step(self, step: Step) -> None:
        """Do one step."""
        match step:
            case Scene(name):
                self._say(f"{time.time() - self._begun:5.0f} s  {name}")
            case Act():
                await self._act(step)
            case Loudspeakers(seconds):
                async with self._hall.loudspeakers():
                    since = time.time()
                    await asyncio.sleep(seconds)
                    self.accounts.loud.append(Loud(since, time.time()))
            case Pause(seconds):
                await asyncio.sleep(seconds)
            case Wait(what):
                await self._wait(what)
            case Harm(fault):
                self.accounts.harmed.append(Harmed(fault, time.time()))
                self._say(f"         {fault}")
                await self._harm(fault)

    async def _act(self, act: Act) -> None:
        if act.verb == "cue" and act.argument != "stop":
            self._cue = str(act.argument), time.time()
        asked = Asked(act, time.time())
        self.accounts.asked.append(asked)
        asked.refused = await self._hall.ways.act(act)
        if act.way in _BY_ITSELF:
            await asyncio.sleep(_MOMENT_S)
        self.accounts.states.append(await self._hall.ways.state())
        self._say(f"           {act}{' REFUSED ' * bool(asked.refused)}{asked.refused}")

    async def _harm(self, fault: Fault) -> None:
        match fault:
            case "page gone":
                await self._hall.ways.lose_page()
                await asyncio.sleep(1.0)
                await self._hall.ways.another_page()
            case "avatar leaves":
                await self._hall.lose_avatar(signal.SIGTERM)
            case "avatar dies":
                await self._hall.lose_avatar(signal.SIGKILL)
            case "server restarts":
                await self._hall.server_restarts()

    async def _wait(self, what: What) -> None:
        sender, now, stretch = self._hall.sender, time.time(), self._hall.stretch
        match what:
            case "spoken":
                await sender.until("utterance_started", since=now, timeout=25 * stretch)
                await asyncio.sleep(WELL_INTO_S)
            case "front spoken" | "phone spoken":
                name = what.partition(" ")[0]
                await sender.until(
                    "utterance_started",
                    since=now,
                    timeout=25 * stretch,
                    where=lambda told: told["source"] == name,
                )
                await asyncio.sleep(WELL_INTO_S)
            case "heard":
                begun = await sender.until(
                    "utterance_started",
                    since=now,
                    timeout=25 * stretch,
                    where=lambda told: told["avatar"] == ANNA,
                )
                await sender.until(
                    "playback_finished",
                    since=begun.at,
                    timeout=25 * stretch,
                    where=lambda told: told["id"] == begun["id"],
                )
            case "cue heard":
                page = self._hall.ways.page
                async with asyncio.timeout(5 * stretch):
                    await page.changes.until(
                        lambda: bool(page.state.get("cue") and page.state["cue"]["heard"])
                    )
            case "cue over":
                name, since = self._cue
                await sender.until(
                    "cue_ended",
                    since=since,
                    timeout=30 * stretch,
                    where=lambda told: told["cue"] == name,
                )
                await self._hall.until_silent(0.3)
            case "quiet":
                await self._hall.until_silent(0.3)
            case "ready":
                await sender.until("ready", since=now, timeout=30 * stretch)

    async def finish(self) -> None:
        """All accounts to their end; micstream is ended in order."""
        accounts, hall = self.accounts, self._hall
        if not accounts.stopped:
            await asyncio.sleep(SETTLED_S)
        with suppress(AssertionError):
            await self._last_state()
        accounts.osc = dict(hall.surface.shown)
        pages = [*hall.ways.gone, hall.ways.page]
        accounts.levels_a_second = max(page.levels_a_second for page in pages)
        await hall.ways.page.aclose()
        hall.sender.running.terminate()
        try:
            code = await hall.sender.ended(8 * hall.stretch)
            assert code == 0, f"it ended with {code}"
        except AssertionError as error:
            accounts.stopped = accounts.stopped or f"at its end: {error}"
        accounts.lit = hall.ways.lit
        accounts.record = [dict(told.fields) for told in hall.sender.told]
        accounts.heard = hall.heard()
        accounts.other_bytes, accounts.other_calls = hall.other_bytes, hall.other_calls
        accounts.other_digest = hall.other_digest
        accounts.kept = await asyncio.to_thread(kept, hall.record)

    async def _last_state(self) -> None:
        """The state last of all, and the page's, once they are the same; else as they are."""
        ways = self._hall.ways

        async def same() -> bool:
            state = await ways.state()
            self.accounts.states.append(state)
            self.accounts.page = ways.page.state
            return state == ways.page.state

        for _ in range(20):
            if await same():
                return
            await asyncio.sleep(0.1)
