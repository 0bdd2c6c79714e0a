"""Judge of what was heard: every word and every cue in its time, and nothing else. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rehearsal.accounts import Told
from rehearsal.cast import ANNA, FRONT, MICROPHONES, PITCHES
from rehearsal.evidence import Evidence, Line, some
from rehearsal.tones import WINDOW_S

SHORTEST_S: Final = 0.4
"""Of a cue: what is shorter may be played, and be over before somebody else hears its pitch."""
SILENT_S: Final = 1.0
"""From an interrupt until nothing more is heard; its figure is measured elsewhere."""
FIRST_S: Final = 1.5
"""From a cue's press until it is heard."""
LIT_S: Final = 1.0
REPORTED_S: Final = 3.0
"""What was sent is reported as played so long after its end, at most."""
ENDING_S: Final = 0.5
"""Silence at the end of what ends by silence: it was sent, and is not loud."""
AFTER_S: Final = 1.0
"""What was played is on its way to whoever listens for no longer."""
LEARNT: Final = 1
"""In one utterance the guard learns how late and how loud the echo is: in the first, or in the one
after it, if the loudspeakers came on under the first ..."""
LEARNING_S: Final = 4.0
"""... and it may last so much longer: nobody has run `doctor --echo` in this hall."""
SENTENCE_S: Final = 3.3 + 0.42 + 0.2 + 0.3
"""The longest that is said, the hangover, what an echo may add, what is sent from before it."""
LEAST_S: Final = 2.6 + 1.1
"""The shortest sentence and its pause."""
PARTED: Final = 1.3
"""An echo between two words may part a sentence: hardly one in three."""
MOMENT_S: Final = 0.5
"""What is told of one thing is told within it."""
DECIDED_S: Final = 0.15
"""By so much the microphone's clock may seem late: the quickest utterance sets it."""


class JudgeOfSound:
    """Lays what a third participant heard beside the record."""

    def __init__(self, evidence: Evidence) -> None:
        self._named = evidence.named
        self._all = evidence.accounts
        self._stretch = evidence.stretch
        self._measured = evidence.measured
        self._loud_s = evidence.loud_s

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
                over = ended.get(told["id"], {})
                gone = over.get("reason") == "avatar" and self._is_gone(over["t"])
                if not gone and not self._at_fault(told["t"], over.get("t", float("inf"))):
                    lost.append(told["id"])
                continue
            if end["interrupted"]:
                continue
            sent = ended.get(told["id"], {}).get("duration_s", 0.0)
            if abs(sent - end["position_s"]) > 0.25:
                short.append(f"{told['id']}: {sent:.2f} s sent, {end['position_s']:.2f} played")
            if self._by_hand(told["t"]):
                continue  # all is sent then, pauses too: how loud it should be nobody knows
            played += 1
            by_silence = ended.get(told["id"], {}).get("reason") == "silence"
            said = max(0.0, end["position_s"] - ENDING_S * by_silence)
            loud = self._loud_s(told["t"], end["t"] + AFTER_S * self._stretch)
            if loud < 0.5 * said:
                unheard.append(f"{told['id']}: {loud:.1f} s of {end['position_s']:.1f}")
        yield Line(
            f"what is reported as played was heard: {played} times",
            not unheard and played > 0,
            some(unheard),
        )
        yield Line("it was played as long as it was sent", not short, some(short))
        yield Line("each utterance has its report, or a fault", not lost, some(lost))

    def _is_gone(self, at: float) -> bool:
        """Whether it is told that the avatar left or fell silent just then, and of what is lost."""
        told = [*self._named("avatar_left", identity=ANNA), *self._named("avatar_silent")]
        lost = self._named("dropped", avatar=ANNA, code="avatar_lost")
        return all(any(abs(each["t"] - at) <= MOMENT_S for each in one) for one in (told, lost))

    def _by_hand(self, at: float) -> bool:
        """Whether the gate was open by hand then."""
        before = [told for told in self._named("gate") if told["t"] <= at]
        return bool(before) and before[-1]["state"] == "open"

    def strays(self) -> Iterator[Line]:
        """Nothing was heard that is not told."""
        spans = sorted(self._playing())
        strays = [
            piece
            for piece in self._all.heard
            if piece.loud and not any(a <= piece.t <= b for a, b in spans)
        ]
        yield Line(
            "nothing was heard that is not told", not strays, some(f"{p.t:.2f}" for p in strays)
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

    def _at_fault(self, begun: float, over: float) -> bool:
        """It was under way, or not yet reported, at a fault; or began before all was well again."""
        for harmed in self._all.harmed:
            ready = [told["t"] for told in self._named("ready") if told["t"] > harmed.at]
            again = ready[0] if ready else float("inf")
            unreported = over >= harmed.at - REPORTED_S * self._stretch
            if harmed.fault != "page gone" and unreported and begun <= again:
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
            some(f"{p.hz} Hz at {p.t:.2f}" for p in strays),
        )
        count, told_ends = len(begun), len(ended)
        yield Line(f"each cue that began has ended: {count}", count == told_ends, f"{told_ends}")

    def _cue(self, told: Told, end: Told, claimed: set[float]) -> Line:
        pitch = PITCHES[told["cue"]]
        lost = sum(
            each["seconds"]
            for each in self._named("dropped", avatar=ANNA)
            if told["t"] <= each["t"] <= end["t"] + WINDOW_S
        )
        sent = max(0.0, end["sent_s"] - lost)
        again = [t["t"] for t in self._named("cue_started", cue=told["cue"]) if t["t"] > told["t"]]
        until = min([end["t"] + 2.0 * self._stretch, *again])
        tone = [p for p in self._all.heard if p.hz == pitch and told["t"] <= p.t <= until]
        claimed.update(p.t for p in tone)
        sounds = WINDOW_S * len(tone)
        what = f"cue {told['cue']}: {end['reason']}"
        found = f"{sent:.1f} s sent, {sounds:.1f} s heard"
        found += f", {lost:.1f} s told as dropped" if lost else ""
        cut = end["reason"] in ("interrupt", "panic", "performer")
        least = 0.0 if cut else max(0.0, 0.8 * sent - SHORTEST_S)
        agrees = least <= sounds <= end["sent_s"] + SHORTEST_S
        if tone:
            first = tone[0].t - told["t"]
            self._measured["cue_to_heard_ms"].append(first * 1000)
            found += f", the first after {first * 1000:.0f} ms"
            agrees &= first <= FIRST_S * self._stretch + lost
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
            self._measured["lit_after_heard_ms"].append(late * 1000)
            found += f", lit {late * 1000:+.0f} ms"
            agrees &= abs(late) <= LIT_S * self._stretch
        elif tone and not cut:
            agrees, found = False, f"{found}, never lit"
        elif lit is not None and sent > SHORTEST_S:
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
            self._measured["interrupt_to_silence_ms"].append(silent * 1000)
            if silent > SILENT_S * self._stretch:
                late.append(f"{silent:.2f} s")
        yield Line(f"silence after each interrupt: {len(told_of)}", not late, some(late))

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
                if start < told["t"] < end
                and not any(a <= told["t"] <= b for a, b in cues)
                and not self._said_before(told, start)
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
        yield Line(f"nothing is sent while muted: {len(spans)} times", not said, some(said))
        yield Line("nothing is heard while muted", not heard, some(heard))

    def _said_before(self, told: Told, muted: float) -> bool:
        """It was decided before the mute, on the microphone's clock, and cut by it.

        Its stream is opened a little later, when the avatar can take it.
        """
        cut = any(e["reason"] == "mute" for e in self._named("utterance_ended", id=told["id"]))
        started = self._named("utterance_started", source=told.get("source"))
        live = [each for each in started if not each.get("cue")]
        began = min(each["t"] - each["decided_s"] for each in live)
        return cut and bool(began + told["decided_s"] <= muted + DECIDED_S)

    def performers(self) -> Iterator[Line]:
        """Nothing is sent of who does not have the voice."""
        given, sent, wrong = self._named("performer"), 0, []
        for told in self._named("utterance_started"):
            who = told.get("source")
            before = [each for each in given if each["t"] <= told["t"]]
            if who not in MICROPHONES or not before:
                continue
            sent += 1
            late = told["t"] - before[-1]["t"] <= DECIDED_S * self._stretch
            if before[-1]["name"] != who and not (late and self._said_before(told, told["t"])):
                wrong.append(f"{told['id']} of {who}")
        what = f"of who has the voice alone is sent: {sent} utterances, {len(given)} times given"
        yield Line(what, not wrong, some(wrong))

    def loudspeakers(self) -> Iterator[Line]:
        """What comes back from them holds no utterance open, and begins none."""
        for loud in self._all.loud:
            begun = [
                told["id"]
                for told in self._named("utterance_started", avatar=ANNA)
                if loud.since <= told["t"] <= loud.until and told["source"] == FRONT
            ]
            lasted = {e["id"]: e["duration_s"] for e in self._named("utterance_ended")}
            first = sorted(begun[: LEARNT + 1], key=lambda i: -lasted.get(i, 0.0))
            most_s = dict.fromkeys(begun, SENTENCE_S)
            most_s.update(dict.fromkeys(first[:LEARNT], SENTENCE_S + LEARNING_S))
            longer = [f"{i}: {lasted[i]:.1f} s" for i in begun if lasted.get(i, 0.0) > most_s[i]]
            begun = begun[LEARNT:]
            seconds = loud.until - loud.since
            yield Line(
                f"with loudspeakers on for {seconds:.0f} s no utterance goes on: {len(begun)}",
                bool(begun) and not longer,
                some(longer),
            )
            most = PARTED * seconds / LEAST_S
            yield Line("nor does one begin by them", len(begun) <= most, f"{most:.0f} at most")

    def _muted(self) -> Iterator[tuple[float, float]]:
        since: float | None = None
        for told in self._named("gate"):
            if told["muted"] and since is None:
                since = told["t"]
            elif not told["muted"] and since is not None:
                yield since, told["t"]
                since = None
        if since is not None:
            yield since, float("inf")
