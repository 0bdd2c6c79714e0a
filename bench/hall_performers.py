"""Several performers: hand-overs by the sample, and the delay of one who performs by page.

hand-overs: two performers' microphones, with labelled speech in a quiet room, through real sound
paths and the voice, as fast as they are computed. The voice is given from one to the other while
the one speaks (in mid-word), between two sentences, or while the other is in mid-word himself. What
was sent is laid beside what was captured: samples of who was held; beginnings of the first sentence
that are missing, against its label; and utterances that begin in the middle of a word, by the level
of the 30 ms before them.

page: one stage (server, stock avatar, a virtual microphone), and the same microphone twice:
captured here, and by the performer's page in a real Chromium, which sends it through the room. The
voice goes from one to the other with each sentence. The delay is that of bench.latency, from the
microphone to the avatar's sound, and contains for the page: the browser's capture, echo canceller
and Opus, the server, and our jitter buffer; but no radio.
"""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import sys
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
import numpy as np
import numpy.typing as npt

from bench.delay import measure, spoken_places
from bench.latency import said_and_heard
from bench.report import Figures, dump, parser, show
from bench.senders import OURS, ROOM, Sender, stage, tell
from bench.spoken import bundled_speech, labels, sentences
from micstream.bus import Bus
from micstream.controls import Controls
from micstream.fan_out import FanOut
from micstream.listening import SoundSettings
from micstream.performers.page import PerformerServer
from micstream.performers.performers import Performers
from micstream.settings import load
from micstream.settings.performers import performers
from micstream.settings.pieces import ControlSettings, PerformersSettings
from micstream.sources.source import Block, Item, Opened
from micstream.speech.events import Onset, Speech
from micstream.taps import Taps
from micstream.web.serving import LOOPBACK, serving
from testbed.browser import browser, shown
from testbed.outputs import NotedOutput
from testbed.ports import own_port
from testbed.sound import SINK
from testbed.sources import Silent
from testbed.waiting import until

RATE: Final = 16_000
BLOCK: Final = 256
NAMES: Final = ("anna", "ben")
_NOISE: Final = 10 ** (-62 / 20)
_QUIET: Final = 10 ** (-42 / 20)
_SENTENCES, _QUICK_SENTENCES = 40, 16

Samples = npt.NDArray[np.int16]


@dataclass
class HandOver:
    """One hand-over: when, to whom, and where his first whole sentence begins."""

    at: int
    to: str
    kind: str
    first: int
    """Sample at which his sentence is labelled to begin."""


@dataclass
class Evening:
    """Both microphones, and what is asked for when."""

    sound: dict[str, list[npt.NDArray[np.float32]]] = field(
        default_factory=lambda: {name: [] for name in NAMES}
    )
    hand_overs: list[HandOver] = field(default_factory=list)


def evening(count: int) -> tuple[dict[str, Samples], list[HandOver]]:
    """So many hand-overs, the same each time it is asked."""
    chance, noise = random.Random(count), np.random.default_rng(count)
    speech = bundled_speech("sentences.flac")
    said = [
        speech[round(each.start * RATE) : round(each.end * RATE)]
        for each in labels("sentences.txt")
    ]
    made = Evening()
    begin = 0
    for number in range(count):
        holder, other = NAMES[number % 2], NAMES[1 - number % 2]
        one, two, three = chance.sample(said, 3)
        kind = ("in mid-word", "between", "into mid-word")[number % 3]
        starts = round(0.4 * RATE)
        placed = [(holder, starts, one)]
        if kind == "into mid-word":
            placed.append((other, starts, two))
            at = starts + round(len(two) * chance.uniform(0.3, 0.7))
            first = starts + len(two) + round(chance.uniform(0.8, 1.5) * RATE)
            placed.append((other, first, three))
        else:
            share = chance.uniform(0.3, 0.7) if kind == "in mid-word" else 1.0
            at = starts + round(len(one) * share) + (0 if share < 1 else round(0.6 * RATE))
            first = at + round(chance.uniform(0.1, 1.0) * RATE)
            placed.append((other, first, two))
        at -= at % BLOCK
        length = max(start + len(each) for _, start, each in placed) + round(1.5 * RATE)
        length += -length % BLOCK
        for name in NAMES:
            sound = noise.normal(0, _NOISE, length).astype(np.float32)
            for who, start, each in placed:
                if who == name:
                    sound[start : start + len(each)] += each
            made.sound[name].append(sound)
        made.hand_overs.append(HandOver(begin + at, other, kind, begin + first))
        begin += length
    whole = {name: np.concatenate(parts) for name, parts in made.sound.items()}
    return (
        {name: (np.clip(each, -1, 1) * 32_767).astype(np.int16) for name, each in whole.items()},
        made.hand_overs,
    )


class Fed(Silent):
    """A microphone that is fed; its name is the performer's."""

    def __init__(self, name: str) -> None:
        super().__init__(RATE)
        self.name = name
        self.queue: asyncio.Queue[Block] = asyncio.Queue()

    async def items(self) -> AsyncGenerator[Item, None]:
        """Opened, then whatever is fed."""
        yield Opened(self)
        while True:
            yield await self.queue.get()


async def handed_over(count: int) -> Figures:
    """Perform the evening: what was sent that ought not, and what is missing."""
    sound, hand_overs = evening(count)
    output, bus, taps = NotedOutput(), Bus(), Taps()
    fan_out = FanOut([output])
    controls = Controls(fan_out, bus, ControlSettings(manual=False, route=0))
    named = PerformersSettings(performers(("anna=1", "ben=2")), None)
    ours = Performers(named, fan_out, controls, bus, taps)
    sources = {name: Fed(name) for name in NAMES}
    ours.sources = (tuple(sources.values()), ())
    given = load(_env_file=None)
    settings = SoundSettings(given.capture(), given.detection(), {}, given.sound_path())
    running = asyncio.create_task(ours.run(settings))
    asked = {each.at: each.to for each in hand_overs}
    for at in range(0, len(sound["anna"]), BLOCK):
        if at in asked:
            await controls.do("performer", asked[at])
        for name in NAMES:
            pcm = sound[name][at : at + BLOCK].tobytes()
            sources[name].queue.put_nowait(Block(pcm, (at + BLOCK) / RATE))
        for _ in range(3):  # each takes its block in its turn
            await asyncio.sleep(0)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    return _judged(sound, hand_overs, output)


def _judged(sound: dict[str, Samples], hand_overs: list[HandOver], output: NotedOutput) -> Figures:
    allowed = {name: np.zeros(len(each), bool) for name, each in sound.items()}
    since, holder = 0, NAMES[0]
    for each in hand_overs:
        allowed[holder][since : each.at] = True
        since, holder = each.at, each.to
    allowed[holder][since:] = True
    onsets: dict[str, list[int]] = {name: [] for name in NAMES}
    held = other = 0
    who = ""
    for event in output.got:
        if isinstance(event, Onset):
            who = event.source
            onsets[who].append(event.start)
        elif isinstance(event, Speech):
            pcm = np.frombuffer(event.pcm, np.int16)
            place = slice(event.start, event.start + len(pcm))
            held += int((~allowed[who][place]).sum())
            other += not np.array_equal(sound[who][place], pcm)
    late, broken = [], 0
    for each in hand_overs:
        after = [start for start in onsets[each.to] if start >= each.at]
        begun = [start for start in after if start <= each.first + RATE]
        nearest = min(begun, key=lambda start: abs(start - each.first), default=None)
        late.append(1000.0 if nearest is None else (nearest - each.first) * 1000 / RATE)
        if after:
            before = sound[each.to][max(0, after[0] - 480) : after[0]].astype(np.float64) / 32_768
            broken += bool(len(before) and float(np.sqrt((before**2).mean())) > _QUIET)
    kinds = output.kinds.replace("-", "")
    return {
        "hand_overs": len(hand_overs),
        "in_mid_word": sum(each.kind != "between" for each in hand_overs),
        "samples_of_who_was_held": held,
        "samples_that_nobody_said": other,
        "first_word_not_whole": sum(each > 20 for each in late),
        "first_word_latest_ms": round(max(late), 1),
        "begun_in_mid_word": broken,
        "two_open": kinds.count("(("),
        "not_ended": kinds.count("(") - kinds.count(")"),
        "late_ms": [round(each, 1) for each in late],
    }


# ---- by page -------------------------------------------------------------------------------------


async def by_page(count: int) -> Figures:
    """Delays of the same microphone, here and by page, sentence about."""
    who = ("--performer", "anna=pulse", "--performer", "ben=room:ben")
    sender = Sender(
        "hall",
        "micstream live, two performers",
        (*OURS.command, *who, "--control", "--control-port", str(own_port())),
        "hybrid",
    )
    async with stage(sender) as on:
        settings = load(
            url=on.server.url,
            api_key=on.server.api_key,
            api_secret=on.server.api_secret,
            room=ROOM,
            _env_file=None,
        )
        # The same microphone under another name: a browser takes no sink's monitor for one.
        on.microphone.control(
            "load-module", "module-remap-source", f"master={SINK}.monitor", "source_name=hall"
        )
        on.microphone.control("set-default-source", "hall")
        pages = PerformerServer(settings.connection(), ["ben"], tls=False, bus=Bus())
        async with (
            serving(pages.app(), host=LOOPBACK, port=0, usual=0) as port,
            browser("--use-fake-ui-for-media-stream", env=on.microphone.env) as chromium,
            shown(chromium, f"http://127.0.0.1:{port}{pages.path('ben')}") as view,
        ):

            async def heard() -> bool:
                told = on.sender.events("capturing")
                return any(each.get("performer") == "ben" for each in told)

            await until(heard, "the page's microphone", 30)
            await view.page.locator("#keep").check()
            link = (await on.sender.until("control_open"))["link"]
            api, _, key = link.rstrip("/").rpartition("/")
            track, script = sentences(count)
            giving = asyncio.create_task(_alternate(api, key, on.sender))
            try:
                said = await said_and_heard(on, track)
            finally:
                giving.cancel()
                with suppress(asyncio.CancelledError):
                    await giving
        started = on.sender.events("utterance_started")
    places = spoken_places(
        track, script, said.microphone, since=said.microphone.second_at(said.begun)
    )
    results = [measure(place, said.microphone, said.viewer) for place in places]
    delays: dict[str, list[float]] = {name: [] for name in NAMES}
    missing = 0
    for result in results:
        if result.start_ms is None:
            missing += 1
            continue
        near = [each for each in started if 0 <= each["t"] - result.spoken_at < 1.5]
        if near:
            name = "ben" if near[0]["source"] == "ben" else "anna"
            delays[name].append(result.start_ms)
    medians = {name: statistics.median(each) if each else None for name, each in delays.items()}
    known = medians["anna"] is not None and medians["ben"] is not None
    return {
        "utterances": len(results),
        "missing": missing,
        "here": len(delays["anna"]),
        "by_page": len(delays["ben"]),
        "here_median_ms": medians["anna"],
        "by_page_median_ms": medians["ben"],
        "more_ms": medians["ben"] - medians["anna"] if known else None,  # type: ignore[operator]
        "delays": delays,
    }


async def _alternate(api: str, key: str, sender: Any) -> None:
    """Give the voice to the other whenever an utterance has ended."""
    headers = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(headers=headers) as client:
        done = 0
        while True:
            await asyncio.sleep(0.1)
            ended = len(sender.events("utterance_ended"))
            if ended > done:
                done = ended
                async with client.post(f"{api}/api/performer/next") as answer:
                    json.loads(await answer.text())


def _rows(figures: Figures, without: str) -> list[tuple[str, Any]]:
    return [(name.replace("_", " "), each) for name, each in figures.items() if name != without]


def main(arguments: list[str]) -> int:
    """Both, or one of them."""
    options = parser("bench.hall_performers", __doc__)
    options.add_argument("--only", choices=["hand-overs", "page"], help="one of both")
    given = options.parse_args(arguments)
    figures: Figures = {}
    if given.only != "page":
        tell("hall: hand-overs")
        figures["hand_overs"] = asyncio.run(handed_over(30 if given.quick else 100))
    if given.only != "hand-overs":
        tell("hall: a performer by page")
        count = _QUICK_SENTENCES if given.quick else _SENTENCES
        figures["page"] = asyncio.run(by_page(count))
    if given.json:
        dump("hall_performers", figures)
        return 0
    if "hand_overs" in figures:
        rows = [
            (k.replace("_", " "), v) for k, v in figures["hand_overs"].items() if k != "late_ms"
        ]
        show("hand-overs", ("", "count"), rows)
    if "page" in figures:
        rows = _rows(figures["page"], "delays")
        show("a performer by page", ("", ""), rows)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
