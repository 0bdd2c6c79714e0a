"""From mouth to avatar: how late the avatar says what a person speaks into the microphone.

Each sender gets a stage of its own, all fresh: livekit-server on loopback, livekit-agents' own
avatar worker, a PulseAudio sink as microphone, captured by the sender through PortAudio, and a
viewer that records the sound which the avatar publishes. Labelled sentences, parted by pauses of
1.2 to 2 s, are spoken into the microphone.

The delay of an utterance is the time at which its beginning (the first 0.6 s, found by its
waveform) reached the viewer's program, less the time at which it was captured, both by this
machine's one clock. It contains: the sound server's way to the sender, PortAudio, detection, the
wait for the lead, livekit-server, the avatar's queue of 100 ms frames, its video synchroniser,
Opus, and the viewer's jitter buffer (NetEq). It does not contain a sound card, a loudspeaker or a
network. Captured means: handed over to a recorder of our own that listens to the same source at
the same time; the last sample of a block counts as captured when the block comes. All of it is the
same for every sender.

Peers: micstream with webrtcvad alone, a whole-utterance sender, and livekit-agents' VAD with its
DataStreamAudioOutput. The
headline counts those utterances of micstream whose onset was decided within 150 ms of sound after
the labelled beginning; the table says how many, and what all of them together give.

Clipped means that of the first 100 ms, aligned by their waveform, the loud part (40 dB below full
scale and more) is heard more than 25 ms late, or that nothing in them fits. The avatar publishes
with Opus's DTX, which may leave out a fainter beginning whoever sends: so it is told for micstream
too from where its own reports say that it sent.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from bench.delay import Heard, measure, spoken_places
from bench.recording import RATE, Recording, Samples, from_viewer
from bench.report import Figures, dump, parser, show
from bench.senders import AGENTS, OURS, SENDERS, WEBRTC, Sender, Stage, stage, tell
from bench.spoken import Utterance, sentences
from micstream.settings import load
from micstream.speech.cutter import Cutter
from micstream.speech.detectors import make_cutter
from micstream.speech.events import Onset

PROMPT_MS = 150
RUNS, UTTERANCES = 3, 20
QUICK_RUNS, QUICK_UTTERANCES = 1, 6
_SILENT_S = 6.0
"""Longer than a whole-utterance sender is silent before its last one."""
_LAST_S = 30.0


@dataclass(frozen=True)
class Decision:
    """Where micstream found an utterance, in ms of sound after its labelled beginning."""

    decided_ms: float
    sent_from_ms: float
    """The first sample sent, pre-roll included; above 0 the beginning was not sent."""


async def run_once(sender: Sender, count: int) -> Figures:
    """One sender on a fresh stage: its figures, and every utterance behind them."""
    track, script = sentences(count)
    async with stage(sender) as on:
        said = await said_and_heard(on, track)
        started = on.sender.events("utterance_started")
        alive = on.avatar.alive
    places, results = await asyncio.to_thread(said.measured, track, script)
    decided = _decisions(sender.vad, started, places, said.microphone)
    assert results, "the microphone stuttered all the time: is the machine busy?"
    figures = {"spoiled": count - len(results), **_figures(results, decided)}
    rows = [
        {**asdict(each), "clipped": each.clipped, **(asdict(made) if made else {})}
        for each, made in zip(results, decided, strict=True)
    ]
    return {**figures, "avatar_alive": alive, "heard": rows}


@dataclass(frozen=True)
class Said:
    """What was captured of a track that was spoken, and what a viewer heard."""

    begun: float
    """Unix second at which it was about to be spoken."""
    microphone: Recording
    viewer: Recording

    def measured(
        self, track: Samples, script: list[Utterance]
    ) -> tuple[list[Utterance], list[Heard]]:
        """The utterances that are whole in the microphone, and what became of each.

        Raises:
            AssertionError: none is whole: a busy machine made the microphone itself stutter.
        """
        since = self.microphone.second_at(self.begun)
        places = spoken_places(track, script, self.microphone, since=since)
        return places, [measure(place, self.microphone, self.viewer) for place in places]


async def said_and_heard(on: Stage, track: Samples) -> Said:
    """Speak the track, and listen until all is silent."""
    begun = time.time()
    await on.say(track)
    async with asyncio.timeout(_LAST_S):
        await on.heard.until_silent(_SILENT_S)
    return Said(begun, on.ears.recording(), from_viewer(on.heard))


def _decisions(
    vad: str, started: Sequence[dict[str, Any]], places: Sequence[Utterance], mic: Recording
) -> list[Decision | None]:
    """What the sender decided about each utterance, in our recording of the same source.

    It counts seconds of the sound that it captured; the same detector on our recording says how
    far the two counts lie apart (to half a detector's frame).
    """
    if not started:
        return [None for _ in places]
    settings = load(vad=vad)
    ours = list(_onsets(make_cutter(settings), mic.samples))
    if not ours:
        return [None for _ in places]
    shifts = []
    for event in started:
        nearest = min(ours, key=lambda onset: abs(mic.time_at(onset[1]) - event["t"]))
        shifts.append(event["onset_s"] - nearest[0])
    shift = statistics.median(shifts)
    told = [(event["onset_s"] - shift, event["decided_s"] - shift) for event in started]
    margin = settings.tuning.margin_ms
    decisions: list[Decision | None] = []
    for place in places:
        inside = [each for each in told if place.start - 0.3 <= each[0] < place.end]
        if inside:
            onset, decided = (1000 * (second - place.start) for second in inside[0])
            decisions.append(Decision(decided_ms=decided, sent_from_ms=onset - margin))
        else:
            decisions.append(None)
    return decisions


def _onsets(cutter: Cutter, samples: Samples) -> Iterable[tuple[float, float]]:
    pcm = (np.clip(samples, -1, 1) * 32_767).astype("<i2").tobytes()
    for event in cutter.push(pcm):
        if isinstance(event, Onset):
            yield event.onset / RATE, event.decided / RATE


def _figures(results: Sequence[Heard], decided: Sequence[Decision | None]) -> Figures:
    prompt = [
        each
        for each, made in zip(results, decided, strict=True)
        if made is not None and made.decided_ms <= PROMPT_MS
    ]
    made = [each.sent_from_ms for each in decided if each is not None]
    growth = [each.growth_ms for each in results if each.growth_ms is not None]
    return {
        "utterances": len(results),
        "missing": sum(each.missing for each in results),
        "clipped": sum(each.clipped for each in results),
        **spread("delay", [each.start_ms for each in results]),
        "growth_median_ms": statistics.median(growth) if growth else None,
        "growth_max_ms": max(growth, default=None),
        "sent_from_latest_ms": max(made, default=None),
        "prompt": len(prompt),
        **spread("prompt", [each.start_ms for each in prompt]),
    }


def spread(name: str, values: Sequence[float | None]) -> Figures:
    """Median and 95th percentile of those that are known, as figures of this name in ms."""
    known = [value for value in values if value is not None]
    return {
        f"{name}_median_ms": float(np.median(known)) if known else None,
        f"{name}_p95_ms": float(np.percentile(known, 95)) if known else None,
    }


def _over_runs(runs: Sequence[Figures]) -> Figures:
    """The median of each figure; counts are added up, and of the worst the worst is kept."""
    worst = ("growth_max_ms", "sent_from_latest_ms")
    summed = ("spoiled", "utterances", "missing", "clipped", "prompt")
    names = [name for name in runs[0] if name not in ("heard", "avatar_alive")]
    figures: Figures = {}
    for name in names:
        known = [run[name] for run in runs if run[name] is not None]
        if name in summed:
            figures[name] = sum(known)
        elif name in worst:
            figures[name] = max(known, default=None)
        else:
            figures[name] = statistics.median(known) if known else None
    return figures


async def bench(senders: Sequence[Sender], runs: int, utterances: int) -> Figures:
    """All senders, interleaved, `runs` times."""
    done: dict[str, list[Figures]] = {sender.name: [] for sender in senders}
    for number in range(runs):
        for sender in senders:
            tell(f"latency: run {number + 1} of {runs}, {sender.what}")
            done[sender.name].append(await run_once(sender, utterances))
    over = {name: _over_runs(each) for name, each in done.items()}
    ratios = {}
    if OURS.name in over and AGENTS.name in over:
        theirs, ours = over[AGENTS.name]["delay_median_ms"], over[OURS.name]
        for name in ("prompt", "delay"):
            mine = ours[f"{name}_median_ms"]
            ratios[f"agents_to_micstream_{name}"] = theirs / mine if theirs and mine else None
    dearer = None
    if OURS.name in over and WEBRTC.name in over:
        medians = over[OURS.name]["delay_median_ms"], over[WEBRTC.name]["delay_median_ms"]
        dearer = medians[0] - medians[1] if None not in medians else None
    return {"senders": over, "ratios": ratios, "over_webrtc_ms": dearer, "runs": done}


def _print(figures: Figures) -> None:
    names = {sender.name: sender.what for sender in SENDERS}
    columns = ("delay_median_ms", "delay_p95_ms", "missing", "clipped")
    growth = ("growth_median_ms", "growth_max_ms", "utterances")
    rows = [
        (names[name], *(each[column] for column in (*columns, *growth)))
        for name, each in figures["senders"].items()
    ]
    ours = figures["senders"].get(OURS.name)
    if ours:
        headline = (ours["prompt_median_ms"], ours["prompt_p95_ms"], *[None] * 4, ours["prompt"])
        rows.insert(1, (f"  onset decided within {PROMPT_MS} ms", *headline))
    head = ("from mouth to avatar", "median ms", "p95 ms", "missing", "clipped")
    notes = [
        f"{'all utterances' if name.endswith('delay') else 'promptly decided'}: "
        f"{value:.2f} times quicker than livekit-agents' parts (medians)"
        for name, value in figures["ratios"].items()
        if value is not None
    ]
    if figures["over_webrtc_ms"] is not None:
        notes.append(
            f"the default detector less webrtcvad alone: {figures['over_webrtc_ms']:.0f} ms"
        )
    deaths = [
        f"the avatar did not survive {names[name]}"
        for name, runs in figures["runs"].items()
        if not all(run["avatar_alive"] for run in runs)
    ]
    if ours and ours["sent_from_latest_ms"] is not None:
        latest = ours["sent_from_latest_ms"]
        when = f"{abs(latest):.0f} ms {'after' if latest > 0 else 'before'} its labelled beginning"
        notes.append(f"the utterance that micstream sent from latest: from {when}")
    spoiled = sum(each["spoiled"] for each in figures["senders"].values())
    if spoiled:
        notes.append(f"{spoiled} utterances left out: the virtual microphone stuttered")
    late = ("end - start ms", "at most", "utterances")
    show("Delay", (*head, *late), rows, *notes, *deaths)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser("bench.latency", __doc__)
    options.add_argument("--runs", type=int, help=f"runs of each sender (default {RUNS})")
    options.add_argument("--utterances", type=int, help=f"in a run (default {UTTERANCES})")
    names = [sender.name for sender in SENDERS]
    options.add_argument("--senders", nargs="+", choices=names, default=names)
    given = options.parse_args(arguments)
    runs = given.runs or (QUICK_RUNS if given.quick else RUNS)
    utterances = given.utterances or (QUICK_UTTERANCES if given.quick else UTTERANCES)
    senders = [sender for sender in SENDERS if sender.name in given.senders]
    figures = asyncio.run(bench(senders, runs, utterances))
    if given.json:
        dump("latency", figures)
    else:
        _print(figures)


if __name__ == "__main__":
    main(sys.argv[1:])
