"""The script of the show: who asks for what, by which way, and what is waited for. Pure data.

A show is a list of steps. The acts of one say what must be told of them, so that what happened can
be laid beside what was asked for: each act has its events, and each event its act.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from rehearsal.cast import FRONT, PHONE

Way = Literal["http", "page", "ctl", "osc", "key"]
Fault = Literal["page gone", "avatar leaves", "avatar dies", "server restarts"]
What = Literal[
    "spoken", "front spoken", "phone spoken", "heard", "cue heard", "cue over", "quiet", "ready"
]

WAYS: Final[tuple[Way, ...]] = ("http", "page", "ctl", "osc", "key")
KEYS: Final = {
    "mute": "m",
    "manual": "t",
    "auto": "v",
    "cough": "c",
    "interrupt": "i",
    "panic": "p",
    "performer": "n",
}
"""What is pressed for a verb in the terminal."""


@dataclass(frozen=True, slots=True)
class Expected:
    """An event that must follow an act, with these of its fields."""

    event: str
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Act:
    """Somebody asks for a verb."""

    way: Way
    verb: str
    argument: str | int | None
    expects: tuple[Expected, ...]

    def __str__(self) -> str:
        argument = "" if self.argument is None else f" {self.argument}"
        return f"{self.way}: {self.verb}{argument}"


@dataclass(frozen=True, slots=True)
class Wait:
    """Until somebody is well into a sentence; until one was heard; and so on."""

    what: What


@dataclass(frozen=True, slots=True)
class Pause:
    """So many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Harm:
    """A fault, provoked for real."""

    fault: Fault


@dataclass(frozen=True, slots=True)
class Scene:
    """What comes next, for whoever looks on."""

    name: str


@dataclass(frozen=True, slots=True)
class Loudspeakers:
    """What the avatar says comes back into the microphone for so many seconds."""

    seconds: float


Step = Act | Loudspeakers | Wait | Pause | Harm | Scene

# ---- the acts --------------------------------------------------------------------------------


def mute(way: Way, *, on: bool) -> Act:
    """Mute, or end it; a key knows but the one press."""
    argument = "toggle" if way == "key" else ("on" if on else "off")
    return Act(way, "mute", argument, (Expected("gate", {"muted": on, "by": way}),))


def gate(way: Way, verb: str, state: str, argument: str | None = None) -> Act:
    """Set how the gate stands."""
    return Act(way, verb, argument, (Expected("gate", {"state": state, "by": way}),))


def talk(way: Way, *, on: bool) -> Act:
    """Hold push-to-talk, or release it: the gate is shut a moment later, by nobody."""
    told = {"held": True, "by": way} if on else {"held": False}
    return Act(way, "talk", "on" if on else "off", (Expected("gate", told),))


def cough(way: Way) -> Act:
    """Muted for a second."""
    muted, over = Expected("gate", {"muted": True, "by": way}), Expected("gate", {"muted": False})
    return Act(way, "cough", None, (muted, over))


def cue(way: Way, name: str, *, instead_of: str = "") -> Act:
    """Play a cue, in place of the one that plays."""
    begun = Expected("cue_started", {"cue": name, "by": way})
    if not instead_of:
        return Act(way, "cue", name, (begun,))
    ended = Expected("cue_ended", {"cue": instead_of, "reason": "replaced", "by": way})
    return Act(way, "cue", name, (ended, begun))


def stop(way: Way, name: str, *, by_its_name: bool = False) -> Act:
    """Stop the cue that plays, by a second press or by `stop`."""
    ended = Expected("cue_ended", {"cue": name, "reason": "stop", "by": way})
    return Act(way, "cue", name if by_its_name else "stop", (ended,))


def interrupt(way: Way, *, of_cue: str = "") -> Act:
    """Silence; what comes next is heard."""
    told = Expected("interrupted", {"by": way})
    ended = Expected("cue_ended", {"cue": of_cue, "reason": "interrupt"})
    return Act(way, "interrupt", None, (told, ended) if of_cue else (told,))


def panic(way: Way, *, of_cue: str) -> Act:
    """Silence, and it stays."""
    expects = (
        Expected("gate", {"muted": True, "by": way}),
        Expected("cue_ended", {"cue": of_cue, "reason": "panic"}),
        Expected("interrupted", {"by": way}),
    )
    return Act(way, "panic", None, expects)


def route(way: Way, number: int) -> Act:
    """Who gets what is said."""
    return Act(way, "route", number, (Expected("route", {"number": number, "by": way}),))


def performer(way: Way, name: str) -> Act:
    """Give a performer the voice; a key gives it to the next one."""
    argument = None if way == "key" else name
    return Act(way, "performer", argument, (Expected("performer", {"name": name, "by": way}),))


def mark(way: Way, text: str) -> Act:
    """A marker."""
    return Act(way, "mark", text, (Expected("marked", {"text": text, "by": way}),))


# ---- the scenes ------------------------------------------------------------------------------

Steps = Iterator[Step]
Pick = Callable[..., Way]
"""Picks a way, of those that are named, or of all but the keys."""


def _mutes(pick: Pick) -> Steps:
    yield Scene("mute, by whoever is nearest")
    yield Wait("spoken")
    yield mute(pick(), on=True)
    yield Pause(1.5)
    yield mute(pick(), on=False)
    yield Wait("spoken")
    yield mute("key", on=True)
    yield Pause(1.0)
    yield mute("key", on=False)
    yield Wait("spoken")
    yield cough(pick("key", "page", "osc"))
    yield Pause(1.2)


def _cues(pick: Pick) -> Steps:
    yield Scene("cues: to the end, stopped, one in place of another, the performer takes over")
    yield cue(pick(), "applause")
    yield Wait("cue heard")
    yield Wait("cue over")
    yield cue(pick(), "music")
    yield Wait("cue heard")
    yield cue(pick(), "door", instead_of="music")
    yield Wait("cue over")
    yield cue(pick(), "music")
    yield Wait("cue heard")
    yield stop(pick(), "music", by_its_name=pick("http", "page") == "page")
    yield Wait("quiet")
    yield cue(pick(), "under")
    yield Wait("cue over")


def _talk(pick: Pick) -> Steps:
    yield Scene("push-to-talk, and who holds it is gone without a word")
    yield gate(pick(), "manual", "closed", "off")
    yield Pause(1.0)
    yield talk("page", on=True)
    yield Wait("spoken")
    yield talk("page", on=False)
    yield Pause(0.5)
    yield talk("page", on=True)
    yield Pause(0.7)
    yield Harm("page gone")
    yield gate(pick("key", "http", "osc"), "auto", "detector")


def _interrupts(pick: Pick) -> Steps:
    yield Scene("interrupt: a sentence, and a cue")
    yield Wait("spoken")
    yield interrupt(pick())
    yield Wait("quiet")
    yield Wait("heard")  # a stock avatar does not tell of the first start after an interrupt
    yield cue(pick(), "music")
    yield Wait("cue heard")
    yield interrupt("key", of_cue="music")
    yield Wait("quiet")
    yield Wait("heard")


def _ben(pick: Pick) -> Steps:
    yield Scene("another avatar: what is said, a gesture, one that it does not know")
    yield route(pick(), 2)
    yield Wait("spoken")
    yield Pause(1.0)
    yield cue(pick(), "bow")
    yield Pause(0.3)
    yield cue(pick(), "nod")
    yield Pause(0.3)
    yield route(pick(), 1)


def _performers(pick: Pick) -> Steps:
    yield Scene("two performers: the voice changes hands in mid-sentence, twice")
    yield Wait("front spoken")
    yield performer(pick(), PHONE)
    yield Wait("phone spoken")
    yield performer(pick("key", "page", "osc"), FRONT)
    yield Wait("front spoken")
    # Of one that was cut and waits whole behind another a stock avatar tells nothing, nor of the
    # start of what comes next: it forgets by one end that something else plays.
    yield Wait("heard")


def _loudspeakers(seconds: float) -> Steps:
    yield Scene("loudspeakers: what the avatar says comes back into the microphone")
    yield Loudspeakers(seconds)
    yield Wait("heard")


def _panic(pick: Pick) -> Steps:
    yield Scene("panic in the middle of a cue")
    yield cue(pick(), "music")
    yield Wait("cue heard")
    yield panic(pick(*WAYS), of_cue="music")
    yield Wait("quiet")
    yield Pause(1.0)
    yield gate(pick("key", "page", "osc"), "auto", "detector")
    yield Wait("heard")


def _avatar(pick: Pick, fault: Fault) -> Steps:
    yield Scene("the avatar is gone in mid-sentence")
    yield Wait("spoken")
    yield Harm(fault)
    yield mark(pick(), "another avatar")
    yield Wait("heard")


def _server(pick: Pick) -> Steps:
    yield Scene("the server is killed, and started again")
    yield Wait("spoken")
    yield Harm("server restarts")
    yield mark(pick(), "the server is back")
    yield Wait("heard")


def _opening(pick: Pick) -> Steps:
    yield Scene("opening")
    yield Wait("heard")
    yield mark("ctl", "the doors are open")


def _finale(pick: Pick) -> Steps:
    yield Scene("finale: a cue after which nothing more is sent")
    yield cue(pick(), "finale")
    yield Wait("cue heard")
    yield Wait("cue over")
    yield Pause(1.0)
    yield mark(pick(), "the end")


_ROUND: Final = (_mutes, _cues, _talk, _interrupts, _ben, _performers, _panic)
_ROUND_S: Final = 70.0
_LOUDSPEAKERS_S: Final = 180.0
_SHORTLY_S: Final = 30.0
_LONG: Final = 8.0
"""A show of so many minutes has the loudspeakers on for three."""
_OVERHEAD_S: Final = 40.0
"""Of a show that is longer than a minute: opening, finale, and the faults."""


def script(minutes: float, seed: int = 1) -> list[Step]:
    """Steps of a show of about so many minutes: rounds of all scenes, the ways in by chance.

    Each fault and each scene comes at least once; in a short show the avatar leaves, as one that
    dies is missed only after twenty seconds, and there are no loudspeakers, as on a machine that
    has company no echo keeps its delay. The same seed makes the same show.
    """
    chance = random.Random(seed)
    overhead = _OVERHEAD_S + (_LOUDSPEAKERS_S if minutes >= _LONG else 0.0)
    rounds = max(1, round((minutes * 60 - overhead) / _ROUND_S))
    gone: Fault = "avatar leaves" if rounds == 1 else "avatar dies"
    pick = _picker(chance)
    steps = list(_opening(pick))
    for number in range(rounds):
        scenes = [*_ROUND]
        if number:
            chance.shuffle(scenes)
        for index, scene in enumerate(scenes):
            steps += scene(pick)
            if index == 3 and number in (0, rounds // 2):
                steps += [*_avatar(pick, gone), *_server(pick)]
        if number == rounds // 2 and number:
            steps += _loudspeakers(_LOUDSPEAKERS_S if minutes >= _LONG else _SHORTLY_S)
    return [*steps, *_finale(pick)]


def _picker(chance: random.Random) -> Pick:
    """Each way in its turn, in an order by chance."""
    deck: list[Way] = []

    def pick(*among: Way) -> Way:
        if among:
            return chance.choice(among)
        if not deck:
            deck.extend(way for way in WAYS if way != "key")
            chance.shuffle(deck)
        return deck.pop()

    return pick
