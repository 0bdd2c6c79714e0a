"""Assembly: a session's parts put together, each with its small piece of the settings."""

from __future__ import annotations

from collections.abc import Collection
from typing import get_args

from micstream import notices
from micstream.audio.advice import Preset
from micstream.bus import Bus
from micstream.controls import Controls
from micstream.echo.making import MakeGuard, maker
from micstream.echo.room_sound import RoomSound
from micstream.events import Event
from micstream.fan_out import FanOut
from micstream.listening import SoundSettings
from micstream.performers.performers import Performers
from micstream.performers.sources import sources
from micstream.record.keeping import Keeping
from micstream.room import address
from micstream.room.room import Room
from micstream.session import Session
from micstream.settings import Settings
from micstream.settings.loading import mixed_origins
from micstream.show.cue import Show
from micstream.show.messages import Messages
from micstream.show.player import CuePlayer
from micstream.taps import Taps


def open_session(settings: Settings, bus: Bus) -> Session:
    """Put the parts together, each with its small piece of the settings.

    Raises:
        UsageError: the settings do not suffice for it.
    """
    taps, several = Taps(), settings.performers()
    room = Room.of(settings, bus, taps)
    fan_out = FanOut(room.avatars)
    show = _show(settings.show)
    cues = CuePlayer(show, fan_out, taps, bus, Messages(room, fan_out))
    controls = Controls(fan_out, bus, settings.controls(), cues)
    sound = SoundSettings(
        capture=settings.capture(),
        detection=settings.detection(),
        calibrated=(
            {preset: settings.detection(preset) for preset in get_args(Preset)}
            if settings.preset is None
            else {}
        ),
        path=settings.sound_path(),
        make_guard=_make_guard(
            settings.sound_path().echo_guard,
            room,
            [each.identity for each in several.performers if each.identity],
        ),
    )
    warnings: list[Event] = [
        *address.warnings(settings.connection()),
        *(notices.cue_unusable(cue.name, cue.problem) for cue in show.cues if cue.problem),
    ]
    if (origins := mixed_origins(settings)) is not None:
        warnings = [*warnings, notices.mixed_origins(*origins)]
    session = Session(room, fan_out, controls, bus, sound, taps, cues=cues)
    if several.performers:
        session.performers = Performers(several, fan_out, controls, bus, taps)
        session.performers.sources = sources(several.performers, room.hear)
    # Last: what cannot begin leaves no record.
    session.keeping = keeping = Keeping(settings.keeping(), bus, taps)
    session.warnings = [*keeping.told, *warnings]
    return session


def _make_guard(channel: int | None, room: Room, performers: Collection[str]) -> MakeGuard | None:
    """Maker of echo guards, with what the room's avatars say as their reference at channel 0."""
    if channel:
        return maker(channel, None)
    if channel is None:
        return None
    sound = RoomSound(performers)
    room.ears = sound
    return maker(0, sound)


def _show(where: str | None) -> Show:
    """What the show's file says; without one, nothing is loaded to read it."""
    if not where:
        return Show()
    from micstream.show.show_file import load_show

    return load_show(where)
