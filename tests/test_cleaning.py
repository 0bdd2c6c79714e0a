"""The real module: what it takes away, what it brings up, and that all stays where it was."""

from __future__ import annotations

import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from livekit import rtc

from micstream import settings as our_settings
from micstream.audio.levels import rms_db
from micstream.cleaning import Cleaner
from micstream.errors import MicstreamError
from micstream.sound_path import SoundPath, make_path
from micstream.sources.source import Block
from micstream.speech.cutter import Cutter, Gate
from micstream.speech.events import End, EndReason, Onset, SegmentEvent, Speech
from micstream.speech.segmenter import SegmenterOptions
from micstream.speech.whole import Whole
from testbed.sources import Silent, opened
from testbed.speech import RATE, SENTENCES, Samples, samples
from tests.support.chunks import chunked, cuts
from tests.support.scripted import FRAME, ScriptedDetector, utterances
from tests.support.tones import tone

OPTIONS = SegmenterOptions(
    onset_ms=30, onset_window_ms=50, pre_roll_ms=20, hangover_ms=50, min_speech_ms=0
)
SCRIPT = [False] * 30 + [True] * 40 + [False] * 30


def cleaned(pcm: bytes, cleaner: Cleaner | None = None) -> bytes:
    cleaner = cleaner or Cleaner()
    return cleaner.push(pcm) + cleaner.finish()


def noise(seconds: float, rms: float = 300) -> Samples:
    drawn = np.random.default_rng(1).standard_normal(round(seconds * RATE)) * rms
    made: Samples = drawn.round().astype(np.int16)
    return made


def quiet_speech() -> Samples:
    lowered: Samples = (samples(SENTENCES) * 10 ** (-30 / 20)).round().astype(np.int16)
    return lowered


def change_db(sound: Samples, after_s: float, cleaner: Cleaner) -> float:
    """How much louder it is once the module has settled."""
    settled = round(after_s * RATE) * 2
    before, after = sound.tobytes(), cleaned(sound.tobytes(), cleaner)
    return rms_db(after[settled:]) - rms_db(before[settled:])


def shift_ms(before: Samples, after: Samples) -> float:
    """How much later `after` is, by the phase of all that is above 400 Hz."""
    size = 1 << (before.size * 2).bit_length()
    cross = np.fft.rfft(after, size) * np.conj(np.fft.rfft(before, size))
    cross /= np.abs(cross) + 1e-9
    cross[: round(400 * size / RATE)] = 0
    at = int(np.argmax(np.fft.irfft(cross, size)))
    return (at - size if at > size // 2 else at) * 1000 / RATE


# ---- what it does ------------------------------------------------------------------------------


def test_hum_is_taken_away() -> None:
    hum = tone(50, RATE, 4)
    assert change_db(hum, 1, Cleaner(noise_suppression=False, gain=False)) < -40
    assert change_db(hum, 2, Cleaner()) < -40


def test_steady_noise_goes_down_by_ten_decibels() -> None:
    assert change_db(noise(5), 1, Cleaner(gain=False)) < -10
    # The gain alone brings it up again, until it has heard somebody speak.
    spoken = np.concatenate([samples(SENTENCES)[: 10 * RATE], noise(8)])
    assert change_db(spoken, 14, Cleaner()) < -10


def test_quiet_speech_comes_up_and_loud_speech_hardly() -> None:
    assert change_db(quiet_speech(), 3, Cleaner()) > 20
    assert abs(change_db(samples(SENTENCES), 5, Cleaner())) < 3


def test_without_any_part_all_stays_as_it_was() -> None:
    pcm = samples(SENTENCES)[:20_001].tobytes()
    nothing = Cleaner(high_pass=False, noise_suppression=False, gain=False)
    assert cleaned(pcm, nothing) == pcm


@pytest.mark.parametrize("suppress", [True, False])
def test_all_stays_where_it_was(suppress: bool) -> None:
    before = samples(SENTENCES)
    after = cleaned(before.tobytes(), Cleaner(noise_suppression=suppress))
    assert abs(shift_ms(before, np.frombuffer(after, np.int16))) < 1


def test_two_of_them_agree() -> None:
    pcm = samples(SENTENCES).tobytes()
    assert cleaned(pcm) == cleaned(pcm)


# ---- laws --------------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(length=st.integers(0, 8_000), where=cuts(8_000), suppress=st.booleans())
def test_any_division_gives_the_same_and_as_much_as_went_in(
    length: int, where: list[int], suppress: bool
) -> None:
    pcm = samples(SENTENCES)[16_000:].tobytes()[:length]
    whole = cleaned(pcm, Cleaner(noise_suppression=suppress))
    assert len(whole) == length
    cleaner = Cleaner(noise_suppression=suppress)
    taken, out = 0, b""
    for block in chunked(pcm, where):
        taken += len(block)
        out += cleaner.push(block)
        assert taken - 2 * 256 < len(out) <= taken, "more than 16 ms are held back"
        assert cleaner.input_for(len(out) // 2) <= taken // 2
    assert out + cleaner.finish() == whole


@settings(max_examples=50, deadline=None)
@given(length=st.integers(0, 4_000), more=st.integers(0, 4_000))
def test_what_was_held_back_can_be_silenced(length: int, more: int) -> None:
    pcm = samples(SENTENCES)[16_000:].tobytes()[: length + more]
    whole = cleaned(pcm)
    cleaner = Cleaner()
    early = cleaner.push(pcm[:length])
    cleaner.silence_rest()
    late = cleaner.push(pcm[length:]) + cleaner.finish()
    assert early + late == whole[: len(early)] + bytes(length - len(early)) + whole[length:]


@given(position=st.integers(0, 3_000))
@settings(max_examples=30, deadline=None)
def test_the_input_for_an_output_is_what_had_to_go_in(position: int) -> None:
    cleaner = Cleaner()
    out = 0
    for taken in range(160, 6_400, 160):
        out += len(cleaner.push(bytes(320))) // 2
        if out >= position:
            assert cleaner.input_for(position) == (taken if out - position < 160 else taken - 160)
            return


def handle_of(cleaner: Cleaner) -> weakref.ref[object]:
    """Of the library's: it is given back once nothing refers to it."""
    assert cleaner._module is not None
    return weakref.ref(cleaner._module._ffi_handle)


# ---- trouble -----------------------------------------------------------------------------------


def test_a_failure_is_told_once_and_nothing_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    cleaner = Cleaner()
    held = handle_of(cleaner)

    def fail(_: object, __: object) -> None:
        raise RuntimeError("out of order")

    monkeypatch.setattr(rtc.AudioProcessingModule, "process_stream", fail)
    with pytest.raises(MicstreamError, match="cannot be cleaned: out of order") as told:
        cleaner.push(bytes(3_200))
    assert told.value.code == "cleaning"
    assert "--clean" in told.value.hint
    assert cleaner.push(bytes(3_200)) == cleaner.finish() == b""
    del told  # its traceback holds the call
    assert held() is None


def test_a_module_that_cannot_be_had_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object, **__: bool) -> None:
        raise RuntimeError("no module")

    monkeypatch.setattr(rtc.AudioProcessingModule, "__init__", fail)
    with pytest.raises(MicstreamError, match="cannot be cleaned: no module"):
        Cleaner()


def test_at_the_end_the_module_is_let_go() -> None:
    cleaner = Cleaner()
    held = handle_of(cleaner)
    cleaner.push(bytes(1_000))
    cleaner.finish()
    assert held() is None


# ---- in the path -------------------------------------------------------------------------------


def run(path: SoundPath, pcm: bytes, where: list[int] | None = None) -> list[SegmentEvent]:
    blocks = [Block(block, 1.0) for block in chunked(pcm, where or [])]
    timed = [one for block in blocks for one in path.push(block)]
    return [event for event, _ in (*timed, *path.finish(EndReason.SOURCE_ENDED))]


def one_second() -> bytes:
    return samples(SENTENCES)[8_000 : 8_000 + len(SCRIPT) * FRAME].tobytes()


@settings(max_examples=30, deadline=None)
@given(where=cuts(len(SCRIPT) * FRAME * 2))
def test_what_is_sent_is_the_cleaned_sound(where: list[int]) -> None:
    pcm = one_second()
    path = opened(SoundPath(Cutter(ScriptedDetector(SCRIPT), OPTIONS), Cleaner()))
    events = run(path, pcm, where)
    ((onset, end),) = utterances(events, cleaned(pcm))
    # Where it is stays as it would be without the cleaner; that it was held back is counted.
    plain = run(opened(SoundPath(Cutter(ScriptedDetector(SCRIPT), OPTIONS))), pcm)
    first, last = plain[0], plain[-1]
    assert isinstance(first, Onset)
    assert isinstance(last, End)
    assert (onset.start, end.end, end.speech_end) == (first.start, last.end, last.speech_end)
    assert onset.decided == first.decided + FRAME
    assert end.decided == last.decided + FRAME


def test_what_is_heard_to_the_end_is_counted_once() -> None:
    pcm = one_second()[: 60 * FRAME * 2]
    path = opened(SoundPath(Cutter(ScriptedDetector(SCRIPT), OPTIONS), Cleaner()))
    *_, end = run(path, pcm)
    assert isinstance(end, End)
    assert end.reason is EndReason.SOURCE_ENDED
    assert end.decided == end.end == 60 * FRAME


def test_onsets_keep_their_date() -> None:
    begun = 1_000.0
    path = opened(SoundPath(Cutter(ScriptedDetector(SCRIPT), OPTIONS), Cleaner()), Silent(48_000))
    blocks = [Block(bytes(1_920), begun + number * 0.020) for number in range(1, 51)]
    timed = [one for block in blocks for one in path.push(block)]
    ((onset, at),) = [(event, at) for event, at in timed if isinstance(event, Onset)]
    assert at == pytest.approx(begun + onset.start / RATE, abs=0.001)


@settings(max_examples=30, deadline=None)
@given(where=cuts(len(SCRIPT) * FRAME * 2))
def test_the_original_is_sent_where_the_cleaned_was_judged(where: list[int]) -> None:
    pcm = one_second()
    detector = ScriptedDetector(SCRIPT)
    path = opened(SoundPath(Cutter(detector, OPTIONS), Cleaner(), send_original=True))
    utterances(run(path, pcm, where), pcm)
    assert b"".join(detector.heard) == cleaned(pcm)


@pytest.mark.parametrize("send_original", [True, False])
def test_what_is_heard_behind_a_closed_gate_is_never_sent(send_original: bool) -> None:
    cutter = Cutter(ScriptedDetector(SCRIPT), OPTIONS)
    path = opened(SoundPath(cutter, Cleaner(), send_original=send_original))
    path.set_gate(Gate.CLOSED)
    loud, quiet = noise(0.6, 9_000)[:8_085].tobytes(), bytes(6_400)
    timed = [*path.push(Block(loud, 1.0)), *path.set_gate(Gate.OPEN)]
    timed += [*path.push(Block(quiet, 2.0)), *path.finish(EndReason.SOURCE_ENDED)]
    sent = [event for event, _ in timed if isinstance(event, Speech)]
    behind = 8_085 - sent[0].start
    assert 0 < behind <= 256 + FRAME
    heard = np.frombuffer(b"".join(one.pcm for one in sent), np.int16)
    assert not heard[:behind].any()
    assert np.abs(heard[behind + 160 :]).max() < 1_000  # for 10 ms its filters ring


def test_the_settings_decide() -> None:
    pcm = one_second()

    def sent(cutter: Cutter | Whole, **flags: bool) -> bytes:
        path = opened(make_path(cutter, our_settings.load(**flags)))
        return b"".join(event.pcm for event in run(path, pcm) if isinstance(event, Speech))

    assert sent(Whole()) == pcm
    assert sent(Whole(), clean=True) == cleaned(pcm)
    assert sent(Whole(), clean=True, send_original=True) == pcm
    assert sent(Whole(), send_original=True) == pcm
    always = [True] * len(SCRIPT)
    assert sent(Cutter(ScriptedDetector(always), OPTIONS), clean=True) == cleaned(pcm)


def test_a_failure_leaves_no_utterance_open(monkeypatch: pytest.MonkeyPatch) -> None:
    path = opened(SoundPath(Cutter(ScriptedDetector([True] * 99), OPTIONS), Cleaner()))
    events = [event for event, _ in path.push(Block(bytes(9_600), 1.0))]
    assert isinstance(events[0], Onset)

    def fail(_: object, __: object) -> None:
        raise RuntimeError("out of order")

    monkeypatch.setattr(rtc.AudioProcessingModule, "process_stream", fail)
    with pytest.raises(MicstreamError):
        list(path.push(Block(bytes(9_600), 2.0)))
    *_, (end, _) = path.finish(EndReason.SHUTDOWN)
    assert isinstance(end, End)


@given(junk=st.integers(0, 4_000))
@settings(max_examples=20, deadline=None)
def test_after_a_reset_it_is_as_new(junk: int) -> None:
    cleaner, pcm = Cleaner(), one_second()
    cleaner.push(noise(0.5, 9_000)[:junk].tobytes())
    cleaner.silence_rest()
    if junk % 2:
        cleaner.finish()
    cleaner.reset()
    assert cleaner.push(pcm) + cleaner.finish() == cleaned(pcm)
