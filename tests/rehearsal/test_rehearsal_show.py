"""A show of a minute, by the same code as the rehearsal of ten."""

from __future__ import annotations

from pathlib import Path

import pytest

from rehearsal.__main__ import rehearse

STRETCH = 4.0
"""The bounds are for a machine that does nothing else; the tests' has company."""


@pytest.mark.room
@pytest.mark.sound
@pytest.mark.slow
async def test_all_accounts_of_a_show_agree(server_binary: Path, tmp_path: Path) -> None:
    kept = tmp_path / "accounts"
    judgement = await rehearse(server_binary, minutes=1, stretch=STRETCH, keep=kept)
    differing = [f"{line.what}: {line.found}" for line in judgement.lines if not line.agrees]
    assert not differing, "\n".join([*differing, f"see {kept}"])
    assert len(judgement.lines) > 50
