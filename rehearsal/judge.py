"""Judge of a show: lays the accounts of it beside each other, and says line by line what agrees.

Pure. Bounds are for a machine that does nothing else; `stretch` stretches them.

    what was asked for    each act has its events, and nothing happened that nobody asked for
    the state             as answered after each act: what the record gives up to there
    what was heard        whatever is reported as played was heard, and nothing else was
    cues                  each at its pitch, as long as it was sent; lit when it was heard
    interrupts, mutes     silence in time; nothing of the performer's while muted
    the other avatar      every byte and every call of its cues, and no more
    recoveries            after each fault the next word is heard
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from micstream import events
from micstream.show.osc_words import feedback
from micstream.state import State, fold
from rehearsal.accounts import Accounts, Asked, Told
from rehearsal.cast import ANNA, BEN, PITCHES, SOUNDS
from rehearsal.script import Expected
from rehearsal.tones import WINDOW_S

TOLD_S: Final = 3.0
CTL_TOLD_S: Final = 8.0
"""A command has to be started first."""
SILENT_S: Final = 1.0
"""From an interrupt until nothing more is heard; its figure is measured elsewhere."""
FIRST_S: Final = 1.5
"""From a cue's press until it is heard."""
LIT_S: Final = 1.0
AFTER_S: Final = 1.0
"""What was played is on its way to whoever listens for no longer."""
_CHANGES: Final = ("gate", "interrupted", "route", "marked", "cue_started", "cue_ended")
_NOBODY: Final = (None, "", "cue")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the judgement."""

    what: str
    agrees: bool
    found: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """All lines, and the figures that came of it."""

    lines: tuple[Line, ...]
    figures: dict[str, Any]

    @property
    def agrees(self) -> bool:
        """All accounts agree."""
        return all(line.agrees for line in self.lines)


def judge(accounts: Accounts, *, stretch: float = 1.0) -> Judgement:
    """Lay the accounts beside each other."""
    judging = _Judging(accounts, stretch)
    parts: tuple[Callable[[], Iterable[Line]], ...] = (
        judging.acts,
        judging.states,
        judging.utterances,
        judging.strays,
        judging.cues,
        judging.interrupts,
        judging.mutes,
        judging.other,
        judging.recoveries,
        judging.remotes,
        judging.end,
    )
    lines = [line for part in parts for line in part()]
    return Judgement(tuple(lines), judging.figures())


class _Judging:
    def __init__(self, accounts: Accounts, stretch: float) -> None:
        self._all = accounts
        self._record = accounts.record
        self._stretch = stretch
        self._told_ms: dict[str, list[float]] = defaultdict(list)
        self._spread: dict[str, list[float]] = defaultdict(list)

    def figures(self) -> dict[str, Any]:
        """Medians of what was measured on the way."""
        ways = {f"{way}_to_event_ms": ms for way, ms in sorted(self._told_ms.items())}
        return {
            name: round(statistics.median(found)) for name, found in (ways | self._spread).items()
        }

    def _named(self, *names: str, **fields: Any) -> list[Told]:
        return [told for told in self._record if told["event"] in names and _has(told, fields)]

    # ---- what was asked for --------------------------------------------------------------------

    def acts(self) -> Iterator[Line]:
        """Each act has its events, and whatever was done was asked for."""
        used: set[int] = set()
        for asked in self._all.asked:
            yield self._act(asked, used)
        for harmed in self._all.harmed:
            if harmed.fault == "page gone":
                gone = Expected("gate", {"held": False})
                found = self._find(gone, harmed.at, 1.5 * self._stretch, used)
                yield Line("page gone: push-to-talk ends", found is not None)
        unasked = [
            told
            for index, told in enumerate(self._record)
            if index not in used
            and told["event"] in _CHANGES
            and (told["event"] == "cue_started" or told.get("by") not in _NOBODY)
        ]
        yield Line("nothing was done that nobody asked for", not unasked, _some(unasked))

    def _act(self, asked: Asked, used: set[int]) -> Line:
        bound = (CTL_TOLD_S if asked.act.way == "ctl" else TOLD_S) * self._stretch
        lacking, first = [], None
        for expected in asked.act.expects:
            index = self._find(expected, asked.at, bound, used)
            if index is None:
                lacking.append(f"{expected.event} {dict(expected.fields)}")
            elif first is None:
                first = self._record[index]["t"] - asked.at
                self._told_ms[asked.act.way].append(first * 1000)
        found = f"refused: {asked.refused}" if asked.refused else ""
        if lacking:
            found = f"not told within {bound:g} s: {'; '.join(lacking)} {found}"
        elif first is not None and not found:
            found = f"told after {first * 1000:.0f} ms"
        return Line(str(asked.act), not lacking and not asked.refused, found.strip())

    def _find(self, expected: Expected, at: float, bound: float, used: set[int]) -> int | None:
        """The first event of that kind since then, which then is used."""
        for index, told in enumerate(self._record):
            if index in used or told["event"] != expected.event:
                continue
            if at - 0.05 <= told["t"] <= at + bound and _has(told, expected.fields):
                used.add(index)
                return index
        return None

    # ---- the state -----------------------------------------------------------------------------

    def states(self) -> Iterator[Line]:
        """The state after each act is what the record gives, up to there."""
        given: dict[float, list[Told]] = defaultdict(list)
        state = State()
        for told in self._record:
            state = fold(state, events.from_dict(told))
            given[told["t"]].append(state.as_dict())
        wrong = []
        for shown in self._all.states:
            same_time = given.get(shown["t"], [])
            if shown not in same_time:
                wrong.append(_difference(shown, same_time))
        what = f"the state after each act is the record's: {len(self._all.states)} times"
        yield Line(what, bool(self._all.states) and not wrong, _some(wrong))

    # ---- what was heard ------------------------------------------------------------------------

    def utterances(self) -> Iterator[Line]:
        """All that was reported as played was heard; all that was sent has its account."""
        unheard, lost, short = [], [], []
        begun = self._named("utterance_started", avatar=ANNA)
        finished = {told["id"]: told for told in self._named("playback_finished", avatar=ANNA)}
        ended = {told["id"]: told for told in self._named("utterance_ended", avatar=ANNA)}
        played = 0
        for told in begun:
            end = finished.get(told["id"])
            if end is None:
                if not self._at_fault(told["t"]):
                    lost.append(told["id"])
                continue
            if end["interrupted"]:
                continue
            played += 1
            loud = self._loud_s(told["t"], end["t"] + AFTER_S * self._stretch)
            if loud < 0.5 * end["position_s"]:
                unheard.append(f"{told['id']}: {loud:.1f} s of {end['position_s']:.1f}")
            sent = ended.get(told["id"], {}).get("duration_s", 0.0)
            if abs(sent - end["position_s"]) > 0.25:
                short.append(f"{told['id']}: {sent:.2f} s sent, {end['position_s']:.2f} played")
        yield Line(
            f"what is reported as played was heard: {played} times",
            not unheard and played > 0,
            _some(unheard),
        )
        yield Line("it was played as long as it was sent", not short, _some(short))
        yield Line("each utterance has its report, or a fault", not lost, _some(lost))

    def strays(self) -> Iterator[Line]:
        """Nothing was heard that is not told."""
        spans = sorted(self._playing())
        strays = [
            piece
            for piece in self._all.heard
            if piece.loud and not any(a <= piece.t <= b for a, b in spans)
        ]
        yield Line(
            "nothing was heard that is not told", not strays, _some(f"{p.t:.2f}" for p in strays)
        )

    def _playing(self) -> Iterator[tuple[float, float]]:
        """Spans in which the record says that the avatar may sound."""
        finished = {told["id"]: told["t"] for told in self._named("playback_finished", avatar=ANNA)}
        again = [told["t"] for told in self._named("avatar_ready", identity=ANNA)]
        for told in self._named("utterance_started", avatar=ANNA):
            end = finished.get(told["id"])
            if end is None:
                end = next((t for t in again if t > told["t"]), float("inf"))
            yield told["t"] - 0.1, end + AFTER_S * self._stretch

    def _loud_s(self, since: float, until: float) -> float:
        return WINDOW_S * sum(p.loud for p in self._all.heard if since <= p.t <= until)

    def _at_fault(self, t: float) -> bool:
        """It was on its way when a fault was provoked, or until all was well again."""
        for harmed in self._all.harmed:
            if harmed.fault == "page gone":
                continue
            ready = [told["t"] for told in self._named("ready") if told["t"] > harmed.at]
            if harmed.at - 30 <= t <= (ready[0] if ready else float("inf")):
                return True
        return False

    # ---- cues ----------------------------------------------------------------------------------

    def cues(self) -> Iterator[Line]:
        """Each cue sounds at its pitch, as long as was sent, and was lit when it was heard."""
        begun = self._named("cue_started")
        ended = self._named("cue_ended")
        claimed: set[float] = set()
        for told in begun:
            end = next((e for e in ended if e["cue"] == told["cue"] and e["t"] >= told["t"]), None)
            if end is None:
                yield Line(f"cue {told['cue']}", False, "it never ended")
            elif told["cue"] in PITCHES:
                yield self._cue(told, end, claimed)
        strays = [p for p in self._all.heard if p.hz is not None and p.t not in claimed]
        yield Line(
            "no cue sounds before or after its time",
            not strays,
            _some(f"{p.hz} Hz at {p.t:.2f}" for p in strays),
        )
        count, told_ends = len(begun), len(ended)
        yield Line(f"each cue that began has ended: {count}", count == told_ends, f"{told_ends}")

    def _cue(self, told: Told, end: Told, claimed: set[float]) -> Line:
        pitch, sent = PITCHES[told["cue"]], end["sent_s"]
        until = end["t"] + 2.0 * self._stretch
        tone = [p for p in self._all.heard if p.hz == pitch and told["t"] <= p.t <= until]
        claimed.update(p.t for p in tone)
        sounds = WINDOW_S * len(tone)
        what = f"cue {told['cue']}: {end['reason']}"
        found = f"{sent:.1f} s sent, {sounds:.1f} s heard"
        cut = end["reason"] in ("interrupt", "panic", "performer")
        least = 0.0 if cut else max(0.0, 0.8 * sent - 0.4)
        agrees = least <= sounds <= sent + 0.4
        if tone:
            first = tone[0].t - told["t"]
            self._spread["cue_to_heard_ms"].append(first * 1000)
            found += f", the first after {first * 1000:.0f} ms"
            agrees &= first <= FIRST_S * self._stretch
        lit = next(
            (
                each.at
                for each in self._all.lit
                if each.cue == told["cue"] and told["t"] - 0.05 <= each.at <= until
            ),
            None,
        )
        if lit is not None and tone:
            late = lit - tone[0].t
            self._spread["lit_after_heard_ms"].append(late * 1000)
            found += f", lit {late * 1000:+.0f} ms"
            agrees &= abs(late) <= LIT_S * self._stretch
        elif tone and not cut:
            agrees, found = False, f"{found}, never lit"
        elif lit is not None:
            agrees, found = False, f"{found}, lit and never heard"
        return Line(what, agrees, found)

    # ---- interrupts and mutes ------------------------------------------------------------------

    def interrupts(self) -> Iterator[Line]:
        """After each the avatar is silent in time, until something new is sent."""
        late = []
        told_of = self._named("interrupted")
        for told in told_of:
            begun = [
                b["t"] for b in self._named("utterance_started", avatar=ANNA) if b["t"] > told["t"]
            ]
            until = begun[0] if begun else float("inf")
            loud = [p.t for p in self._all.heard if p.loud and told["t"] <= p.t < until]
            silent = max(0.0, loud[-1] + WINDOW_S - told["t"]) if loud else 0.0
            self._spread["interrupt_to_silence_ms"].append(silent * 1000)
            if silent > SILENT_S * self._stretch:
                late.append(f"{silent:.2f} s")
        yield Line(f"silence after each interrupt: {len(told_of)}", not late, _some(late))

    def mutes(self) -> Iterator[Line]:
        """While muted nothing of the performer's is sent, and nothing of his is heard."""
        said, heard = [], []
        cues = [
            (begun["t"], ended["t"] + 0.3)
            for begun in self._named("cue_started")
            for ended in self._named("cue_ended", cue=begun["cue"])
            if ended["t"] >= begun["t"]
        ]
        spans = list(self._muted())
        for start, end in spans:
            said += [
                told["id"]
                for told in self._named("utterance_started")
                if start < told["t"] < end and not any(a <= told["t"] <= b for a, b in cues)
            ]
            quiet = start + 1.2 * self._stretch
            heard += [
                p.t
                for p in self._all.heard
                if p.loud
                and p.hz is None
                and quiet < p.t < end
                and not any(a <= p.t <= b + AFTER_S for a, b in cues)
            ]
        yield Line(f"nothing is sent while muted: {len(spans)} times", not said, _some(said))
        yield Line("nothing is heard while muted", not heard, _some(heard))

    def _muted(self) -> Iterator[tuple[float, float]]:
        since: float | None = None
        for told in self._named("gate"):
            if told["muted"] and since is None:
                since = told["t"]
            elif not told["muted"] and since is not None:
                yield since, told["t"]
                since = None
        if since is not None:
            yield since, self._record[-1]["t"]

    # ---- the other avatar ----------------------------------------------------------------------

    def other(self) -> Iterator[Line]:
        """Every byte of what is told to have been sent there, and every call of a cue."""
        sent = sum(told["bytes"] for told in self._named("utterance_ended", avatar=BEN))
        got = self._all.other_bytes
        yield Line(
            "the other avatar got what is told to be sent",
            got == sent > 0,
            f"{sent} bytes sent, {got} came",
        )
        bows = len(self._named("cue_started", cue="bow"))
        calls = self._all.other_calls
        yield Line(f"each bow came: {bows}", calls == ["gesture bow"] * bows, _some(calls))
        nods = len(self._named("cue_started", cue="nod"))
        refused = self._named("warning", code="cue_message_failed")
        yield Line(
            f"each nod is told to be unknown there: {nods}",
            len(refused) == nods,
            f"{len(refused)} told",
        )

    # ---- recoveries ----------------------------------------------------------------------------

    def recoveries(self) -> Iterator[Line]:
        """After each fault it is told, all is ready again, and somebody is heard."""
        for harmed in self._all.harmed:
            if harmed.fault == "page gone":
                continue
            since = harmed.at
            ready = next((t["t"] for t in self._named("ready") if t["t"] > since), None)
            begun = {
                told["id"]: told["t"] for told in self._named("utterance_started", avatar=ANNA)
            }
            heard = next(
                (
                    told
                    for told in self._named("playback_finished", avatar=ANNA, interrupted=False)
                    if begun.get(told["id"], 0.0) > since
                ),
                None,
            )
            agrees = ready is not None and heard is not None
            found = f"ready after {ready - since:.1f} s" if ready is not None else "never ready"
            yield Line(f"{harmed.fault}: heard again", agrees, found)

    # ---- at the end ----------------------------------------------------------------------------

    def remotes(self) -> Iterator[Line]:
        """The page and OSC show what the last state is."""
        if not self._all.states:
            return
        last = self._all.states[-1]
        page = self._all.page or {}
        yield Line(
            "the page shows the last state",
            page == last,
            _difference(page, [last]) if page != last else "",
        )
        state = State()
        shown: dict[str, float] = {}
        for told in self._record:
            state = fold(state, events.from_dict(told))
            if state.as_dict() == last:
                shown = {k: float(v) for k, v in feedback(state, tuple(SOUNDS)).items()}
        shown = {where: value for where, value in shown.items() if "/cue/" not in where}
        wrong = {
            k: (v, self._all.osc.get(k)) for k, v in shown.items() if self._all.osc.get(k) != v
        }
        yield Line(
            f"OSC shows it: {len(shown)} addresses", bool(shown) and not wrong, _some(wrong.items())
        )
        levels = self._all.levels_a_second
        yield Line("the page gets levels, ten a second at most", 0 < levels <= 11, f"{levels}")

    def end(self) -> Iterator[Line]:
        """The summary is what the record gives; the show came to its end."""
        state = State()
        for told in self._record[:-1]:
            state = fold(state, events.from_dict(told))
        summary = {k: v for k, v in state.summary().as_dict().items() if k != "t"}
        bye = {k: v for k, v in self._record[-1].items() if k != "t"} if self._record else {}
        yield Line(
            "the summary is the record's", bye == summary, "" if bye == summary else f"{bye}"
        )
        yield Line("no event was lost", not self._named("warning", code=events.EVENTS_LOST))
        errors = self._named("error")
        yield Line("no error", not errors, _some(errors))
        yield Line("the show came to its end", not self._all.stopped, self._all.stopped)


def _has(told: Told, fields: Any) -> bool:
    return all(told.get(name) == value for name, value in fields.items())


def _difference(shown: Told, given: list[Told]) -> str:
    if not given:
        return f"no event at {shown.get('t')}"
    names = [name for name in given[-1] if shown.get(name) != given[-1][name]]
    return ", ".join(f"{name}: {shown.get(name)} / {given[-1][name]}" for name in names)


def _some(found: Iterable[object], most: int = 3) -> str:
    words = [str(each) for each in found]
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return "; ".join(words[:most]) + more
