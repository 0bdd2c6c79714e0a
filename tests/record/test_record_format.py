"""Files of a record: what is written is read, and what is torn is mended as far as it is there."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream.audio.wav import parse_header
from micstream.record.format import (
    HEADER_BYTES,
    Piece,
    Run,
    lines,
    mended,
    piece_of,
    sent_short,
    wav_header,
    without_key,
)

COUNTS = st.lists(st.integers(1, 20_000), min_size=1, max_size=30)
GAPS = st.lists(st.sampled_from([0.0, 0.003, -0.003, 0.5, 3.0]), min_size=30, max_size=30)


def index_of(counts: list[int], gaps: list[float]) -> list[Piece]:
    """The index of a sound that came in blocks of these lengths, with these gaps before them."""
    run, found, at = Run("microphone", "microphone-1.wav", "mic", 16_000), [], 5.0
    for count, gap in zip(counts, gaps, strict=False):
        at += max(gap, 0.0)
        found += run.push(at + min(gap, 0.0), count)
        at += count / 16_000
    return [*found, *run.finish()]


@given(COUNTS, GAPS)
def test_each_sample_has_one_place_in_the_file(counts: list[int], gaps: list[float]) -> None:
    found = index_of(counts, gaps)
    place = 0
    for piece in found:
        assert piece.first == place
        place += piece.count
    assert place == sum(counts)


@given(COUNTS, GAPS)
def test_no_place_in_time_is_off_by_more_than_what_joins(
    counts: list[int], gaps: list[float]
) -> None:
    """So the waveform of a report is where it was heard."""
    found, at, place = index_of(counts, gaps), 5.0, 0
    for count, gap in zip(counts, gaps, strict=False):
        at += max(gap, 0.0)
        piece = next(p for p in found if p.first <= place < p.first + p.count)
        assert abs(piece.at + (place - piece.first) / 16_000 - at) <= 0.11
        at += count / 16_000
        place += count


@given(COUNTS, GAPS)
def test_a_line_is_read_as_it_was_written(counts: list[int], gaps: list[float]) -> None:
    for piece in index_of(counts, gaps):
        again = piece_of(json.loads(piece.as_json()))
        assert again is not None
        assert abs(again.at - piece.at) < 1e-5
        assert (again.file, again.first, again.count) == (piece.file, piece.first, piece.count)


@given(COUNTS, GAPS, st.data())
def test_whatever_is_torn_what_is_there_is_told(
    counts: list[int], gaps: list[float], data: st.DataObject
) -> None:
    """Both files end anywhere: no sample is told twice, none that is not there, and all that is."""
    text = "".join(piece.as_json() + "\n" for piece in index_of(counts, gaps))
    kept = data.draw(st.integers(0, len(text)), "of the index")
    samples = data.draw(st.integers(0, sum(counts) + 100), "of the sound")
    told, bad = lines(text[:kept])
    pieces = [piece for line in told if (piece := piece_of(line)) is not None]
    whole, notes = mended(pieces, {"microphone-1.wav": HEADER_BYTES + 2 * samples})
    place = 0
    for piece in sorted(whole, key=lambda each: each.first):
        assert piece.first >= place
        place = piece.first + piece.count
    assert place == (samples if whole else 0)
    assert bad <= 1
    if bad or (pieces and sum(p.count for p in pieces) != samples):
        assert bad or notes


def test_a_file_that_is_gone_is_told() -> None:
    piece = Piece("sent", "utterances/0001.wav", "avatar-a", 16_000, 1.0, 0, 100, "u1")
    assert mended([piece], {}) == ((), ("utterances/0001.wav is not there",))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("file", "../../etc/passwd"),
        ("file", "/dev/zero"),
        ("kind", "video"),
        ("rate", 0),
        ("count", -1),
        ("first", "x"),
        ("at", float("nan")),
        ("file", None),
    ],
)
def test_a_line_that_cannot_be_is_none(key: str, value: object) -> None:
    line = json.loads(index_of([100], [0.0])[0].as_json())
    assert piece_of(line) is not None
    assert piece_of({**line, key: value}) is None
    del line[key]
    assert piece_of(line) is None


def test_a_header_is_read_by_others() -> None:
    parsed = parse_header(wav_header(24_000, 480))
    assert parsed is not None
    done, length = parsed
    assert length == HEADER_BYTES
    assert (done.format.rate, done.format.channels, done.data_bytes) == (24_000, 1, 480)
    parsed = parse_header(wav_header(16_000))
    assert parsed is not None
    assert parsed[0].data_bytes is None


def test_a_line_of_noughts_after_a_loss_of_power_is_one_that_cannot_be_read() -> None:
    assert lines('{"a": 1}\n\x00\x00\x00\n[1]\n{"b"') == ([{"a": 1}], 3)


def test_no_key_of_a_page_is_kept() -> None:
    told = {"event": "stage_open", "link": "http://10.0.0.2:80/KEY/x", "others": ["https://a/K"]}
    assert without_key(told) == {
        "event": "stage_open",
        "link": "http://10.0.0.2:80/***",
        "others": ["https://a/***"],
    }


def test_what_is_missing_of_an_utterance_is_told() -> None:
    piece = Piece("sent", "utterances/0001.wav", "avatar-a", 16_000, 1.0, 0, 100, "u1")
    ended = [{"event": "utterance_ended", "id": name, "bytes": 240} for name in ("u1", "u2")]
    assert sent_short(ended, [piece]) == (("u1", 40), ("u2", 240))
    assert sent_short(ended, []) == (("u1", 240), ("u2", 240))
