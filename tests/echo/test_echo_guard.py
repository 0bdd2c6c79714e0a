"""The real canceller and guard: the echo goes, speech stays, and all stays where it was."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from micstream.echo.echo_guard import HELD_S, EchoGuard
from micstream.echo.guard import Guard
from micstream.settings import load
from micstream.sound_path import make_path
from micstream.sources.source import Block
from micstream.speech.cutter import Cutter, Gate
from micstream.speech.events import EndReason, Onset
from micstream.speech.segmenter import SegmenterOptions
from testbed.sources import Silent
from testbed.speech import MONOLOGUE, RATE, SENTENCES, Samples, samples
from tests.support.chunks import cuts
from tests.support.references import Played, through
from tests.support.scripted import ScriptedDetector, utterances

OPTIONS = SegmenterOptions(
    onset_ms=30, onset_window_ms=50, pre_roll_ms=20, hangover_ms=50, min_speech_ms=0
)


class Late(Played):
    """A reference half of which comes too late."""

    missed = 0

    def take(self, samples: int, at: float) -> bytes:
        self.missed += samples // 2
        return super().take(samples, at)


@settings(max_examples=20)
@given(where=cuts(6_000))
def test_without_a_reference_nothing_is_done_and_nothing_moves(where: list[int]) -> None:
    pcm = np.random.default_rng(2).integers(-900, 900, 3_000).astype("<i2").tobytes()
    where = [each - each % 2 for each in where]
    sound, mask = through(EchoGuard(Played(np.zeros(1, np.int16))), pcm, where)
    assert sound == pcm
    assert mask == b"\xff" * len(pcm)


@pytest.fixture(scope="module")
def guarded() -> tuple[Samples, Samples, Samples]:
    """Echo of twelve seconds, three seconds of nothing, then a voice over the echo."""
    played = samples(SENTENCES)[: 24 * RATE].astype(np.float32)
    echo = np.concatenate([np.zeros(RATE // 5, np.float32), played])[: len(played)]
    voice = np.zeros(len(played), np.float32)
    voice[14 * RATE : 23 * RATE] = samples(MONOLOGUE)[2 * RATE : 11 * RATE]
    mic = (echo + voice).clip(-32_767, 32_767).astype(np.int16)
    guard = EchoGuard(Played(played.astype(np.int16)))
    sound, mask = through(guard, mic.tobytes(), list(range(1_024, len(mic) * 2, 1_024)))
    assert guard.guard.delay is not None and abs(guard.guard.delay - 20) <= 1
    assert len(sound) == len(mic) * 2 == len(mask)
    return mic, np.frombuffer(sound, np.int16), np.frombuffer(mask, np.int16)


def test_an_echo_is_taken_off_and_known(guarded: tuple[Samples, Samples, Samples]) -> None:
    mic, sound, mask = guarded
    part = slice(6 * RATE, 12 * RATE)
    before, after = (float((each[part].astype(float) ** 2).mean()) for each in (mic, sound))
    assert 10 * np.log10(before / after) > 15
    loud = np.abs(mic[part]) > 500
    assert (mask[part][loud] == 0).mean() > 0.9


def test_a_voice_over_the_echo_is_let_through(guarded: tuple[Samples, Samples, Samples]) -> None:
    _, _, mask = guarded
    voice = np.abs(samples(MONOLOGUE)[3 * RATE : 10 * RATE].reshape(-1, 160)).max(axis=1) > 1_000
    assert (mask[15 * RATE : 22 * RATE : 160] != 0)[voice].mean() > 0.75


def test_what_is_missing_of_a_silence_is_missed_by_nobody() -> None:
    played = np.concatenate([np.zeros(5 * RATE), np.full(RATE, 1_000)]).astype(np.int16)
    guard = EchoGuard(Late(played))
    through(guard, bytes(2 * len(played)), list(range(640, 2 * len(played), 640)))
    assert guard.heard_s == pytest.approx(1.0, abs=0.05)
    assert guard.missed_s == pytest.approx(guard.heard_s / 2, abs=0.05)


def test_what_is_held_back_counts_in_when_it_was_decided() -> None:
    guard = EchoGuard(Played(np.zeros(1, np.int16)))
    assert HELD_S <= 0.020
    guard.push(bytes(2 * RATE), 0.0)
    assert all(0 <= guard.input_for(at) - at <= 2 * 160 for at in range(0, 15_000, 7))


def test_a_sound_path_with_a_guard_hands_out_what_it_heard() -> None:
    decisions = [False] * 30 + [True] * 40 + [False] * 30
    pcm = np.random.default_rng(2).integers(-900, 900, RATE).astype("<i2").tobytes()
    guard = EchoGuard(Played(np.zeros(1, np.int16)))
    cutter = Cutter(ScriptedDetector(decisions), OPTIONS)
    path = make_path(cutter, load().sound_path(), guard=guard)
    path.open(Silent(RATE, 1))
    timed = [
        one for at in range(0, 2 * RATE, 512) for one in path.push(Block(pcm[at : at + 512], 1.0))
    ]
    timed += path.finish(EndReason.SOURCE_ENDED)
    utterances([event for event, _ in timed], pcm)
    onset = next(event for event, _ in timed if isinstance(event, Onset))
    assert onset.decided - (onset.onset + 480) <= 320


def test_what_was_held_back_behind_a_closed_gate_is_silence() -> None:
    guard = EchoGuard(Played(np.zeros(1, np.int16)))
    cutter = Cutter(ScriptedDetector([True] * 200), OPTIONS)
    path = make_path(cutter, load().sound_path(), guard=guard)
    path.open(Silent(RATE, 1))
    path.set_gate(Gate.CLOSED)
    list(path.push(Block(b"\x01\x10" * 1_500, 1.0)))
    path.set_gate(Gate.OPEN)
    said = [*path.push(Block(bytes(2_000), 1.1)), *path.finish(EndReason.SHUTDOWN)]
    assert not any(any(getattr(event, "pcm", b"")) for event, _ in said)


def test_settings() -> None:
    assert load().sound_path().echo_guard is None
    assert load(echo_guard="auto").sound_path().echo_guard == 0
    two = load(echo_guard="channel:2", channel=1)
    assert (two.sound_path().echo_guard, two.capture().channels) == (2, 2)


def learned(gain: float = 1.0) -> tuple[Guard, Samples, Samples]:
    """A guard after twelve seconds of an echo 200 ms later; and what is played and heard next."""
    played = samples(SENTENCES)[: 24 * RATE].astype(np.float32)
    echo = np.concatenate([np.zeros(RATE // 5, np.float32), played])[: len(played)] * gain
    both = (played.astype(np.int16), echo.clip(-32_767, 32_767).astype(np.int16))
    guard = Guard()
    run(guard, both[0][: 12 * RATE], both[1][: 12 * RATE])
    return guard, both[0][12 * RATE :], both[1][12 * RATE :]


def run(guard: Guard, played: Samples, heard: Samples) -> np.ndarray:
    """Which frames are explained; the canceller takes nothing off."""
    found: list[bool] = []
    for at in range(0, len(heard) - 319, 320):
        found += guard.push(heard[at : at + 320], heard[at : at + 320], played[at : at + 320])
    return np.array(found)


def loud(heard: Samples) -> np.ndarray:
    peaks: np.ndarray = np.abs(heard[: len(heard) // 320 * 320].reshape(-1, 160)).max(axis=1)
    return peaks > 500


def test_an_echo_that_is_a_little_louder_than_learned_is_no_voice_for_long() -> None:
    guard, played, heard = learned(0.4)
    explained = run(guard, played, (heard * 1.7).astype(np.int16))[: 3 * 100]
    assert explained[loud(heard)[: 3 * 100]].mean() > 0.5


def test_a_hall_that_is_known_is_guarded_from_the_first_frame() -> None:
    guard, played, heard = learned()
    assert guard.known is not None
    again = Guard(guard.known)
    assert again.known is None
    explained = run(again, played, heard)
    first = loud(heard)[:150]
    assert explained[:150][first].mean() > 0.9
    assert again.is_found and again.known is not None and again.known.delay == guard.known.delay


@pytest.mark.parametrize("gain", [0.0, 0.02])
def test_what_is_known_of_another_hall_swallows_no_speech(gain: float) -> None:
    guard, played, _ = learned()
    assert guard.known is not None
    voice = samples(MONOLOGUE)[2 * RATE : 12 * RATE]
    again = Guard(guard.known)
    beside = played[: len(voice)]
    explained = run(again, beside, (voice + gain * beside).astype(np.int16))
    assert explained[loud(voice)].mean() < 0.1
    assert again.level_db < -5 or again.delay is None


def test_another_delay_is_another_hall() -> None:
    guard, played, heard = learned()
    assert guard.known is not None
    again = Guard(guard.known._replace(delay=50, learned=guard.known.learned + 20))
    run(again, played, heard)
    assert again.is_found and again.delay is not None and abs(again.delay - 20) <= 1
    assert again.level_db < 10


@pytest.mark.parametrize("sooner_ms", [20, 35, 50])
def test_an_echo_that_comes_sooner_for_a_while_is_explained(sooner_ms: int) -> None:
    guard, played, heard = learned()
    moved = heard[sooner_ms * RATE // 1_000 :]
    explained = run(guard, played[: len(moved)], moved)[:300]
    unexplained = loud(moved)[: len(explained)] & ~explained
    runs = "".join("x" if each else " " for each in unexplained).split()
    assert max(map(len, runs), default=0) <= 10, "frames in a row, of ten milliseconds"
