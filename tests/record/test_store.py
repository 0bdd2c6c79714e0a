"""A record's folder: what is written into it is read from it, whole, torn, and from a full disk."""

from __future__ import annotations

import errno
import json
import shutil
import stat
import tempfile
from pathlib import Path
from typing import Any

import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from micstream import events
from micstream.errors import InputError, UsageError
from micstream.events import Event
from micstream.record.files import Appended
from micstream.record.format import EVENTS, MANIFEST, SOUND
from micstream.record.plan import plan
from micstream.record.reading import Record, read_record
from micstream.record.space import SHORT_BYTES, STOP_BYTES, Space, SpaceLeft, minutes_left
from micstream.record.store import Item, Published, Store, make_folder
from micstream.speech.events import EndReason
from micstream.taps import Captured, Sent

PCM = bytes(range(256)) * 25  # 3,200 samples: 0.2 s
PLENTY = 10 * SHORT_BYTES


def captured(number: int) -> Item:
    """The microphone's block of this number."""
    at = 100 + 0.2 * number
    return at, Captured("mic", 0, 3_200 * number, at, PCM, False)


def said(number: int, name: str, avatar: str = "avatar-a") -> Item:
    """A chunk of an utterance."""
    at = 100 + 0.2 * number
    return at, Sent(avatar, name, 24_000, at, PCM)


def ended(number: int, name: str, size: int, avatar: str = "avatar-a") -> Item:
    """The end of an utterance."""
    event = events.UtteranceEnded(
        avatar=avatar, id=name, duration_s=1.0, bytes=size, reason=EndReason.SILENCE
    )
    return 100 + 0.2 * number, event


def session() -> list[Item]:
    """Four seconds with two utterances, the second of them to two avatars."""
    items: list[Item] = []
    for number in range(20):
        items.append(captured(number))
        items.append((100 + 0.2 * number, Published("avatar-a", 100 + 0.2 * number, PCM)))
        if 2 <= number < 5:
            items.append(said(number, "u1"))
        if number == 5:
            items.append(ended(number, "u1", 3 * len(PCM)))
        if 8 <= number < 12:
            items += [said(number, "u2"), said(number, "u3", "avatar-b")]
    items += [ended(12, "u2", 4 * len(PCM)), ended(12, "u3", 4 * len(PCM), "avatar-b")]
    return items


def store(folder: Path, told: list[Event], free: int = PLENTY) -> Store:
    """A store that began at second 100, on a disk of which so much is free."""
    return Store(
        folder, {"began_unix": 1.0}, 100.0, told.append, free=lambda _: free, space=Space()
    )


def recorded(within: Path, *, close: bool = True) -> Path:
    """A record of that session."""
    folder = make_folder(within, free=lambda _: PLENTY)
    told: list[Event] = []
    writing = store(folder, told)
    for item in session():
        writing.write([item], 0)
    if close:
        writing.close()
    assert told == []
    return folder


def spoken(record: Record) -> dict[str, bytes]:
    """Each utterance's bytes."""
    return {
        each.utterance: b"".join(record.pcm(piece) for _, piece in each.writes)
        for part in plan(record.pieces, record.events).parts
        for each in part.utterances
    }


def test_what_was_written_is_read(tmp_path: Path) -> None:
    folder = recorded(tmp_path)
    record = read_record(tmp_path)
    assert record.folder == folder
    assert record.notes == ()
    assert record.has_ended
    assert spoken(record) == {"u1": 3 * PCM, "u2": 4 * PCM, "u3": 4 * PCM}
    for kind in ("microphone", "avatar"):
        pieces = [piece for piece in record.pieces if piece.kind == kind]
        assert b"".join(record.pcm(piece) for piece in pieces) == 20 * PCM
    assert [event["at"] for event in record.events] == [1.0, 2.4, 2.4]
    assert record.seconds == pytest.approx(4.0)
    with soundfile.SoundFile(folder / "utterances/0001.wav") as file:
        assert (file.samplerate, file.frames) == (24_000, 9_600)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(f.stat().st_mode) for f in folder.rglob("*") if f.is_file()} == {0o600}


@settings(max_examples=40)
@given(st.data())
def test_a_kill_at_any_byte_leaves_what_was_written(data: st.DataObject) -> None:
    """Any file may end anywhere; the record is read, and says what it lacks."""
    with tempfile.TemporaryDirectory() as name:
        folder = recorded(Path(name), close=False)
        torn = data.draw(st.sampled_from([SOUND, "events.jsonl", "microphone-1.wav"]))
        size = (folder / torn).stat().st_size
        with (folder / torn).open("r+b") as file:
            file.truncate(size * data.draw(st.integers(0, 1_000)) // 1_000)
        record = read_record(folder)
        assert "not completed" in record.notes[0]
        whole = {"u1": 3 * PCM, "u2": 4 * PCM, "u3": 4 * PCM}
        for utterance, pcm in spoken(record).items():
            assert pcm == whole[utterance]
        for piece in record.pieces:
            assert len(record.pcm(piece)) == 2 * piece.count


def test_of_several_records_the_newest_is_read(tmp_path: Path) -> None:
    folders = [recorded(tmp_path) for _ in range(3)]
    assert len(set(folders)) == 3
    manifest = folders[1] / MANIFEST
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "began_unix": 5}))
    assert read_record(tmp_path).folder == folders[1]


@pytest.mark.parametrize("what", ["nothing", "empty", "file"])
def test_what_is_no_record_is_refused(tmp_path: Path, what: str) -> None:
    place = tmp_path / "place"
    if what == "empty":
        place.mkdir()
    elif what == "file":
        place.write_text("no folder")
    with pytest.raises(InputError) as error:
        read_record(place)
    assert str(place) in error.value.message
    assert "--record" in error.value.hint


def test_a_record_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    folder = recorded(tmp_path)
    (folder / MANIFEST).write_text('{"record": 2}')
    with pytest.raises(InputError, match="version 2"):
        read_record(folder)
    (folder / MANIFEST).write_text('{"rec')
    assert any("manifest" in note for note in read_record(folder).notes)
    (folder / MANIFEST).unlink()
    shutil.rmtree(folder / "utterances")
    assert any("utterances/0001.wav is not there" in note for note in read_record(folder).notes)


def test_before_the_disk_is_full_recording_ends_and_says_so(tmp_path: Path) -> None:
    told: list[Any] = []
    folder = make_folder(tmp_path, free=lambda _: PLENTY)
    writing = store(folder, told, STOP_BYTES - 1)
    writing.write([said(0, "u1")], 0)
    writing.sync()
    writing.write([said(1, "u1")], 0)
    writing.close()
    assert [event.code for event in told] == ["record_stopped"]
    record = read_record(folder)
    assert spoken(record) == {"u1": PCM}
    assert "free" in record.manifest["stopped"]


def test_a_disk_that_fails_ends_the_record_and_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    writing = store(make_folder(tmp_path, free=lambda _: PLENTY), told)
    writing.write([said(0, "u1")], 0)
    with monkeypatch.context() as full:

        def fails(self: Appended, data: bytes) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        full.setattr(Appended, "write", fails)
        writing.write([said(1, "u1")], 0)
        writing.write([said(2, "u1")], 0)
    writing.close()
    assert [event.code for event in told] == ["record_stopped"]
    assert "no space left" in told[0].message


def test_what_a_slow_disk_lost_is_told_and_what_is_missing_is_found(tmp_path: Path) -> None:
    told: list[Any] = []
    folder = make_folder(tmp_path, free=lambda _: PLENTY)
    writing = store(folder, told, SHORT_BYTES - 1)
    writing.write([said(0, "u1")], 3)
    writing.sync()
    writing.write([ended(1, "u1", 2 * len(PCM))], 0)
    writing.close()
    assert [event.code for event in told] == ["record_lost", "record_short"]
    assert told[0].count == 3
    record = read_record(folder)
    assert record.manifest["lost"] == 3
    assert record.notes == ("utterance u1: 3200 samples that were sent are not recorded",)


def test_a_record_does_not_begin_where_there_is_no_space_or_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="are free there"):
        make_folder(tmp_path / "full", free=lambda _: STOP_BYTES - 1)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be made"):
        make_folder(tmp_path / "file")


def test_each_change_of_space_is_said_once() -> None:
    space = Space(short=100, stop=10)
    frees = [200, 99, 101, 120, 126, 99, 9, 5]
    assert [space.judge(free) for free in frees] == [
        *(None, SpaceLeft.SHORT, None, None, SpaceLeft.ENOUGH, SpaceLeft.SHORT),
        *(SpaceLeft.NONE, None),
    ]
    wide = Space()
    assert wide.judge(SHORT_BYTES - 1) is SpaceLeft.SHORT
    assert wide.judge(SHORT_BYTES + 1) is None
    assert minutes_left(STOP_BYTES + 60_000, 1_000.0) == 1
    assert minutes_left(0, 0.0) == 0


@pytest.mark.parametrize(
    "line",
    [
        '{"event": "gate", "at": 1' + "0" * 400 + "}",
        '{"event": "gate", "at": true}',
        "[" * 200_000,
        '{"event": ["gate"], "at": 1}',
    ],
)
def test_a_line_that_is_no_event_is_left_out_and_told(tmp_path: Path, line: str) -> None:
    folder = recorded(tmp_path)
    with (folder / EVENTS).open("a") as file:
        file.write(f"{line}\n")
    record = read_record(folder)
    assert [event["at"] for event in record.events] == [1.0, 2.4, 2.4]
    assert record.notes == (f"{EVENTS}: 1 line(s) cannot be read",)
