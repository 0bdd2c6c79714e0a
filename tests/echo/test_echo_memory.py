"""What was learned of a hall is kept for a day, and a file that is spoilt does no harm."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from micstream.echo.delay import LONGEST
from micstream.echo.echo_guard import EchoGuard
from micstream.echo.guard import BANDS, Known
from micstream.echo.memory import AGES_S, HallMemory, memory_file
from micstream.echo.reference import Arriving, Beside
from testbed.sources import Silent
from testbed.speech import RATE
from tests.support.references import Played, through

HALL = Known(22, np.full((2, BANDS), -6.25, np.float32), np.full((5, BANDS), 3.5))
SHARED = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def memory(place: Path, reference: str = "auto", clock: Clock | None = None) -> HallMemory:
    return HallMemory(reference, place / "echo" / "halls.json", now=clock or Clock())


def test_a_hall_is_known_again_at_its_source_and_reference_alone(tmp_path: Path) -> None:
    memory(tmp_path).keep("usb 1", HALL)
    again = memory(tmp_path).recall("usb 1")
    assert again is not None and again.delay == HALL.delay
    assert np.allclose(again.learned, HALL.learned) and np.allclose(again.sums, HALL.sums)
    assert memory(tmp_path).recall("usb 2") is None
    assert memory(tmp_path, "channel:2").recall("usb 1") is None
    memory(tmp_path).keep("usb 1", None)
    assert memory(tmp_path).recall("usb 1") is not None
    memory(tmp_path).forget("usb 1")
    assert memory(tmp_path).recall("usb 1") is None


def test_it_is_for_its_owner_alone_and_holds_the_last_sixteen(tmp_path: Path) -> None:
    for number in range(20):
        memory(tmp_path).keep(f"usb {number}", HALL)
    place = tmp_path / "echo" / "halls.json"
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert [*json.loads(place.read_text())] == [f"auto usb {n}" for n in range(4, 20)]


@pytest.mark.parametrize("now", [1_000.0, 1_000.5, 1_000.99])
def test_it_counts_from_the_moment_on(tmp_path: Path, now: float) -> None:
    clock = Clock()
    clock.now = now
    memory(tmp_path, clock=clock).keep("usb 1", HALL)
    assert memory(tmp_path, clock=clock).recall("usb 1") is not None


@pytest.mark.parametrize(("age", "there"), [(AGES_S, True), (AGES_S + 1, False), (-1.0, False)])
def test_it_counts_for_a_day(tmp_path: Path, age: float, there: bool) -> None:
    clock = Clock()
    memory(tmp_path, clock=clock).keep("usb 1", HALL)
    clock.now += age
    assert (memory(tmp_path, clock=clock).recall("usb 1") is not None) is there


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["at", "delay", "learned", "sums", "x"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)
spoilt = st.fixed_dictionaries(
    {"at": st.just(1_000), "delay": st.just(22), "learned": anything, "sums": anything}
)


@SHARED
@given(what=st.one_of(anything, st.builds(lambda it: {"auto usb 1": it}, anything | spoilt)))
def test_a_foreign_file_is_no_hall(tmp_path: Path, what: Any) -> None:
    place = tmp_path / "echo" / "halls.json"
    place.parent.mkdir(exist_ok=True)
    place.write_text(json.dumps(what))
    assert memory(tmp_path).recall("usb 1") is None
    memory(tmp_path).keep("usb 1", HALL)
    assert memory(tmp_path).recall("usb 1") is not None


@SHARED
@given(what=st.binary(max_size=50))
def test_a_torn_file_is_no_hall(tmp_path: Path, what: bytes) -> None:
    place = tmp_path / "echo" / "halls.json"
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(what)
    assert memory(tmp_path).recall("usb 1") is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("delay", LONGEST + 1),
        ("delay", -1),
        ("delay", float("inf")),
        ("at", float("nan")),
        ("learned", np.full((2, BANDS), 101.0).tolist()),
        ("learned", np.full((2, BANDS), np.nan).tolist()),
        ("sums", np.full((5, BANDS), -1.0).tolist()),
        ("sums", np.full((5, BANDS), np.inf).tolist()),
        ("sums", np.full((5, BANDS), 1e300).tolist()),
        ("sums", [[1.0]]),
    ],
)
def test_what_cannot_be_is_no_hall(tmp_path: Path, field: str, value: object) -> None:
    memory(tmp_path).keep("usb 1", HALL)
    place = tmp_path / "echo" / "halls.json"
    halls = json.loads(place.read_text())
    halls["auto usb 1"][field] = value
    place.write_text(json.dumps(halls))
    assert memory(tmp_path).recall("usb 1") is None


def test_where_it_cannot_be_kept_it_is_not(tmp_path: Path) -> None:
    (tmp_path / "echo").write_text("a file in the folder's place")
    memory(tmp_path).keep("usb 1", HALL)
    assert memory(tmp_path).recall("usb 1") is None


def test_a_guard_begins_with_it_and_keeps_nothing_that_it_has_not_found(tmp_path: Path) -> None:
    source = Silent(16_000, 1)
    memory(tmp_path).keep(f"{source.name} {source.pick}", HALL)
    before = (tmp_path / "echo" / "halls.json").read_text()
    guard = EchoGuard(Beside(1), memory(tmp_path))
    guard.open(source)
    assert guard.guard.delay == HALL.delay and not guard.guard.is_found
    guard.keep()
    assert (tmp_path / "echo" / "halls.json").read_text() == before


@pytest.mark.parametrize("peak", [3_000, 32_767])
def test_what_was_learned_of_a_sound_is_known_again_however_loud(tmp_path: Path, peak: int) -> None:
    noise = np.random.default_rng(1).uniform(-peak, peak, 8 * RATE)
    syllables = (np.arange(len(noise)) // (RATE // 7)) % 5 < 2
    played = np.rint(noise * syllables).astype(np.int16)
    heard = np.concatenate([np.zeros(RATE // 5, np.int16), played])[: len(played)]
    source = Silent(RATE, 1)
    guard = EchoGuard(Played(played), memory(tmp_path))
    guard.open(source)
    through(guard, heard.tobytes(), [*range(640, 2 * len(heard), 640)])
    assert guard.known is not None
    guard.keep()
    again = EchoGuard(Played(played), memory(tmp_path))
    again.open(source)
    assert again.guard.delay == guard.known.delay
    through(again, heard.tobytes(), [*range(640, 2 * len(heard), 640)])
    assert (guard.is_new, again.is_new) == (True, False)


class Laid(Arriving):
    """A reference that is laid as late as a test says."""

    samples = 320

    @property
    def late(self) -> int:
        return self.samples


class Found(EchoGuard):
    """Has found the hall that is known."""

    def find(self) -> None:
        self.guard.delay = HALL.delay
        self.guard._known = 1_000.0
        self.guard._tried = 0.0


def test_a_delay_is_kept_as_from_the_sounds_arrival_however_late_it_was_laid(
    tmp_path: Path,
) -> None:
    source, reference = Silent(16_000, 1), Laid()
    first = Found(reference, memory(tmp_path))
    first.open(source)
    first.find()
    first.keep()
    reference.samples = 1_280  # another network: 60 ms more
    second = EchoGuard(reference, memory(tmp_path))
    second.open(source)
    assert second.guard.delay == HALL.delay - 6
    reference.samples = 320
    loud = np.full(1_600, 1_000, np.int16).tobytes()
    second.reference.take = lambda samples, at: loud[: 2 * samples]  # type: ignore[method-assign]
    second.push(loud, 1.0)
    assert second.guard.delay == HALL.delay


def test_what_was_learned_at_two_microphones_is_kept_at_none(tmp_path: Path) -> None:
    one, other = Silent(16_000, 1), Silent(16_000, 1)
    other.name = "another"
    guard = Found(Arriving(), memory(tmp_path))
    guard.open(one)
    guard.open(other)
    guard.find()
    guard.keep()
    assert not (tmp_path / "echo" / "halls.json").exists()


def test_a_microphone_is_the_same_wherever_it_is_plugged_in(tmp_path: Path) -> None:
    one, again = Silent(16_000, 1), Silent(16_000, 1)
    one.name, again.name = "USB Audio: - (hw:1,0)", "USB Audio: - (hw:2,0)"
    guard = Found(Arriving(), memory(tmp_path))
    guard.open(one)
    guard.open(again)
    guard.find()
    guard.keep()
    later = EchoGuard(Arriving(), memory(tmp_path))
    later.open(again)
    assert later.guard.delay == HALL.delay


def test_it_lies_in_the_users_state() -> None:
    assert memory_file().parts[-3:] == ("micstream", "echo", "halls.json")
