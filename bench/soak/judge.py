"""What is asked of a soak, and whether it was found. Pure: a record in, rows out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from bench.report import Figures
from bench.soak import trend
from bench.soak.record import Record
from bench.soak.trend import Series

MEMORY_MIB = 5.0
"""Growth of resident memory after warm-up stays below. What is private of it goes up and down by
tens of MiB with other programs that begin and end to use the same libraries."""
DRIFT_MS = 30.0
"""Delays differ by no more, either way."""
_LEAVING_S = 1.0
"""Before the last report: from then on it leaves, and gives back what it has."""
SHORT_S = 0.1
"""A frame of the avatar's: it may say that it played so much less of a segment than was sent."""


@dataclass(frozen=True)
class Verdict:
    """One thing that is asked; `ok` is None where the run was too short to tell."""

    what: str
    limit: str
    found: str
    idle: str | None
    """The same of the process that only is in the room."""
    ok: bool | None


def window(record: Record) -> tuple[float, float]:
    """From the end of the warm-up to the last segment: seconds since the record's beginning.

    Warm-up is reckoned in sound, so that it is the same for a run that is faster than time.
    """
    warm = trend.warm_up_s(record.sound_s)
    begun = record.ours.named("utterance_started")
    first = begun[0]["onset_s"] if begun else 0.0  # a microphone is open before anybody speaks
    warmed_up = (e["t"] for e in begun if e["onset_s"] >= first + warm)
    ends = ("utterance_ended", "playback_finished")
    last = max((e["t"] for name in ends for e in record.ours.named(name)), default=record.begun)
    return next(warmed_up, float("inf")) - record.begun, last - record.begun - _LEAVING_S


def verdicts(record: Record) -> list[Verdict]:
    """Everything that is asked of this part."""
    start, end = window(record)

    def judged(series: Series) -> Series:
        return series.between(start, end)

    ours, idle = record.ours.series, record.idle.series
    pace = record.took_s / record.sound_s
    rows = [_memory(judged(ours["rss"]), judged(idle["rss"]), pace)]
    rows += [
        _flat(what, judged(mine), judged(theirs))
        for what, mine, theirs in (
            ("file descriptors", ours["fds"], idle["fds"]),
            ("threads", ours["threads"], idle["threads"]),
            ("asyncio tasks", record.tasks(record.ours), record.tasks(record.idle)),
        )
    ]
    if record.differs is None:
        leads = judged(record.leads())
        rows.append(_drift("delay, microphone to report", judged(record.delays()), leads))
        rows.append(_drift("delay, microphone to viewer", judged(record.heard)))
        rows += [_heard(record), _played_whole(record)]
    else:
        rows.append(_drift("report of a segment, after its end", judged(record.reports())))
        rows.append(_same(record))
    return [*rows, _segments(record), *_end(record)]


def _memory(ours: Series, idle: Series, pace: float) -> Verdict:
    grown = trend.growth(ours) if ours.tells else None
    beside = f"{trend.growth(idle):+.2f} MiB" if idle.tells else None
    found = "too short to tell"
    if grown is not None:
        found = f"{grown:+.2f} MiB; {3600 * pace * trend.slope(ours):+.2f} an hour of sound"
    ok = None if grown is None else grown < MEMORY_MIB
    return Verdict("resident memory grows by", f"< {MEMORY_MIB:g} MiB", found, beside, ok)


def _flat(what: str, ours: Series, idle: Series) -> Verdict:
    beside = f"{trend.left_behind(idle):+d}" if idle.tells else None
    if not ours.tells:
        return Verdict(f"{what} at rest", "none more", "too short to tell", beside, None)
    more = trend.left_behind(ours)
    found = f"{more:+d}, of {min(ours.values):.0f} to {max(ours.values):.0f}"
    return Verdict(f"{what} at rest", "none more", found, beside, more <= 0)


def _drift(what: str, delays: Series, leads: Series | None = None) -> Verdict:
    limit = f"± {DRIFT_MS:g} ms"
    if not delays.tells:
        return Verdict(what, limit, "too short to tell", None, None)
    first, last = trend.quarters(delays)
    found = f"{first:.0f} at first, {last:.0f} at last"
    if leads is not None and leads.tells:
        found += " (lead {:.0f}, {:.0f})".format(*trend.quarters(leads))
    return Verdict(what, limit, found, None, abs(last - first) <= DRIFT_MS)


def _segments(record: Record) -> Verdict:
    counts = record.counts()
    names = ("utterance_started", "utterance_ended", "playback_started", "playback_finished")
    counted = [counts[name] for name in names]
    lost = sum(event["seconds"] for event in record.ours.named("dropped"))
    cut_off = sum(event["interrupted"] for event in record.ours.named("playback_finished"))
    ok = len(set(counted)) == 1 and counted[0] > 0 and not lost and not cut_off
    found = "/".join(map(str, counted))
    if lost or cut_off:
        found += f", {cut_off} cut off, {lost:.1f} s dropped"
    what = "segments begun/ended/heard/played out"
    return Verdict(what, "all the same", found, None, ok if record.whole else None)


def _heard(record: Record) -> Verdict:
    count = len(record.heard.values)
    ok = record.missing == 0 if record.whole and count + record.missing else None
    found = f"{count} of {record.sentences}, {record.missing} missing"
    return Verdict("sentences that a viewer heard", "none missing", found, None, ok)


def _played_whole(record: Record) -> Verdict:
    sent = {event["id"]: event["duration_s"] for event in record.ours.named("utterance_ended")}
    played = {e["id"]: e["position_s"] for e in record.ours.named("playback_finished")}
    short = [sent[id] - played[id] for id in sent if id in played]
    found = f"{sum(sent.values()):.1f} s, at most {max(short, default=0.0):.2f} s short"
    ok = bool(short) and max(short) <= SHORT_S if record.whole else None
    return Verdict("sent and played", f"≤ {SHORT_S:g} s short", found, None, ok)


def _same(record: Record) -> Verdict:
    sent = sum(event["bytes"] for event in record.ours.named("utterance_ended"))
    found = record.differs or f"the same: {sent:,} bytes"
    ok = record.differs == "" if record.whole else None
    return Verdict("received as cut without a room", "byte for byte", found, None, ok)


def _end(record: Record) -> list[Verdict]:
    """How it ended, where it did."""
    if not record.whole:
        return []
    well = record.exit_code == 0 and bool(record.ours.named("bye"))
    found = "in order" if well else f"exit code {record.exit_code}"
    alive = "alive" if record.avatar_alive else "dead"
    return [
        Verdict("it ends", "in order", found, None, well),
        Verdict("the avatar afterwards", "alive", alive, None, record.avatar_alive),
    ]


def failed(record: Record, rows: list[Verdict]) -> bool:
    """Whether anything that was asked was not found, or the run was not finished."""
    return not record.whole or any(row.ok is False for row in rows)


def figures(record: Record) -> Figures:
    """All of it for machines: verdicts, and every series."""
    start, end = window(record)

    def shown(series: Series) -> list[tuple[float, float]]:
        return [
            (round(at, 2), round(value, 3))
            for at, value in zip(series.times, series.values, strict=True)
        ]

    series: dict[str, Any] = {
        who: {
            **{name: shown(each) for name, each in taken.series.items()},
            "tasks": shown(record.tasks(taken)),
        }
        for who, taken in (("micstream", record.ours), ("idle", record.idle))
    }
    return {
        "sound_s": round(record.sound_s, 1),
        "took_s": round(record.took_s, 1),
        "whole": record.whole,
        "judged_from_s": round(start, 1) if start < end else None,
        "judged_to_s": round(end, 1),
        "verdicts": [asdict(row) for row in verdicts(record)],
        "series": series,
        "delay_ms": shown(record.delays()),
        "lead_ms": shown(record.leads()),
        "heard_ms": shown(record.heard),
        "report_ms": shown(record.reports()),
    }
