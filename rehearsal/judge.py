"""Judge of a show: lays the accounts of it beside each other, and says line by line what agrees.

Pure. Bounds are for a machine that does nothing else; `stretch` stretches them.

    what was asked for    each act has its events, and nothing happened that nobody asked for
    the state             as answered after each act: what the record gives up to there
    what was heard        whatever is reported as played was heard, and nothing else was
    cues                  each at its pitch, as long as it was sent; lit when it was heard
    interrupts, mutes     silence in time; nothing of the performer's while muted
    loudspeakers          nothing goes on or begins by what comes back from them
    the other avatar      every byte and every call of its cues, and no more
    the record            every event, every utterance's bytes, the microphone, the avatar's sound
    recoveries            after each fault the next word is heard
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from micstream import events
from micstream.show.osc_words import feedback
from micstream.state import State, fold
from rehearsal.accounts import Accounts, Asked, Told
from rehearsal.cast import ANNA, BEN, SOUNDS
from rehearsal.evidence import Evidence, Line, has, some
from rehearsal.judge_kept import JudgeOfKept
from rehearsal.judge_sound import JudgeOfSound
from rehearsal.script import Expected

TOLD_S: Final = 3.0
CTL_TOLD_S: Final = 8.0
"""A command has to be started first."""
LEVELS: Final = 11
"""Within a second at most; where the page gets no turn for a while, they come at once."""
_CHANGES: Final = (
    "performer",
    "gate",
    "interrupted",
    "route",
    "marked",
    "cue_started",
    "cue_ended",
)
_NOBODY: Final = (None, "", "cue")


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
    evidence = Evidence(accounts, stretch)
    deeds, sound = _JudgeOfDeeds(evidence), JudgeOfSound(evidence)
    parts: tuple[Callable[[], Iterable[Line]], ...] = (
        deeds.acts,
        deeds.states,
        sound.utterances,
        sound.strays,
        sound.cues,
        sound.interrupts,
        sound.mutes,
        sound.performers,
        sound.loudspeakers,
        deeds.other,
        JudgeOfKept(evidence).lines,
        deeds.recoveries,
        deeds.remotes,
        deeds.end,
    )
    lines = [line for part in parts for line in part()]
    figures = {name: round(statistics.median(ms)) for name, ms in sorted(evidence.measured.items())}
    return Judgement(tuple(lines), figures)


class _JudgeOfDeeds:
    def __init__(self, evidence: Evidence) -> None:
        self._named = evidence.named
        self._all = evidence.accounts
        self._record = evidence.record
        self._stretch = evidence.stretch
        self._measured = evidence.measured

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
        yield Line("nothing was done that nobody asked for", not unasked, some(unasked))

    def _act(self, asked: Asked, used: set[int]) -> Line:
        bound = (CTL_TOLD_S if asked.act.way == "ctl" else TOLD_S) * self._stretch
        lacking, first = [], None
        for expected in asked.act.expects:
            index = self._find(expected, asked.at, bound, used)
            if index is None:
                lacking.append(f"{expected.event} {dict(expected.fields)}")
            elif first is None:
                first = self._record[index]["t"] - asked.at
                self._measured[f"{asked.act.way}_to_event_ms"].append(first * 1000)
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
            if at - 0.05 <= told["t"] <= at + bound and has(told, expected.fields):
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
        yield Line(what, bool(self._all.states) and not wrong, some(wrong))

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
        yield Line(f"each bow came: {bows}", calls == ["gesture bow"] * bows, some(calls))
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
        told = self._all.osc
        wrong = [
            f"{where}: {told.get(where)} / {value:g}"
            for where, value in shown.items()
            if not math.isclose(told.get(where, math.nan), value, rel_tol=1e-4)
        ]
        yield Line(f"OSC shows it: {len(shown)} addresses", bool(shown) and not wrong, some(wrong))
        levels = self._all.levels_a_second
        yield Line(
            "the page gets levels, ten a second at most",
            0 < levels <= LEVELS * self._stretch,
            f"{levels}",
        )

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
        yield Line("no error", not errors, some(errors))
        yield Line(
            "the show came to its end",
            not self._all.stopped,
            self._all.stopped,
        )


def _difference(shown: Told, given: list[Told]) -> str:
    if not given:
        return f"no event at {shown.get('t')}"
    names = [name for name in given[-1] if shown.get(name) != given[-1][name]]
    return ", ".join(f"{name}: {shown.get(name)} / {given[-1][name]}" for name in names)
