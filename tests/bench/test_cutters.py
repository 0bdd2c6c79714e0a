"""The peers: they follow the rules they are named after."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import auditok
import numpy as np
import pytest
import webrtcvad

from bench.peers.cutters import auditok_split, silero_iterator, silero_model, webrtcvad_ring
from bench.scoring import Found
from bench.spoken import bundled_speech

WINDOW, RING = 512, 480


@pytest.fixture(scope="module")
def sentences() -> bytes:
    """Fifteen seconds of speech in a quiet room."""
    return bytes((bundled_speech("sentences.flac")[: 16_000 * 15] * 32_767).astype("<i2"))


def blocks(pcm: bytes, size: int = 640) -> list[bytes]:
    return [pcm[at : at + size] for at in range(0, len(pcm), size)]


class Says:
    """A model that says a probability for each window."""

    def __init__(self, probabilities: list[float]) -> None:
        self._left = iter(probabilities)

    def process(self, window: bytes) -> float:
        assert len(window) == WINDOW * 4
        return next(self._left)


def iterated(*runs: tuple[float, int]) -> list[Found]:
    said = [probability for probability, count in runs for _ in range(count)]
    return list(silero_iterator(Says(said), blocks(bytes(2 * WINDOW * len(said)))))


def test_silero_begins_at_a_half_and_ends_after_four_windows_below() -> None:
    """100 ms are 1600 samples: the fourth window after the first quiet one."""
    assert iterated((0.1, 10), (0.5, 20), (0.34, 10)) == [
        Found(
            start=10 * WINDOW - 480,
            end=30 * WINDOW + 480,
            onset_decided=11 * WINDOW,
            end_decided=35 * WINDOW,
        )
    ]


def test_silero_goes_on_between_its_thresholds_and_forgets_a_short_silence() -> None:
    (one,) = iterated((0.9, 10), (0.2, 4), (0.6, 1), (0.4, 50), (0.2, 4), (0.5, 1))
    assert (one.start, one.end) == (0, 70 * WINDOW)


def test_silero_counts_the_silence_through_the_middle() -> None:
    """What lies between the thresholds neither ends it nor takes the silence back."""
    (one,) = iterated((0.9, 10), (0.2, 1), (0.4, 10), (0.2, 1), (0.1, 5))
    assert (one.end, one.end_decided) == (10 * WINDOW + 480, 22 * WINDOW)


class Decides:
    """In place of webrtcvad: a decision for each frame, in a string."""

    def __init__(self, decisions: str) -> None:
        self._left = iter(decisions)

    def is_speech(self, frame: bytes, rate: int) -> bool:
        assert (len(frame), rate) == (2 * RING, 16_000)
        return next(self._left) == "#"


def test_the_ring_wants_ten_of_ten(monkeypatch: pytest.MonkeyPatch) -> None:
    decisions = "..#########.##########....#.......... .".replace(" ", "")
    monkeypatch.setattr(webrtcvad, "Vad", lambda _: Decides(decisions))
    (one,) = webrtcvad_ring(3, blocks(bytes(2 * RING * len(decisions))))
    assert (one.start, one.onset_decided) == (12 * RING, 22 * RING)
    assert one.end == one.end_decided == 37 * RING


def test_the_ring_hands_out_what_is_open_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webrtcvad, "Vad", lambda _: Decides("#" * 12))
    (one,) = webrtcvad_ring(2, blocks(bytes(2 * RING * 12)))
    assert (one.start, one.end, one.end_decided) == (0, 12 * RING, 12 * RING)


def test_auditok_tells_a_region_once_its_silence_is_over() -> None:
    tone = 8_000 * np.sin(np.arange(16_000) / 5)
    sound = np.concatenate([np.zeros(16_000), tone, np.zeros(32_000)]).astype("<i2")
    (one,) = auditok_split(blocks(sound.tobytes()))
    assert one.start == 16_000
    assert 32_000 < one.end <= 32_000 + 4_800
    assert one.onset_decided == one.end_decided >= one.end
    assert one.end_decided < 48_000


def test_auditok_hands_out_what_it_does_of_the_whole(sentences: bytes) -> None:
    whole = auditok.split(sentences, sr=16_000, sw=2, ch=1)
    expected = [(round(16_000 * each.start), round(16_000 * each.end)) for each in whole]
    assert [(one.start, one.end) for one in auditok_split(blocks(sentences))] == expected


PEERS: dict[str, Callable[[Iterable[bytes]], Iterable[Found]]] = {
    "auditok": auditok_split,
    "ring": partial(webrtcvad_ring, 3),
    "silero": lambda given: silero_iterator(silero_model(), given),
}


@pytest.mark.parametrize("peer", PEERS)
def test_the_same_is_found_however_the_sound_is_divided(peer: str, sentences: bytes) -> None:
    by_block = list(PEERS[peer](blocks(sentences)))
    assert by_block == list(PEERS[peer](blocks(sentences, 2 * 7_001)))
    assert by_block, "it finds something in a quiet room"
    assert all(one.start < one.end <= len(sentences) // 2 for one in by_block)
    assert all(one.start <= one.onset_decided <= one.end_decided for one in by_block)
