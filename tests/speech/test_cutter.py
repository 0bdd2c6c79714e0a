"""Sound in, utterances with their sound out: laws, with a detector that follows a script."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micstream.speech.cutter import Cutter, Gate
from micstream.speech.events import End, EndReason, Onset, SegmentEvent, Speech
from micstream.speech.segmenter import SegmenterOptions
from micstream.speech.webrtc import WebRtcDetector
from tests.support.chunks import chunked, cuts
from tests.support.scripted import (
    FRAME,
    FRAME_MS,
    OPTIONS,
    SCRIPTS,
    SMALL,
    ScriptedDetector,
    ramp,
    script,
    through_gates,
    utterances,
)


def heard(
    decisions: Sequence[float],
    blocks: Sequence[bytes],
    options: SegmenterOptions = SMALL,
) -> list[SegmentEvent]:
    cutter = Cutter(ScriptedDetector(decisions), options)
    events = [event for block in blocks for event in cutter.push(block)]
    events += cutter.finish()
    assert not cutter.speaking
    assert cutter.finish() == []
    return events


@settings(max_examples=150)
@given(
    decisions=SCRIPTS,
    options=OPTIONS,
    rest=st.integers(0, 2 * FRAME - 1),
    where=cuts(60_000),
)
def test_any_division_gives_the_same_events(
    decisions: list[bool], options: SegmenterOptions, rest: int, where: list[int]
) -> None:
    source = ramp(len(decisions) * FRAME) + bytes(rest)
    whole = heard(decisions, [source], options)
    assert heard(decisions, list(chunked(source, where)), options) == whole


def test_byte_by_byte_gives_the_same_events() -> None:
    decisions = script("...####.....#.##" + "." * 12 + "###")
    source = ramp(len(decisions) * FRAME) + b"odd"
    single = [source[at : at + 1] for at in range(len(source))]
    assert heard(decisions, single) == heard(decisions, [source])


@settings(max_examples=150)
@given(decisions=SCRIPTS, options=OPTIONS, rest=st.integers(0, FRAME - 1))
def test_the_laws_of_utterances(
    decisions: list[bool], options: SegmenterOptions, rest: int
) -> None:
    source = ramp(len(decisions) * FRAME + rest)
    found = utterances(heard(decisions, [source], options), source)
    spoken = np.zeros(len(decisions) * FRAME + rest, dtype=bool)
    for onset, end in found:
        assert end.end - onset.start <= options.max_length_ms * 16 + rest
        spoken[onset.start : end.end] = True
    # Whatever makes an onset is sent, and nothing of it is lost.
    needed = options.onset_ms // FRAME_MS
    for at in range(len(decisions) - needed + 1):
        if all(decisions[at : at + needed]):
            assert spoken[at * FRAME : (at + needed) * FRAME].all()


@settings(max_examples=50)
@given(decisions=SCRIPTS, rest=st.integers(0, FRAME - 1))
def test_an_open_utterance_reaches_to_the_last_sample(decisions: list[bool], rest: int) -> None:
    source = ramp((len(decisions) + 4) * FRAME + rest)
    events = heard([*decisions, True, True, True, True], [source])
    _, end = utterances(events, source)[-1]
    assert end.reason is EndReason.SOURCE_ENDED
    assert end.end == end.decided == len(source) // 2


def test_half_a_sample_at_the_end_is_left_out() -> None:
    source = ramp(5 * FRAME + 7)
    events = heard(script("#####"), [source + b"?"])
    ((_, end),) = utterances(events, source)
    assert end.end == 5 * FRAME + 7


def test_without_speech_there_is_nothing() -> None:
    assert heard(script("..#..#..#.."), [ramp(11 * FRAME + 50)]) == []


def test_sound_comes_frame_by_frame_as_it_is_spoken() -> None:
    cutter = Cutter(ScriptedDetector(script("..####")), SMALL)
    source = ramp(6 * FRAME)
    frames = list(chunked(source, range(0, len(source), FRAME * 2)))[1:]
    said = [[type(event).__name__ for event in cutter.push(frame)] for frame in frames]
    assert said == [[], [], [], [], ["Onset", "Speech"], ["Speech"]]
    assert cutter.position == 6 * FRAME
    assert cutter.speaking


@given(decisions=SCRIPTS, options=OPTIONS, where=cuts(40_000))
def test_what_belongs_to_an_open_utterance_waits_for_no_frame(
    decisions: list[bool], options: SegmenterOptions, where: list[int]
) -> None:
    """All that was heard of it is handed out, but for a piece of less than 20 ms."""
    cutter = Cutter(ScriptedDetector(decisions), options)
    heard_bytes = handed = 0
    for block in chunked(ramp(len(decisions) * FRAME), where):
        heard_bytes += len(block)
        for event in cutter.push(block):
            if isinstance(event, Onset):
                handed = event.start
            elif isinstance(event, Speech):
                assert event.start == handed, "in order, and nothing twice"
                handed = event.start + len(event.pcm) // 2
        if cutter.speaking:
            assert heard_bytes // 2 - handed < 20 * 16


@given(decisions=SCRIPTS)
def test_who_hands_over_two_blocks_unless_one_is_due_is_no_later_than_who_hands_over_each(
    decisions: list[bool],
) -> None:
    """Of what completes 100 ms of an utterance, the moment at which it is handed out."""
    block, source = FRAME // 2, ramp(len(decisions) * FRAME)

    def moments(saving: bool) -> dict[int, int]:
        cutter = Cutter(ScriptedDetector(decisions), SMALL)
        seen: dict[int, int] = {}
        start = at = 0
        while at < len(source):
            together = 2 if saving and not cutter.is_due(block) else 1
            for event in cutter.push(source[at : at + together * block * 2]):
                if isinstance(event, Onset):
                    start = event.start
                elif isinstance(event, Speech):
                    upto = event.start + len(event.pcm) // 2
                    if (upto - start) % 1_600 == 0:
                        seen[upto] = min(at + together * block * 2, len(source)) // 2
            at += together * block * 2
        return seen

    eager, saving = moments(saving=False), moments(saving=True)
    assert all(saving[upto] <= moment for upto, moment in eager.items() if upto in saving)
    assert saving.keys() == eager.keys()


@given(
    decisions=SCRIPTS,
    at=st.integers(0, 40 * FRAME),
    reason=st.sampled_from([EndReason.INTERRUPT, EndReason.MUTE]),
)
def test_an_end_in_the_midst_of_a_frame_has_all_that_was_handed_out(
    decisions: list[bool], at: int, reason: EndReason
) -> None:
    source = ramp(len(decisions) * FRAME + 5)
    cutter = Cutter(ScriptedDetector(decisions), SMALL)
    events = list(cutter.push(source[: 2 * at]))
    events += cutter.end(reason)
    events += cutter.push(source[2 * at :])
    utterances([*events, *cutter.finish()], source)  # whole, in order, and nothing twice


def test_a_speech_of_many_minutes_comes_through_whole() -> None:
    seconds = 600
    source = ramp(seconds * 16_000)
    options = SegmenterOptions()
    blocks = list(chunked(source, range(0, len(source), 6_400)))
    found = utterances(heard([True] * (seconds * 100), blocks, options), source)
    assert found[0][0].start == 0
    assert found[-1][1].end == seconds * 16_000
    assert {end.reason for _, end in found[:-1]} == {EndReason.MAX_LENGTH}
    assert all(end.end - onset.start <= 30 * 16_000 for onset, end in found)


def test_a_long_speech_is_cut_where_it_is_quiet() -> None:
    # A second and a half, ever louder, with a breath of 50 ms at 0.93 s; at most one second.
    buzz = np.arange(24_000) * np.where(np.arange(24_000) % 80 < 40, 1, -1)
    buzz[14_880:15_680] //= 300
    source = buzz.astype("<i2").tobytes()
    found = utterances(heard([True] * 150, [source]), source)
    assert 14_880 < found[0][1].end <= 15_680


def test_the_detector_begins_anew_with_the_next_stream() -> None:
    detector = ScriptedDetector([])
    cutter = Cutter(detector)
    list(cutter.push(ramp(FRAME)))
    assert detector.resets == 0
    cutter.finish()
    assert detector.resets == 1


class TestGate:
    def test_muting_ends_the_utterance(self) -> None:
        source = ramp(20 * FRAME)
        cutter = Cutter(ScriptedDetector([True] * 20), SMALL)
        events = list(cutter.push(source[: 10 * FRAME * 2]))
        events += cutter.set_gate(Gate.CLOSED)
        assert not cutter.speaking
        events += cutter.push(source[10 * FRAME * 2 :])
        ((_, end),) = utterances([*events, *cutter.finish()], source)
        assert end.reason is EndReason.MUTE
        assert end.end == 10 * FRAME

    def test_muting_silence_says_nothing(self) -> None:
        cutter = Cutter(ScriptedDetector([]), SMALL)
        list(cutter.push(ramp(10 * FRAME)))
        assert cutter.set_gate(Gate.CLOSED) == []
        assert cutter.gate is Gate.CLOSED

    def test_an_open_gate_sends_whatever_comes(self) -> None:
        source = ramp(40 * FRAME)
        cutter = Cutter(ScriptedDetector([]), SMALL)
        events = list(cutter.push(source[: 10 * FRAME * 2]))
        events += cutter.set_gate(Gate.OPEN)
        events += cutter.push(source[10 * FRAME * 2 : 30 * FRAME * 2])
        assert cutter.speaking
        # Its release leaves the rest to the detector, which hears the silence.
        events += cutter.set_gate(Gate.DETECTOR)
        events += cutter.push(source[30 * FRAME * 2 :])
        ((onset, end),) = utterances(events, source)
        assert onset.start == 8 * FRAME, "with its pre-roll"
        assert end.reason is EndReason.SILENCE
        assert end.end == 35 * FRAME

    def test_push_to_talk(self) -> None:
        source = ramp(30 * FRAME)
        cutter = Cutter(ScriptedDetector([True] * 30), SMALL)
        events = cutter.set_gate(Gate.CLOSED)
        for gate, until in ((Gate.CLOSED, 10), (Gate.OPEN, 20), (Gate.CLOSED, 30)):
            events += cutter.set_gate(gate)
            events += cutter.push(source[cutter.position * 2 : until * FRAME * 2])
        ((onset, end),) = utterances(events, source)
        assert (onset.start, end.end) == (10 * FRAME, 20 * FRAME)
        assert end.reason is EndReason.MUTE

    @settings(max_examples=100)
    @given(
        decisions=st.lists(st.integers(0, 9).map(lambda n: n > 2), min_size=40, max_size=80),
        turns=st.lists(
            st.tuples(st.sampled_from(Gate), st.integers(0, 10 * FRAME)), min_size=2, max_size=10
        ),
        pre_roll=st.integers(0, 10),
    )
    def test_nothing_heard_behind_a_shut_gate_is_ever_sent(
        self, decisions: list[bool], turns: list[tuple[Gate, int]], pre_roll: int
    ) -> None:
        source = ramp(80 * FRAME)
        options = SegmenterOptions(
            onset_ms=30, onset_window_ms=50, pre_roll_ms=pre_roll * 10, hangover_ms=50
        )
        cutter = Cutter(ScriptedDetector(decisions), options)
        events, secret = through_gates(cutter, source, turns)
        samples_of = np.frombuffer(source, "<u2")
        for event in events:
            if isinstance(event, Speech):
                end = event.start + len(event.pcm) // 2
                got = np.frombuffer(event.pcm, "<u2")
                assert not got[secret[event.start : end]].any()
                # A frame that lies across the gate's opening is silent up to there.
                silent = got == 0
                assert silent.sum() <= FRAME
                assert (got == samples_of[event.start : end])[~silent].all()


class TestInterrupt:
    def test_who_goes_on_speaking_is_held(self) -> None:
        # 100 ms, interrupted; 300 ms more of it, 200 ms of silence, then the next utterance.
        decisions = script("#" * 10 + "#" * 30 + "." * 20 + "##########")
        source = ramp(len(decisions) * FRAME)
        cutter = Cutter(ScriptedDetector(decisions), SMALL)
        events = list(cutter.push(source[: 10 * FRAME * 2]))
        events += cutter.end(EndReason.INTERRUPT)
        events += cutter.push(source[10 * FRAME * 2 :])
        events += cutter.finish()
        first, second = utterances(events, source)
        assert (first[0].start, first[1].end) == (0, 10 * FRAME)
        assert first[1].reason is EndReason.INTERRUPT
        assert second[0].start == 60 * FRAME


def murmur(seed: int) -> bytes:
    """Twelve seconds of faint noise, with buzzes of different length and pitch, like vowels."""
    chance = np.random.default_rng(seed)
    samples = chance.normal(0, 20, 12 * 16_000)
    at = int(chance.integers(0, 4_000))
    while at < samples.size - 32_000:
        length = int(chance.integers(1_600, 24_000))
        pitch = chance.uniform(90, 250)
        phase = np.cumsum(np.full(length, pitch / 16_000))
        buzz = sum(np.sin(2 * np.pi * k * phase) / k for k in range(1, 12))
        samples[at : at + length] += 4_000 * buzz * np.hanning(length)
        at += length + int(chance.integers(1_600, 24_000))
    return np.rint(samples).clip(-32_768, 32_767).astype("<i2").tobytes()


@settings(max_examples=12)
@given(seed=st.integers(0, 1_000), mode=st.integers(0, 3), where=cuts(12 * 32_000))
def test_the_laws_hold_with_webrtcvad(seed: int, mode: int, where: list[int]) -> None:
    source = murmur(seed)

    def run(blocks: Sequence[bytes]) -> list[SegmentEvent]:
        cutter = Cutter(WebRtcDetector(mode), SegmenterOptions(max_length_ms=2_000))
        events = [event for block in blocks for event in cutter.push(block)]
        return events + cutter.finish()

    whole = run([source])
    assert run(list(chunked(source, where))) == whole
    found = utterances(whole, source)
    assert found, "it hears the buzzes"
    assert all(end.end - onset.start <= 32_000 for onset, end in found)


@pytest.mark.parametrize("frame_ms", [10, 20, 30])
def test_webrtcvad_finds_a_voice_in_silence(frame_ms: int) -> None:
    chance = np.random.default_rng(1)
    samples = chance.normal(0, 15, 6 * 16_000)
    phase = np.arange(16_000) * 140 / 16_000
    buzz = sum(np.sin(2 * np.pi * k * phase) / k for k in range(1, 12))
    for start in (16_000, 64_000):
        samples[start : start + 16_000] += 4_000 * buzz
    source = np.rint(samples).astype("<i2").tobytes()
    cutter = Cutter(WebRtcDetector(2, frame_ms))
    events = [*cutter.push(source), *cutter.finish()]
    found = utterances(events, source)
    assert [round(onset.onset / 16_000, 1) for onset, _ in found] == [1.0, 4.0]
    for onset, end in found:
        assert onset.decided - onset.onset <= 16 * 100
        assert 0.3 <= (end.end - onset.onset - 16_000) / 16_000 <= 0.75
        assert isinstance(end, End)
        assert isinstance(onset, Onset)
        assert end.enough


@settings(max_examples=100)
@given(SCRIPTS, st.integers(0, 20_000), st.sampled_from(Gate), st.booleans())
def test_after_a_reset_it_is_as_new(
    decisions: list[bool], junk: int, gate: Gate, finished: bool
) -> None:
    def run(cutter: Cutter) -> list[SegmentEvent]:
        return [*cutter.push(ramp(len(decisions) * FRAME + 77)), *cutter.finish()]

    detector = ScriptedDetector([True] * (junk // FRAME) + decisions)
    used = Cutter(detector, SMALL)
    list(used.push(ramp(junk)))
    used.set_gate(gate)
    if finished:
        used.finish()
    used.reset()
    assert used.gate is Gate.DETECTOR
    assert used.position == 0
    assert run(used) == run(Cutter(ScriptedDetector(decisions), SMALL))
