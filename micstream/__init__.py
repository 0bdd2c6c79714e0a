"""Speak through a talking avatar, live.

    from micstream import Sender

    async with Sender(room="show") as sender:
        await sender.wait_ready(30)
        async with sender.utterance() as utterance:
            await utterance.write(pcm)

What is named here stays; what is not may change. Modules are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # the module that has it takes 10 ms, before each press of a key by `ctl`
if TYPE_CHECKING:
    from typing import Any

    from micstream import events
    from micstream.avatars.start import start_avatar
    from micstream.errors import (
        AudioDeviceError,
        AvatarUnavailable,
        ConnectionFailed,
        InputError,
        MicstreamError,
        UsageError,
    )
    from micstream.room.utterance import AvatarGone, Utterance, UtteranceClosed
    from micstream.sender import Sender
    from micstream.settings import Settings
    from micstream.sources.files import FileSource
    from micstream.sources.source import Block, Source

_HOME = {
    "AudioDeviceError": "errors",
    "AvatarGone": "room.utterance",
    "AvatarUnavailable": "errors",
    "Block": "sources.source",
    "ConnectionFailed": "errors",
    "FileSource": "sources.files",
    "InputError": "errors",
    "MicstreamError": "errors",
    "Sender": "sender",
    "Settings": "settings",
    "Source": "sources.source",
    "UsageError": "errors",
    "Utterance": "room.utterance",
    "UtteranceClosed": "room.utterance",
    "start_avatar": "avatars.start",
}

__all__ = [
    "AudioDeviceError",
    "AvatarGone",
    "AvatarUnavailable",
    "Block",
    "ConnectionFailed",
    "FileSource",
    "InputError",
    "MicstreamError",
    "Sender",
    "Settings",
    "Source",
    "UsageError",
    "Utterance",
    "UtteranceClosed",
    "events",
    "start_avatar",
]


def __getattr__(name: str) -> Any:
    if name == "events":
        return import_module("micstream.events")
    if name in _HOME:
        return getattr(import_module(f"micstream.{_HOME[name]}"), name)
    raise AttributeError(f"module 'micstream' has no attribute {name!r}")
