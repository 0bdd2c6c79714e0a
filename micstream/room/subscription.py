"""What we hear of the avatar: its sound, until it plays; and whether there is any."""

from __future__ import annotations

import asyncio
from typing import Final

from livekit import rtc

from micstream.delivery.actions import Meter

_READ_S: Final = 2.0
"""How long the SDK may take to tell its statistics."""


def begin(publication: rtc.RemoteTrackPublication) -> None:
    """Subscribe to a sound: a stock avatar plays nothing until somebody has."""
    if publication.kind == rtc.TrackKind.KIND_AUDIO and not publication.subscribed:
        publication.set_subscribed(True)


def end(avatar: rtc.RemoteParticipant | None) -> None:
    """It plays: it needs our ear no more. Receiving its sound costs more than sending ours.

    Should it publish anew, we listen anew.
    """
    for publication in avatar.track_publications.values() if avatar else ():
        if publication.kind == rtc.TrackKind.KIND_AUDIO and publication.subscribed:
            publication.set_subscribed(False)


async def read_meter(avatar: rtc.RemoteParticipant | None) -> Meter:
    """Meter of its sound, to which we subscribe with this; its energy is None until we get it."""
    sounds = [
        each
        for each in (avatar.track_publications.values() if avatar else ())
        if each.kind == rtc.TrackKind.KIND_AUDIO
    ]
    if avatar is None or not sounds:
        return Meter(energy=0.0 if avatar else None)
    for publication in sounds:
        begin(publication)
    names, energy = [], 0.0
    for publication in sounds:
        if publication.track is None:
            return Meter(publication.sid, None)
        names.append(publication.sid)
        try:
            async with asyncio.timeout(_READ_S):
                stats = await publication.track.get_stats()
        except Exception:  # the SDK raises nothing better; the track may be gone by now
            return Meter(publication.sid, None)
        energy += sum(
            each.inbound_rtp.inbound.total_audio_energy
            for each in stats
            if each.HasField("inbound_rtp")
        )
    return Meter(" ".join(sorted(names)), energy)
