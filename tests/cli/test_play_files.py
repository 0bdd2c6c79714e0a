"""`micstream play`: files one after the other, and events that name them."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile

from micstream import events
from micstream.cli.play import Playlist, play_files
from micstream.settings import Settings
from micstream.speech.events import Onset
from tests.support.tones import tone
from tests.test_session import Stage


async def ready(timeout: float | None, *, at_least: int) -> None:
    """It is ready."""


@pytest.mark.parametrize("cut", [False, True])
async def test_each_file_is_named_before_what_is_told_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: bool
) -> None:
    """Also those of one name in two folders, and each time anew."""
    files = [tmp_path / "a" / "t.wav", tmp_path / "b" / "t.wav"]
    for file in files:
        file.parent.mkdir()
        soundfile.write(file, tone(440, 16_000, 0.1), 16_000)
    stage = Stage()
    monkeypatch.setattr(stage.room, "wait_ready", ready, raising=False)
    monkeypatch.setattr(stage.room, "is_listening", True, raising=False)
    settings = Settings(vad="webrtc", wait_avatar=0)
    playlist = Playlist(files, times=3, pace="fast", cut=cut)
    await stage.session.run(play_files(stage.session, settings, playlist), stop=stage.stop)
    played = [(e.file, e.round) for e in stage.told if isinstance(e, events.Playing)]
    assert played == [(str(file), number) for number in (1, 2, 3) for file in files]
    (output,) = stage.room.avatars
    onsets = [event for event in output.got if isinstance(event, Onset)]
    assert {onset.source for onset in onsets} == (set() if cut else {"t.wav"})
