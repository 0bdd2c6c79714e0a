"""The log of events: always kept, bounded, private; a disk that is full is told once."""

from __future__ import annotations

import errno
import json
import stat
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micstream import events
from micstream.events import Event
from micstream.record.files import Appended
from micstream.record.log import EventLog, log_folder


def kept(folder: Path) -> list[dict[str, Any]]:
    """All lines, the older file's first."""
    files = [folder / "events.1.jsonl", folder / "events.jsonl"]
    text = "".join(file.read_text("utf-8") for file in files if file.exists())
    return [json.loads(line) for line in text.splitlines() if line]


def marks(*numbers: int) -> list[tuple[float, Event]]:
    """Events with these numbers, as they come from the writer's queue."""
    return [(0.0, events.Marked(text=f"{number:05}", t=1.0)) for number in numbers]


@settings(max_examples=30)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=12), st.integers(200, 2_000))
def test_two_files_are_never_longer_than_they_may(batches: list[int], limit: int) -> None:
    """And what is kept is the newest, whole, in its order."""
    with tempfile.TemporaryDirectory() as name:
        log, number = EventLog("run", lambda _: None, folder=Path(name), limit=limit), 0
        for batch in batches:
            log.write(marks(*range(number, number + batch)), 0)
            number += batch
            assert all(file.stat().st_size <= limit for file in Path(name).iterdir())
        log.close()
        texts = [line["text"] for line in kept(Path(name))]
        assert texts == [f"{each:05}" for each in range(number - len(texts), number)]
        assert texts


def test_several_programs_write_into_one(tmp_path: Path) -> None:
    one, two = (EventLog(name, lambda _: None, folder=tmp_path, limit=900) for name in "ab")
    for number in range(40):
        (one, two)[number % 2].write(marks(number), 0)
    lines = kept(tmp_path)
    assert [line["text"] for line in lines] == [f"{n:05}" for n in range(40 - len(lines), 40)]
    assert {line["run"] for line in lines} == {"a", "b"}
    assert len(list(tmp_path.iterdir())) == 2


def test_nobody_else_can_read_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    log = EventLog("run", lambda _: None)
    log.write(marks(1), 0)
    log.close()
    assert log_folder().is_relative_to(tmp_path)
    assert stat.S_IMODE(log_folder().stat().st_mode) == 0o700
    assert stat.S_IMODE(log.place.stat().st_mode) == 0o600


def test_a_full_disk_is_told_once_and_what_was_lost_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Event] = []
    log = EventLog("run", told.append, folder=tmp_path)
    log.write(marks(1), 0)
    with monkeypatch.context() as full:

        def fails(self: Appended, data: bytes) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        full.setattr(Appended, "write", fails)
        log.write(marks(2, 3), 0)
        log.write(marks(4), 5)
    (warning,) = told
    assert isinstance(warning, events.Warned)
    assert warning.code == "log_failed"
    assert "no space left" in warning.message
    log.write(marks(5), 0)
    first, lost, last = kept(tmp_path)
    assert (first["text"], last["text"]) == ("00001", "00005")
    assert (lost["code"], lost["count"]) == ("events_lost", 8)
    assert len(told) == 1


def test_the_key_of_a_page_is_not_in_it(tmp_path: Path) -> None:
    log = EventLog("run", lambda _: None, folder=tmp_path)
    log.write([(0.0, events.ControlOpen(link="http://127.0.0.1:8421/SECRET"))], 0)
    assert kept(tmp_path)[0]["link"] == "http://127.0.0.1:8421/***"
