"""What a session is written down by: taps and bus, without a room."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from micstream import events
from micstream.bus import Bus
from micstream.errors import UsageError
from micstream.record.keeping import Keeping
from micstream.record.log import log_folder
from micstream.record.reading import read_record
from micstream.settings import load
from micstream.taps import Captured, Taps


async def test_events_and_sound_are_kept_and_the_taps_are_left(tmp_path: Path) -> None:
    bus, taps = Bus(), Taps()
    keeping = Keeping(load(record=str(tmp_path / "records")).keeping(), bus, taps)
    assert taps.active
    assert taps.wants_sent
    for event in keeping.told:
        bus.emit(event)
    taps.captured(Captured("mic", 0, 0, 0.0, bytes(640), False))
    taps.sent("avatar-a", "u1", 16_000, bytes(3_200), 0.0)
    bus.emit(events.Marked(text="act 2"))
    bus.emit_summary()
    await keeping.aclose(20)
    assert not taps.active
    assert not taps.wants_sent
    assert bus.subscriptions == ()
    record = read_record(tmp_path / "records")
    assert [piece.kind for piece in record.pieces] == ["microphone", "sent"]
    names = ["recording", "marked", "bye"]
    assert [event["event"] for event in record.events] == names
    lines = (log_folder() / "events.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["event"] for line in lines] == names


async def test_nothing_is_kept_where_nothing_is_wanted() -> None:
    bus, taps = Bus(), Taps()
    keeping = Keeping(load(log=False).keeping(), bus, taps)
    assert bus.subscriptions == ()
    assert not taps.active
    bus.emit_summary()
    await keeping.aclose()
    assert not log_folder().exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"record_avatar": True}, "needs --record"),
        ({"record_avatar": True, "record": "records"}, "LIVEKIT_API_KEY"),
    ],
)
def test_what_does_not_go_together_is_refused(
    changes: dict[str, object], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=words):
        Keeping(load(**changes).keeping(), Bus(), Taps())
    assert not list(tmp_path.glob("records*"))
