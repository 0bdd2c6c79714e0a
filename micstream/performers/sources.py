"""Sources of several performers: devices, shared where two have channels of one; and the room."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from micstream.backoff import Backoff
from micstream.errors import UsageError
from micstream.performers.room_source import RoomOpener
from micstream.room.hearing import Hearing
from micstream.settings.performers import PerformerSetting
from micstream.sources import opening
from micstream.sources.live import Reopening
from micstream.sources.microphone import MicrophoneOpener
from micstream.sources.shared import Shared
from micstream.sources.source import LiveSource

Running = Callable[[], Coroutine[Any, Any, None]]
_AGAIN_S: Final = 0.2
"""Before a participant is looked for again: he is waited for, not asked."""


def sources(
    performers: Sequence[PerformerSetting], hear: Callable[[str], Hearing]
) -> tuple[Sequence[LiveSource], Sequence[Running]]:
    """A live source for each performer, and what has to run meanwhile: a capture that is shared.

    Raises:
        UsageError: there is no such kind of source.
    """
    devices = [each.device for each in performers if each.identity is None]
    shared: dict[str | None, Shared] = {}
    for device in dict.fromkeys(devices):
        if devices.count(device) > 1:
            if "://" in (device or ""):
                raise UsageError(f"--performer: {device!r} is one performer's alone", hint="")
            most = max(each.channel for each in performers if each.device == device)
            shared[device] = Shared(Reopening(MicrophoneOpener(device, channels=most)))

    def source(each: PerformerSetting) -> LiveSource:
        if each.identity is not None:
            return Reopening(RoomOpener(hear(each.identity)), backoff=Backoff(_AGAIN_S))
        if each.device in shared:
            return shared[each.device].pick(each.channel)
        return opening.live(each.device, channel=each.channel)

    found = [source(each) for each in performers]
    return found, [each.run for each in shared.values()]


async def check(performers: Sequence[PerformerSetting]) -> None:
    """Find each device, before a room is joined; open nothing.

    Raises:
        UsageError: there is no such kind of source.
        AudioDeviceError: one is not there, or has no such channel.
    """
    for each in performers:
        if each.identity is None:
            await opening.find(each.device, channel=each.channel)
