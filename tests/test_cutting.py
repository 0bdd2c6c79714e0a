"""A file cut without a room: what was found, what was left out, and why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from micstream.cutting import CutFile, cut_file, read_labels, write_labels
from micstream.errors import InputError
from micstream.settings import Settings, load
from micstream.speech.detectors import make_detector
from testbed.speech import SENTENCES, labels, samples


def cut(**flags: object) -> tuple[CutFile, Settings]:
    settings = load(vad="webrtc", **flags)
    return cut_file(SENTENCES, settings, make_detector(settings)), settings


def test_what_is_too_short_is_left_out_and_remembered(tmp_path: Path) -> None:
    everything, _ = cut(mode="utterance")
    assert everything.false_alarms == []
    done, settings = cut(mode="utterance", min_speech_ms=1000)
    dropped = [round(one.start, 2) for one in done.false_alarms]
    assert len(dropped) == 2  # "Yes." and "Wait a minute."
    assert all(one.voiced_s < 1.0 for one in done.false_alarms)
    assert all(one.voiced_s >= 1.0 for one in done.utterances)
    assert len(done.utterances) == len(everything.utterances) - len(dropped)
    shown = json.loads(done.as_json())["utterances"]
    assert len(shown) == len(done.utterances)
    write_labels(done, tmp_path / "labels.txt")
    assert len(read_labels(tmp_path / "labels.txt", done.duration_s)) == len(shown)
    live, _ = cut(min_speech_ms=1000)
    assert live.false_alarms == []
    assert len(live.utterances) == len(everything.utterances)
    assert settings.tuning.segmenter.min_speech_ms == 1000


def test_moments_of_an_utterance_are_in_order() -> None:
    for mode in ("live", "utterance"):
        done, settings = cut(mode=mode)
        for one, label in zip(done.utterances, labels(), strict=True):
            assert one.start <= one.onset < one.onset_decided_s < one.end <= one.open_until
            assert one.open_until == one.end_decided_s
            assert (one.end == one.open_until) == (mode == "live")
            assert one.onset == pytest.approx(label.start, abs=0.1)
            assert one.onset - one.start <= settings.tuning.margin_ms / 1000 + 1e-6
            assert 0 < one.voiced_s <= one.end - one.start


def test_a_frame_is_judged_by_the_threshold_in_force() -> None:
    done, settings = cut(vad_on=0.6, vad_off=0.3)
    assert len(done.probabilities) == len(done.needed) == samples(SENTENCES).size // 320
    for number, needed in enumerate(done.needed):
        heard = number * done.frame_s + 1e-6
        spoken = any(one.onset_decided_s <= heard < one.end_decided_s for one in done.utterances)
        assert needed == (settings.tuning.off if spoken else settings.tuning.on)


def test_what_was_heard_is_what_the_detector_judged() -> None:
    done, _ = cut()
    pcm = samples(SENTENCES).tobytes()
    assert done.heard == pcm[: len(done.heard)]
    assert len(pcm) - len(done.heard) < 640
    cleaned, _ = cut(clean=True, send_original=True)
    assert len(cleaned.heard) == len(done.heard)
    assert cleaned.heard != done.heard
    (first, *_) = cleaned.utterances
    assert first.pcm in pcm  # sent is what it was


def test_labels_come_in_the_order_of_time(tmp_path: Path) -> None:
    place = tmp_path / "labels.txt"
    place.write_text("3\t4\tlater\n\\\t100\t2000\n\n1\t2\ta b\tc\n4.5\t5.05\n", encoding="utf-8")
    read = read_labels(place, 5.0)
    assert [(one.start, one.end, one.words) for one in read] == [
        (1, 2, "a b"),
        (3, 4, "later"),
        (4.5, 5.0, ""),
    ]


def test_labels_that_are_not_there(tmp_path: Path) -> None:
    for place in (tmp_path / "none.txt", tmp_path):
        with pytest.raises(InputError, match="cannot be read: ") as error:
            read_labels(place, 5.0)
        assert error.value.hint
