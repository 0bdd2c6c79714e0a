"""`replay` and `report` of what is no record, and `--record` where none can be made."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.program import environment, run
from testbed.speech import HELLO


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        (("replay", "nowhere"), 3, ("nowhere", "no such file", "--record")),
        (("report", "empty"), 3, ("no record in it", "manifest.json")),
        (("replay", "silent"), 3, ("nothing was sent", "micstream report")),
        (("report", "silent", "--out", "nowhere/x.html"), 3, ("nowhere", "--out")),
        (("play", HELLO, "--record", "silent/manifest.json"), 2, ("cannot be made", "--record")),
        (("play", HELLO, "--record-avatar"), 2, ("needs --record",)),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
async def test_what_cannot_be_used_is_told_with_what_to_do(
    command: tuple[str, ...], code: int, words: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "silent").mkdir()
    (tmp_path / "silent" / "manifest.json").write_text('{"record": 1, "ended_s": 1.0}')
    keys = {"LIVEKIT_URL": "ws://127.0.0.1:1", "LIVEKIT_API_KEY": "k", "LIVEKIT_API_SECRET": "s"}
    ended, ours = await run(tmp_path, *command, env=environment() | keys)
    assert ended == code, ours
    for each in words:
        assert each in ours.stderr, ours
    assert not list(tmp_path.glob("**/*.html"))  # noqa: ASYNC240 - a moment
