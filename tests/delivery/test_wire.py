"""Names and payloads as other programs read them."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from micstream.delivery import wire
from micstream.delivery.wire import Finished, parse_finished


def test_the_names_on_the_wire() -> None:
    assert wire.AUDIO_TOPIC == "lk.audio_stream"
    assert wire.SESSION_TOPIC == "lk.agent.session"
    assert wire.CLEAR_BUFFER == "lk.clear_buffer"
    assert wire.PLAYBACK_STARTED == "lk.playback_started"
    assert wire.PLAYBACK_FINISHED == "lk.playback_finished"


def test_stream_names_are_fresh() -> None:
    names = [wire.stream_name() for _ in range(100)]
    assert all(re.fullmatch(r"AUDIO_[0-9a-f]{8}", name) for name in names)
    assert len(set(names)) == 100


def test_attributes_are_decimal_strings() -> None:
    assert wire.stream_attributes(16_000) == {"sample_rate": "16000", "num_channels": "1"}
    assert wire.stream_attributes(24_000, 2) == {"sample_rate": "24000", "num_channels": "2"}


@pytest.mark.parametrize(
    ("payload", "report"),
    [
        ('{"playback_position": 2.5, "interrupted": false}', Finished(2.5, False)),
        ('{"playback_position": 3, "interrupted": true}', Finished(3.0, True)),
        (
            '{"synchronized_transcript": null, "interrupted": true, "playback_position": 0.0}',
            Finished(0.0, True),
        ),
    ],
)
def test_reports(payload: str, report: Finished) -> None:
    assert parse_finished(payload) == report


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "ok",
        "[]",
        "null",
        '"playback_position"',
        "{}",
        '{"playback_position": 2.5}',
        '{"interrupted": false}',
        '{"playback_position": "2.5", "interrupted": false}',
        '{"playback_position": true, "interrupted": false}',
        '{"playback_position": null, "interrupted": false}',
        '{"playback_position": -0.1, "interrupted": false}',
        '{"playback_position": NaN, "interrupted": false}',
        '{"playback_position": Infinity, "interrupted": false}',
        '{"playback_position": 1e999, "interrupted": false}',
        '{"playback_position": 1' + "0" * 400 + ', "interrupted": false}',
        '{"playback_position": 1' + "0" * 5_000 + ', "interrupted": false}',
        '{"playback_position": 1e308, "interrupted": false}',
        '{"playback_position": 2.5, "interrupted": 0}',
        '{"playback_position": 2.5, "interrupted": false',
        "[" * 50_000,
        '{"playback_position": 2.5, "interrupted": false, "more": "' + "x" * 70_000 + '"}',
    ],
    ids=range(22),
)
def test_what_is_no_report(payload: str) -> None:
    assert parse_finished(payload) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
NEARLY = st.fixed_dictionaries(
    {}, optional={"playback_position": JSON, "interrupted": JSON, "more": JSON}
)


@settings(max_examples=300)
@given(st.one_of(st.text(), (JSON | NEARLY).map(json.dumps)))
@example("\ud800")
@example('{"playback_position": 1, "interrupted": true}\0')
def test_no_payload_raises(payload: str) -> None:
    report = parse_finished(payload)
    if report is not None:
        assert 0 <= report.position_s < float("inf")
        assert isinstance(report.position_s, float)
        assert isinstance(report.interrupted, bool)


@given(st.floats(0, 1e9), st.booleans(), st.dictionaries(st.text(), JSON, max_size=3))
def test_every_report_is_read(position: float, interrupted: bool, more: dict[str, object]) -> None:
    said = {**more, "playback_position": position, "interrupted": interrupted}
    assert parse_finished(json.dumps(said)) == Finished(position, interrupted)
