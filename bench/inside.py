"""All that benchmarks take from inside micstream, in one place: what its commands do not show.

Everything else here runs the command line, or is a participant of the room.
"""

from __future__ import annotations

from micstream.room.token import mint_avatar
from micstream.settings import Settings
from micstream.sound_path import SoundPath, make_path
from micstream.sources.source import Source
from micstream.speech.detectors import make_cutter

__all__ = ["mint_avatar", "open_path"]


def open_path(source: Source, settings: Settings) -> SoundPath:
    """Sound path that cuts as the settings say, with a source open."""
    path = make_path(make_cutter(settings.detection()), settings.sound_path())
    path.open(source)
    return path
