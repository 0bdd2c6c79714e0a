"""The meter of an avatar's sound, against doubles of what the SDK shows."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from livekit import rtc

from micstream.delivery.actions import Meter
from micstream.room.subscription import read_meter

SOUND, PICTURE = rtc.TrackKind.KIND_AUDIO, rtc.TrackKind.KIND_VIDEO


class Publication:
    """In place of the SDK's; a track only once it is subscribed to."""

    def __init__(self, sid: str, kind: Any = SOUND, stats: Any = ()) -> None:
        self.sid, self.kind, self.subscribed = sid, kind, False
        self.track: Any = None
        self._stats = stats

    def set_subscribed(self, on: bool) -> None:
        """As the SDK's."""
        self.subscribed = on
        self.track = SimpleNamespace(get_stats=self._get_stats)

    async def _get_stats(self) -> Any:
        if isinstance(self._stats, Exception):
            raise self._stats
        return self._stats


def stat(energy: float | None) -> Any:
    inbound = SimpleNamespace(total_audio_energy=energy)
    return SimpleNamespace(
        HasField=lambda name: name == "inbound_rtp" and energy is not None,
        inbound_rtp=SimpleNamespace(inbound=inbound),
    )


def read(*publications: Publication) -> Meter:
    who: Any = SimpleNamespace(track_publications={each.sid: each for each in publications})
    return asyncio.run(read_meter(who))


def test_the_energy_of_its_sound_is_read_and_subscribed_to() -> None:
    sound, picture = (
        Publication("TR_a", stats=[stat(None), stat(0.5)]),
        Publication("TR_v", PICTURE),
    )
    assert read(sound, picture) == Meter("TR_a", 0.5)
    assert sound.subscribed
    assert not picture.subscribed


def test_of_several_sounds_all_count() -> None:
    assert read(
        Publication("TR_b", stats=[stat(0.25)]), Publication("TR_a", stats=[stat(0.5)])
    ) == Meter("TR_a TR_b", 0.75)


def test_a_sound_of_which_no_packet_came_has_no_energy() -> None:
    assert read(Publication("TR_a")) == Meter("TR_a", 0.0)


def test_one_that_publishes_no_sound_has_no_track() -> None:
    assert read(Publication("TR_v", PICTURE)) == Meter("", 0.0)


def test_one_that_is_not_there_cannot_be_read() -> None:
    assert asyncio.run(read_meter(None)) == Meter("", None)


@pytest.mark.parametrize("error", [Exception("the track is gone"), TimeoutError()])
def test_what_the_sdk_does_not_tell_is_not_known(error: Exception) -> None:
    assert read(Publication("TR_a", stats=error)) == Meter("TR_a", None)


def test_until_the_subscription_is_there_it_is_not_known() -> None:
    slow = Publication("TR_a")
    slow.set_subscribed = lambda on: None  # type: ignore[method-assign]
    assert read(slow) == Meter("TR_a", None)
