"""Where utterances begin: traced back to the sound, and from which probability."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micstream.speech.cutter import Cutter, Gate
from micstream.speech.events import EndReason, Onset, SegmentEvent, Speech
from micstream.speech.segmenter import SegmenterOptions
from tests.support.chunks import chunked, cuts
from tests.support.scripted import (
    FRAME,
    OPTIONS,
    SCRIPTS,
    SMALL,
    ScriptedDetector,
    mottled,
    ramp,
    through_gates,
    utterances,
)


class TestMargin:
    """The onset traced back to where the sound began."""

    @settings(max_examples=150)
    @given(
        decisions=SCRIPTS,
        options=OPTIONS,
        margin_ms=st.integers(0, 100),
        seed=st.integers(0, 100),
        where=cuts(60_000),
    )
    def test_the_laws_hold(
        self,
        decisions: list[bool],
        options: SegmenterOptions,
        margin_ms: int,
        seed: int,
        where: list[int],
    ) -> None:
        source = mottled(seed, len(decisions) * FRAME + 70)

        def run(blocks: Sequence[bytes], margin: int | None) -> list[SegmentEvent]:
            cutter = Cutter(ScriptedDetector(decisions), options, margin_ms=margin)
            return [*(event for block in blocks for event in cutter.push(block)), *cutter.finish()]

        whole = run([source], margin_ms)
        assert run(list(chunked(source, where)), margin_ms) == whole
        found = utterances(whole, source)
        untraced = utterances(run([source], None), source)
        # It moves beginnings and nothing else, and never to behind the first voiced frame.
        assert [end for _, end in found] == [end for _, end in untraced]
        for (onset, _), (before, _) in zip(found, untraced, strict=True):
            assert onset.decided == before.decided
            assert before.start <= onset.start <= onset.onset <= before.onset
            assert onset.onset - onset.start <= margin_ms * 16

    @pytest.mark.parametrize("margin_ms", [0, 30, 50])
    def test_the_utterance_begins_that_long_before_the_sound(self, margin_ms: int) -> None:
        # The sound begins at 1 s; the detector hears it 80 ms later.
        source = np.random.default_rng(3).normal(0, 5, 2 * 16_000)
        source[16_000:24_000] *= 400
        pcm = source.astype("<i2").tobytes()
        options = SegmenterOptions(pre_roll_ms=300, hangover_ms=50)
        cutter = Cutter(ScriptedDetector([False] * 108 + [True] * 42), options, margin_ms=margin_ms)
        ((onset, _),) = utterances([*cutter.push(pcm), *cutter.finish()], pcm)
        assert abs(onset.onset - 16_000) <= FRAME
        assert onset.onset - onset.start == margin_ms * 16

    @pytest.mark.parametrize("frames", range(0, 40, 3))
    def test_it_knows_the_noise_of_long_before(self, frames: int) -> None:
        # The sound began 290 ms before it was heard, wherever that falls among what is kept.
        heard = 100 + frames
        source = np.random.default_rng(3).normal(0, 5, 2 * 16_000)
        source[(heard - 29) * FRAME :] *= 400
        pcm = source.clip(-32_768, 32_767).astype("<i2").tobytes()
        options = SegmenterOptions(pre_roll_ms=300)
        script = [False] * heard + [True] * (200 - heard)
        cutter = Cutter(ScriptedDetector(script), options, margin_ms=0)
        ((onset, _),) = utterances([*cutter.push(pcm), *cutter.finish()], pcm)
        assert abs(onset.onset - (heard - 29) * FRAME) <= FRAME

    def test_it_reaches_no_farther_than_the_pre_roll(self) -> None:
        source = np.random.default_rng(3).normal(0, 5, 2 * 16_000)
        source[12_800:24_000] *= 400
        pcm = source.astype("<i2").tobytes()
        options = SegmenterOptions(pre_roll_ms=100)
        cutter = Cutter(ScriptedDetector([False] * 100 + [True] * 50), options, margin_ms=50)
        ((onset, _),) = utterances([*cutter.push(pcm), *cutter.finish()], pcm)
        assert onset.start == onset.onset == 16_000 - 1_600

    def test_nor_into_the_utterance_before(self) -> None:
        # Loud all the time; muted and spoken on, so that the next begins in the middle of it.
        pcm = mottled(1, 16_000)
        cutter = Cutter(ScriptedDetector([True] * 100), margin_ms=50)
        events = list(cutter.push(pcm[:16_000]))
        events += cutter.end(EndReason.MUTE)
        events += cutter.push(pcm[16_000:])
        first, second = utterances([*events, *cutter.finish()], pcm)
        assert first[1].end == second[0].start == second[0].onset == 8_000

    def test_where_the_line_is_opened_in_silence_nothing_is_sent_yet(self) -> None:
        source = bytes(40 * FRAME * 2)
        cutter = Cutter(ScriptedDetector([]), SMALL, margin_ms=0)
        list(cutter.push(source[: 20 * FRAME * 2]))
        opened = cutter.set_gate(Gate.OPEN)
        assert opened == [Onset(20 * FRAME, 20 * FRAME, 20 * FRAME)]
        events = [*opened, *cutter.push(source[20 * FRAME * 2 :]), *cutter.finish()]
        ((_, end),) = utterances(events, source)
        assert end.end == 40 * FRAME

    @settings(max_examples=50)
    @given(
        turns=st.lists(
            st.tuples(st.sampled_from(Gate), st.integers(0, 10 * FRAME)), min_size=2, max_size=10
        ),
        seed=st.integers(0, 100),
    )
    def test_nothing_from_behind_a_shut_gate(
        self, turns: list[tuple[Gate, int]], seed: int
    ) -> None:
        source = mottled(seed, 80 * FRAME)
        cutter = Cutter(ScriptedDetector([True] * 80), margin_ms=50)
        events, secret = through_gates(cutter, source, turns)
        for event in events:
            if isinstance(event, Speech):
                got = np.frombuffer(event.pcm, "<i2")
                assert not got[secret[event.start : event.start + got.size]].any()


class TestHysteresis:
    """An utterance begins from .6, and .3 holds it open."""

    @staticmethod
    def run(script: Sequence[float], on: float = 0.6, off: float = 0.3) -> list[tuple[int, int]]:
        """Where utterances begin and end, in frames; 30 ms of .6 begin one, 50 ms end it."""
        options = SegmenterOptions(
            onset_ms=30, onset_window_ms=30, pre_roll_ms=0, hangover_ms=50, tail_ms=0
        )
        source = ramp(len(script) * FRAME)
        cutter = Cutter(ScriptedDetector(script), options, on=on, off=off)
        found = utterances([*cutter.push(source), *cutter.finish()], source)
        return [(onset.start // FRAME, end.end // FRAME) for onset, end in found]

    def test_what_holds_one_begins_none(self) -> None:
        assert self.run([0.59] * 30) == []
        assert self.run([0.3] * 30) == []

    def test_from_on_it_begins(self) -> None:
        assert self.run([0.0] * 5 + [0.6] * 3 + [0.0] * 10) == [(5, 13)]

    def test_from_off_it_is_held(self) -> None:
        assert self.run([0.6] * 3 + [0.3] * 20 + [0.29] * 20) == [(0, 28)]

    def test_after_its_end_what_held_it_begins_no_other(self) -> None:
        assert self.run([0.6] * 3 + [0.0] * 5 + [0.4] * 20) == [(0, 8)]

    def test_frames_between_the_two_decide_no_onset(self) -> None:
        assert self.run([0.9, 0.5, 0.9, 0.5, 0.9, 0.5] * 3) == []

    @given(script=st.lists(st.sampled_from([0.0, 0.2, 0.4, 0.6, 0.8, 1.0]), max_size=150))
    def test_with_both_the_same_it_is_one_threshold(self, script: list[float]) -> None:
        for threshold in (0.2, 0.5, 0.8):
            plain = self.run([probability >= threshold for probability in script], 0.5, 0.5)
            assert self.run(script, threshold, threshold) == plain

    @given(script=st.lists(st.floats(0, 1), max_size=150), off=st.floats(0.05, 0.6))
    def test_the_lower_the_latter_the_later_the_first_end(
        self, script: list[float], off: float
    ) -> None:
        single, held = self.run(script, off=0.6), self.run(script, off=off)
        assert single[:1] == [] or held[0][0] == single[0][0]
        assert single[:1] == [] or held[0][1] >= single[0][1]

    def test_an_open_gate_asks_nobody(self) -> None:
        cutter = Cutter(ScriptedDetector([0.0] * 40), SMALL, on=0.6, off=0.3)
        cutter.set_gate(Gate.OPEN)
        list(cutter.push(ramp(40 * FRAME)))
        assert cutter.speaking
