"""What the doctor says of an echo: whether the guard will do, and if not what helps."""

from __future__ import annotations

import pytest

from micstream.doctor.echo import Echo, judge


@pytest.mark.parametrize(
    ("echo", "guarded", "state", "words"),
    [
        (Echo(heard=False), True, "warning", "no reference"),
        (Echo(heard=True), True, "ok", "no echo"),
        (Echo(True, 220, -3.0, 24.0, 0.98), True, "ok", "220 ms after it, -3 dB"),
        (Echo(True, 220, -3.0, 24.0, 0.98), False, "warning", "takes off 24 dB"),
        (Echo(True, 220, 9.0, 10.0, 0.95), True, "warning", "will not do"),
        (Echo(True, 220, 0.0, 10.0, 0.5), True, "warning", "knows 50% of it: that will not do"),
        (Echo(True, 20, 0.0, 10.0, 0.95, missed=0.3), True, "warning", "20 ms"),
    ],
)
def test_the_verdict(echo: Echo, guarded: bool, state: str, words: str) -> None:
    check = judge(echo, avatar="it", guarded=guarded)
    assert check.state == state
    assert words in check.found
    assert state == "ok" or check.do


def test_what_helps_is_told() -> None:
    check = judge(Echo(True, 220, 9.0, 10.0, 0.95), avatar="it", guarded=True)
    for word in ("mix-minus", "directional", "in-ear"):
        assert word in check.do
