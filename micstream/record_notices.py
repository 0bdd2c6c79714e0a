"""Warnings about what is written down of a session, and about performing it again, in words."""

from __future__ import annotations

from collections.abc import Sequence

from micstream.events import Warned


def log_failed(place: str, why: str) -> Warned:
    """Events that cannot be kept."""
    return Warned(
        code="log_failed",
        message=f"the log {place} cannot be written: {why}; nothing else is harmed",
        hint="make room there, or do without it (--no-log)",
    )


def record_short(folder: str, minutes: int) -> Warned:
    """The record's disk is filling up."""
    return Warned(
        code="record_short",
        message=f"the disk of the record {folder} is filling up: at this pace it lasts "
        f"{minutes} min more",
        hint="make room there; recording ends before the disk is full, the show goes on",
    )


def record_stopped(folder: str, why: str) -> Warned:
    """Nothing more is recorded."""
    return Warned(
        code="record_stopped",
        message=f"nothing more is recorded into {folder}: {why}; the show goes on",
        hint="what was recorded so far is kept; to record on, make room and start again",
    )


def record_lost(count: int) -> Warned:
    """The record's disk was too slow."""
    return Warned(
        code="record_lost",
        message=f"{count} piece{'' if count == 1 else 's'} of sound or events did not get into the "
        "record: its disk stood still",
        hint="record to a quicker disk; the sound that is heard was not held up",
        count=count,
    )


def record_avatar_failed(message: str, hint: str) -> Warned:
    """The avatar's sound cannot be recorded just now."""
    return Warned(
        code="record_avatar_failed",
        message=f"the avatars' sound is not recorded just now: {message}",
        hint=hint,
    )


def record_mended(note: str) -> Warned:
    """A record that is read is torn."""
    return Warned(
        code="record_mended",
        message=f"the record: {note}",
        hint="what is there is used, and left as it is",
    )


def replay_unheard(utterance: str, seconds: float, error: Exception) -> Warned:
    """An utterance of a record that nobody hears."""
    return Warned(
        code="replay_unheard",
        message=f"the record's utterance {utterance} ({seconds:.1f} s) was not heard: {error}",
        hint="the others are performed at their times",
    )


def replay_left_out(avatars: Sequence[str], performed: int) -> Warned:
    """A record of more avatars than are spoken through."""
    return Warned(
        code="replay_left_out",
        message=f"what was sent to {', '.join(avatars)} is left out: the record has more avatars "
        f"than the {performed} spoken through",
        hint="give --avatar as often as the record has avatars, in its order",
    )


def replay_late(seconds: float) -> Warned:
    """A replay that did not keep the record's times."""
    return Warned(
        code="replay_late",
        message=f"the replay came up to {seconds * 1000:.0f} ms after the record's times",
        hint="the avatar or this machine was slower than then; all was sent",
    )
