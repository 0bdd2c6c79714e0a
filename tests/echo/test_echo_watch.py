"""What is in the way of an echo guard is told once, and again after it was better."""

from __future__ import annotations

from dataclasses import dataclass

from micstream.echo.watch import SPOKEN_S, EchoWatch
from micstream.events import Warned
from micstream.taps import Captured


@dataclass
class Facts:
    heard_s: float = 0.0
    missed_s: float = 0.0
    level_db: float | None = None
    is_new: bool = False


def second(*, speaking: bool = True) -> Captured:
    return Captured("hall", 0, 0, 0.0, bytes(32_000), speaking)


def test_speech_without_a_reference_is_told_once() -> None:
    facts, told = Facts(), list[Warned]()
    watch = EchoWatch(facts, told.append)
    for _ in range(round(SPOKEN_S)):
        watch.captured(second())
        watch.captured(second(speaking=False))
    assert told == []
    for _ in range(20):
        watch.captured(second())
    assert [each.code for each in told] == ["echo_no_reference"]
    facts.heard_s = 1.0
    for _ in range(20):
        watch.captured(second())
    assert [each.code for each in told] == ["echo_no_reference"] * 2


def test_an_echo_that_was_not_known_beforehand_is_told_once() -> None:
    facts, told = Facts(), list[Warned]()
    watch = EchoWatch(facts, told.append)
    watch.captured(second())
    facts.heard_s, facts.is_new = 1.0, True
    for _ in range(5):
        watch.captured(second())
    assert [each.code for each in told] == ["echo_unknown"]


def test_too_much_echo_and_a_late_reference_are_told() -> None:
    facts, told = Facts(heard_s=10.0, missed_s=2.0, level_db=9.0), list[Warned]()
    watch = EchoWatch(facts, told.append)
    watch.captured(second())
    assert [each.code for each in told] == ["echo_reference_late", "echo_too_loud"]
    assert "+9 dB" in told[1].message
    facts.heard_s, facts.level_db = 25.0, 0.0
    watch.captured(second())
    facts.heard_s, facts.level_db = 40.0, 8.0
    watch.captured(second())
    assert [each.code for each in told][2:] == ["echo_too_loud"]
