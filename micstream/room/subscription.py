"""What we hear of the avatar: its sound, and that only until it plays."""

from __future__ import annotations

from livekit import rtc


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
