"""The script of the rehearsal: nothing is left out, and each act says what must be told of it."""

from __future__ import annotations

import pytest

from micstream.verbs import VERBS
from rehearsal.cast import PITCHES
from rehearsal.script import KEYS, WAYS, Act, Expected, Harm, Wait, script

SEEDS = range(20)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_shortest_show_has_every_verb_every_way_in_and_every_fault(seed: int) -> None:
    steps = script(1, seed)
    acts = [step for step in steps if isinstance(step, Act)]
    assert {act.verb for act in acts} == set(VERBS)
    assert {act.way for act in acts} == set(WAYS)
    assert {step.fault for step in steps if isinstance(step, Harm)} == {
        "page gone",
        "avatar leaves",
        "server restarts",
    }
    started = {
        each.fields["cue"] for act in acts for each in act.expects if "started" in each.event
    }
    assert started == {*PITCHES, "bow", "nod"}


@pytest.mark.parametrize("seed", SEEDS)
def test_each_act_must_be_told_and_names_who_did_it(seed: int) -> None:
    for act in script(10, seed):
        if isinstance(act, Act):
            assert act.expects, act
            released = (act.verb, act.argument) == ("talk", "off")
            assert released or any(each.fields.get("by") == act.way for each in act.expects), act
            assert act.way != "key" or act.verb in KEYS


@pytest.mark.parametrize("seed", SEEDS)
def test_no_act_asks_for_what_is_so_already(seed: int) -> None:
    """It would tell nothing, and what was expected of it could not be found."""
    muted, held, state, route, playing = False, False, "detector", 1, ""
    for step in script(10, seed):
        if step == Wait("cue over") and playing:
            muted, playing = muted or playing == "finale", ""
        if isinstance(step, Harm):
            held = held and step.fault != "page gone"
        if not isinstance(step, Act):
            continue
        match step.verb, step.argument, step.expects:
            case "mute", _, (Expected(fields={"muted": bool(on)}),):
                assert muted != on, step
                muted = on
            case "talk", on, _:
                assert held != (on == "on"), step
                assert not muted
                held = on == "on"
            case (("auto" | "manual"), _, (Expected(fields={"state": str(now)}),)):
                assert muted or held or state != now, step
                muted, state = False, now
            case "route", int(number), _:
                assert route != number, step
                route = number
            case "panic", _, _:
                assert not muted and playing, step
                muted, playing = True, ""
            case "interrupt", _, expects:
                assert bool(playing) == (len(expects) > 1), step
                playing = ""
            case "cue", name, expects:
                assert bool(playing) == (expects[0].event == "cue_ended"), step
                begun = expects[-1].event == "cue_started" and name in PITCHES
                playing = str(name) if begun else ""


def test_the_same_seed_makes_the_same_show_and_more_minutes_a_longer_one() -> None:
    assert script(3, 7) == script(3, 7) != script(3, 8)
    assert len(script(10)) > 4 * len(script(1))
