"""Whether an avatar's mouth follows after its ordeals as it did before."""

from __future__ import annotations

import pytest

from micstream.lab.lipsync import LipSync
from micstream.lab.torture import MOVED_MS, ORDEALS, no_longer_follows


def at(offset_ms: float | None) -> LipSync:
    return LipSync(offset_ms=offset_ms, why="it stands still" if offset_ms is None else "")


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        (10.0, 12.0, ""),
        (-20.0, MOVED_MS - 21, ""),
        (-20.0, MOVED_MS - 20, "its offset has moved by +45 ms, to +25"),
        (30.0, -40.0, "its offset has moved by -70 ms, to -40"),
        (30.0, None, "before, its offset was +30 ms; after it: it stands still"),
        (None, 200.0, ""),
        (None, None, ""),
    ],
)
def test_a_mouth_that_follows_less_well_is_told(
    before: float | None, after: float | None, why: str
) -> None:
    assert no_longer_follows(at(before), at(after)) == why


def test_each_ordeal_has_a_name_of_its_own_and_says_what_it_is() -> None:
    assert len({each.name for each in ORDEALS}) == len(ORDEALS) == 7
    assert all(each.says for each in ORDEALS)
