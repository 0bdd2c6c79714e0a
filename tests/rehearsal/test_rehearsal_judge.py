"""The judge of a rehearsal: a show in which all agrees, and each account of it spoilt in turn."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from micstream import events
from micstream.events import Event
from micstream.show.osc_words import feedback
from micstream.speech.events import EndReason
from micstream.state import State, fold
from rehearsal.accounts import Accounts, Asked, Harmed, Kept, Lit, Loud
from rehearsal.cast import ANNA, BEN, FRONT, MICROPHONES, PHONE, SOUNDS
from rehearsal.judge import judge
from rehearsal.judge_kept import RETURN_S
from rehearsal.script import cue, interrupt, mark, mute, panic, route, talk
from rehearsal.tones import Heard


class Teller:
    """Tells a show by hand, event by event, and takes down what is heard of it."""

    def __init__(self) -> None:
        self.all = Accounts()
        self.state = State()
        self.count = 0

    def tell(self, t: float, kind: type[Event], **fields: Any) -> None:
        event = kind(t=t, **fields)
        self.state = fold(self.state, event)
        self.all.record.append(event.as_dict())

    def ask(self, t: float, act: Any) -> None:
        self.all.asked.append(Asked(act, t))

    def answer(self) -> None:
        self.all.states.append(self.state.as_dict())

    def say(
        self,
        t: float,
        seconds: float,
        *,
        avatar: str = ANNA,
        hz: int | None = None,
        cut: bool = False,
    ) -> None:
        """An utterance that is sent and played, heard 0.2 s after it was begun."""
        self.count += 1
        id, size = f"u{self.count}", round(32_000 * seconds)
        lead = {"onset_s": t, "decided_s": t, "lead_ms": 100}
        self.tell(t, events.UtteranceStarted, avatar=avatar, id=id, **lead)
        self.tell(t + 0.2, events.PlaybackStarted, avatar=avatar, id=id, delay_ms=200)
        over = {"duration_s": seconds, "bytes": size, "reason": EndReason.SILENCE}
        self.tell(t + seconds, events.UtteranceEnded, avatar=avatar, id=id, **over)
        played = {"position_s": seconds, "interrupted": cut}
        self.tell(t + seconds + 0.2, events.PlaybackFinished, avatar=avatar, id=id, **played)
        if avatar == ANNA:
            pieces = round(seconds * 10)
            self.all.heard += [Heard(t + 0.2 + n / 10, True, hz) for n in range(pieces)]
        else:
            self.all.other_bytes += size


def show() -> Accounts:
    """A show in which everything agrees."""
    told = Teller()
    told.tell(0, events.Connection, state="connected", attempt=1)
    told.tell(0.5, events.AvatarReady, identity=ANNA, how="probe")
    told.tell(0.6, events.Ready)
    told.tell(0.7, events.Gate, state="detector")
    told.say(1, 2)
    told.ask(4, mute("osc", on=True))
    told.tell(4.01, events.Gate, state="closed", muted=True, by="osc")
    told.answer()
    told.ask(8, mute("ctl", on=False))
    told.tell(8.4, events.Gate, state="detector", by="ctl")
    told.answer()

    told.ask(9, cue("http", "applause"))
    told.tell(9.01, events.CueStarted, cue="applause", number=1, duration_s=2.0, by="http")
    told.answer()
    told.say(9.02, 2, hz=700)
    told.all.lit.append(Lit("applause", 9.25))
    told.tell(11.3, events.CueEnded, cue="applause", number=1, reason="end", sent_s=2.0)

    told.ask(13, talk("page", on=True))
    told.tell(13.01, events.Gate, state="open", held=True, by="page")
    told.answer()
    told.all.harmed.append(Harmed("page gone", 14))
    told.tell(14.2, events.Gate, state="detector", held=False)

    told.say(15, 1, cut=True)
    told.ask(16.1, interrupt("key"))
    told.tell(16.1, events.Interrupted, by="key")
    told.answer()

    told.ask(18, route("page", 2))
    told.tell(18.01, events.Route, avatars=(BEN,), number=2, by="page")
    told.answer()
    told.say(18.5, 1.5, avatar=BEN)
    told.ask(20.5, cue("page", "bow"))
    told.tell(20.5, events.CueStarted, cue="bow", number=6, duration_s=0, by="page")
    told.tell(20.51, events.CueEnded, cue="bow", number=6, reason="end", sent_s=0)
    told.answer()
    told.all.other_calls.append("gesture bow")
    told.ask(21, cue("osc", "nod"))
    told.tell(21, events.CueStarted, cue="nod", number=7, duration_s=0, by="osc")
    told.tell(21.01, events.CueEnded, cue="nod", number=7, reason="end", sent_s=0)
    told.tell(21.1, events.Warned, code="cue_message_failed", message="it knows no such call")
    told.answer()

    told.all.harmed.append(Harmed("server restarts", 22))
    told.tell(22.5, events.Connection, state="lost", attempt=0)
    told.tell(24, events.Connection, state="connected", attempt=1)
    told.tell(25, events.AvatarReady, identity=ANNA, how="probe")
    told.tell(25.1, events.Ready)
    told.tell(25.2, events.Microphone, state="back", device=MICROPHONES[PHONE], performer=PHONE)
    told.say(26, 2)

    told.ask(30, cue("osc", "music"))
    told.tell(30.01, events.CueStarted, cue="music", number=3, duration_s=20.0, by="osc")
    told.answer()
    told.say(30.02, 1, hz=1_000, cut=True)
    told.all.lit.append(Lit("music", 30.3))
    told.ask(31.2, panic("http", of_cue="music"))
    told.tell(31.21, events.Gate, state="closed", muted=True, by="http")
    told.tell(31.21, events.CueEnded, cue="music", number=3, reason="panic", sent_s=1.2)
    told.tell(31.22, events.Interrupted, by="http")
    told.answer()
    told.ask(33, mark("http", "the end"))
    told.tell(33.01, events.Marked, text="the end", by="http")
    told.answer()

    told.all.page = told.state.as_dict()
    told.all.osc = {k: float(v) for k, v in feedback(told.state, tuple(SOUNDS)).items()}
    told.all.levels_a_second = 10
    told.all.record.append(replace(told.state.summary(), t=35.0).as_dict())
    told.all.other_digest = "what came there"
    told.all.kept = Kept(
        events=copy.deepcopy(told.all.record),
        sent={t["id"]: t["bytes"] for t in told.all.record if t["event"] == "utterance_ended"},
        other_digest=told.all.other_digest,
        published_loud_s=told.all.heard_loud_s,
        microphone_s={FRONT: 34.0, PHONE: 32.0},
    )
    return told.all


def differing(accounts: Accounts) -> list[str]:
    return [line.what for line in judge(accounts).lines if not line.agrees]


def test_a_show_in_which_all_agrees() -> None:
    found = judge(show())
    assert not [line for line in found.lines if not line.agrees]
    assert found.agrees
    assert found.figures["osc_to_event_ms"] == 10
    assert found.figures["ctl_to_event_ms"] == 400
    assert found.figures["interrupt_to_silence_ms"] == pytest.approx(100, abs=100)


def without(event: str, **fields: Any) -> Callable[[Accounts], None]:
    """The record without the first event of that kind."""

    def spoil(accounts: Accounts) -> None:
        fitting = (
            told
            for told in accounts.record
            if told["event"] == event and all(told.get(k) == v for k, v in fields.items())
        )
        accounts.record.remove(next(fitting))

    return spoil


def changed(event: str, **fields: Any) -> Callable[[Accounts], None]:
    """The record with other fields in the first event of that kind."""

    def spoil(accounts: Accounts) -> None:
        next(told for told in accounts.record if told["event"] == event).update(fields)

    return spoil


def said_while_muted(accounts: Accounts) -> None:
    """Decided while the gate was closed; that its end is told as the mute's changes nothing."""
    changed("utterance_started", t=5.0, decided_s=4.9)(accounts)
    changed("utterance_ended", reason="mute")(accounts)


def heard(t: float, hz: int | None = None) -> Callable[[Accounts], None]:
    """One piece of sound more."""
    return lambda accounts: accounts.heard.append(Heard(t, True, hz))


def silent(since: float, until: float) -> Callable[[Accounts], None]:
    """Nothing was heard between two seconds."""

    def spoil(accounts: Accounts) -> None:
        accounts.heard = [piece for piece in accounts.heard if not since <= piece.t <= until]

    return spoil


def of_the_other(accounts: Accounts) -> None:
    """What the one at the page said is sent while the other has the voice."""
    given = {"t": 0.8, "event": "performer", "name": FRONT, "performers": [FRONT, PHONE], "by": ""}
    accounts.record.insert(4, given)
    changed("utterance_started", source=PHONE)(accounts)


def loud(seconds: float = 2.0, first: float = 2.0) -> Callable[[Accounts], None]:
    """The loudspeakers are on: three utterances, of which the last is one too many."""

    def spoil(accounts: Accounts) -> None:
        accounts.loud.append(Loud(40.0, 43.0))
        for number in range(3):
            id, told = f"e{number}", {"t": 40.5 + number, "avatar": ANNA}
            lasts = seconds if number else first
            source, over = FRONT, {"duration_s": lasts, "bytes": 0, "reason": "silence"}
            lead = {"onset_s": 0.0, "decided_s": 0.0, "lead_ms": 100, "source": source}
            accounts.record.append({**told, "event": "utterance_started", "id": id, **lead})
            accounts.record.append({**told, "event": "utterance_ended", "id": id, **over})

    return spoil


def unasked(accounts: Accounts) -> None:
    accounts.asked.pop(0)


def refused(accounts: Accounts) -> None:
    accounts.asked[0].refused = "muted"


def shown_otherwise(accounts: Accounts) -> None:
    accounts.states[0]["muted"] = False


def page_behind(accounts: Accounts) -> None:
    accounts.page = accounts.states[0]


def osc_behind(accounts: Accounts) -> None:
    accounts.osc["/micstream/state/muted"] = 0.0


def lit_too_late(accounts: Accounts) -> None:
    accounts.lit[0].at += 1.5


def never_lit(accounts: Accounts) -> None:
    accounts.lit.pop(0)


def kept(**fields: Any) -> Callable[[Accounts], None]:
    """The record on the disk holds something else."""

    def spoil(accounts: Accounts) -> None:
        assert accounts.kept is not None
        accounts.kept = replace(accounts.kept, **fields)

    return spoil


def back_late(accounts: Accounts) -> None:
    """He was gone for longer than the server was."""
    changed("microphone", t=22.0 + RETURN_S + 0.1)(accounts)


def lacks_a_word(accounts: Accounts) -> None:
    assert accounts.kept is not None
    accounts.kept.sent["u1"] -= 2


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (without("gate", muted=True), "osc: mute on"),
        (changed("marked", text="another"), "http: mark the end"),
        (changed("interrupted", by="osc"), "key: interrupt"),
        (unasked, "nothing was done that nobody asked for"),
        (refused, "osc: mute on"),
        (without("gate", held=False, t=14.2), "page gone: push-to-talk ends"),
        (shown_otherwise, "the state after each act is the record's: 11 times"),
        (without("playback_started"), "the state after each act is the record's: 11 times"),
        (silent(1, 3.5), "what is reported as played was heard: 3 times"),
        (changed("playback_finished", position_s=1.0), "it was played as long as it was sent"),
        (without("playback_finished"), "each utterance has its report, or a fault"),
        (heard(7.5), "nothing was heard that is not told"),
        (heard(7.5), "nothing is heard while muted"),
        (heard(14.9, 700), "no cue sounds before or after its time"),
        (silent(9.5, 11.5), "cue applause: end"),
        (lit_too_late, "cue applause: end"),
        (never_lit, "cue applause: end"),
        (without("cue_ended", cue="music"), "cue music"),
        (loud(5.0), "with loudspeakers on for 3 s no utterance goes on: 2"),
        (loud(first=9.0), "with loudspeakers on for 3 s no utterance goes on: 2"),
        (loud(), "nor does one begin by them"),
        (of_the_other, "of who has the voice alone is sent: 1 utterances, 1 times given"),
        (heard(17.3), "silence after each interrupt: 2"),
        (changed("utterance_started", t=5.0), "nothing is sent while muted: 2 times"),
        (said_while_muted, "nothing is sent while muted: 2 times"),
        (lambda a: setattr(a, "other_bytes", 0), "the other avatar got what is told to be sent"),
        (lambda a: a.other_calls.clear(), "each bow came: 1"),
        (without("warning"), "each nod is told to be unknown there: 1"),
        (without("ready", t=25.1), "server restarts: heard again"),
        (page_behind, "the page shows the last state"),
        (osc_behind, "OSC shows it: 18 addresses"),
        (lambda a: setattr(a, "levels_a_second", 0), "the page gets levels, ten a second at most"),
        (lambda a: setattr(a, "levels_a_second", 20), "the page gets levels, ten a second at most"),
        (lambda a: setattr(a, "kept", None), "the record can be read, and is whole"),
        (kept(notes=["torn"]), "the record can be read, and is whole"),
        (kept(events=[]), "the record's events are those that were told: 52"),
        (lacks_a_word, "it holds every utterance as it was sent: 6"),
        (kept(sent={"u9": 2}), "it holds every utterance as it was sent: 6"),
        (
            kept(other_digest=""),
            "what it holds for the other avatar is what came there, byte for byte",
        ),
        (kept(microphone_s={FRONT: 34.0}), "it holds both microphones whole"),
        (kept(microphone_s={FRONT: 31.0, PHONE: 34.0}), "it holds both microphones whole"),
        (kept(microphone_s={FRONT: 34.0, PHONE: 28.5}), "it holds both microphones whole"),
        (without("microphone", state="back"), "it holds both microphones whole"),
        (changed("microphone", performer=FRONT), "it holds both microphones whole"),
        (back_late, "it holds both microphones whole"),
        (kept(published_loud_s=0.0), "the avatar is in it as the third participant heard it"),
        (changed("bye", utterances=99), "the summary is the record's"),
        (changed("warning", code=events.EVENTS_LOST), "no event was lost"),
        (lambda a: setattr(a, "stopped", "at step 3"), "the show came to its end"),
    ],
)
def test_what_does_not_agree_is_found(spoil: Callable[[Accounts], None], what: str) -> None:
    accounts = show()
    spoil(accounts)
    assert what in differing(accounts)


def test_what_was_said_before_a_mute_may_be_sent_just_after_it_and_is_cut() -> None:
    accounts = show()
    changed("utterance_started", t=4.2, decided_s=3.9)(accounts)
    assert "nothing is sent while muted: 2 times" in differing(accounts)
    changed("utterance_ended", reason="mute")(accounts)
    assert "nothing is sent while muted: 2 times" not in differing(accounts)


def test_the_guard_learns_the_hall_in_one_utterance() -> None:
    line = "with loudspeakers on for 3 s no utterance goes on: 2"
    accounts = show()
    loud(first=6.0)(accounts)
    assert line not in differing(accounts)
    last = accounts.record[-4:]  # of the second and the third
    last[1]["duration_s"] = 6.0
    assert line in differing(accounts)
    next(t for t in accounts.record if t["event"] == "utterance_ended" and t["id"] == "e0").update(
        duration_s=2.0
    )
    assert line not in differing(accounts)


def test_a_performer_by_page_is_missed_while_the_server_runs() -> None:
    accounts = show()
    accounts.harmed = [each for each in accounts.harmed if each.fault != "server restarts"]
    assert "it holds both microphones whole" in differing(accounts)


@pytest.mark.parametrize("told", [True, False])
def test_what_an_avatar_that_is_gone_took_with_it_has_to_be_told_as_lost(told: bool) -> None:
    accounts = show()
    without("playback_finished", id="u1")(accounts)
    (ended,) = [e for e in accounts.record if e["event"] == "utterance_ended" and e["id"] == "u1"]
    ended["reason"] = "avatar"
    gone = {"t": ended["t"] - 0.01, "event": "avatar_left", "identity": ANNA}
    accounts.record.append(gone)
    lost = {"avatar": ANNA, "code": "avatar_lost", "seconds": 0.5, "why": "the avatar was lost"}
    if told:
        accounts.record.append({"t": ended["t"] + 0.01, "event": "dropped", **lost})
    assert ("each utterance has its report, or a fault" in differing(accounts)) is not told


def test_a_show_of_which_nothing_is_known_does_not_agree() -> None:
    assert not judge(Accounts()).agrees


@pytest.mark.parametrize(("seconds", "agrees"), [(1.6, True), (0.5, False)])
def test_what_a_cue_lacks_has_to_be_told_as_dropped(seconds: float, agrees: bool) -> None:
    accounts = show()
    silent(9.5, 11.5)(accounts)
    told = {"avatar": ANNA, "seconds": seconds, "code": "late", "why": "it had to wait too long"}
    accounts.record.append({"t": 10.0, "event": "dropped", **told})
    assert ("cue applause: end" not in differing(accounts)) is agrees


def test_a_cue_that_is_played_again_at_once_is_not_taken_for_the_first() -> None:
    accounts = show()
    for t in (33.5, 34.7):
        cue = {"cue": "door", "number": 2, "by": ""}
        accounts.record[-1:-1] = [
            {"t": t, "event": "cue_started", "duration_s": 1.5, **cue},
            {"t": t + 1, "event": "cue_ended", "reason": "end", "sent_s": 1.0, **cue},
        ]
        accounts.heard += [Heard(t + 0.2 + n / 10, True, 1_300) for n in range(10)]
        accounts.lit.append(Lit("door", t + 0.3))
    cues = [line for line in judge(accounts, stretch=4).lines if "cue door" in line.what]
    assert [line.agrees for line in cues] == [True, True]


def test_bounds_are_stretched_for_a_machine_that_has_company() -> None:
    accounts = show()
    accounts.lit[0].at += 1.2
    assert not judge(accounts).agrees
    assert judge(accounts, stretch=2.0).agrees
