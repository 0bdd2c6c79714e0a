"""Presets for each detector and place; found on labelled speech (bench/SEGMENTATION.md)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from micstream.speech.segmenter import SegmenterOptions

Vad = Literal["hybrid", "silero", "webrtc"]


@dataclass(frozen=True, slots=True)
class Tuning:
    """Tuning: how one detector's probabilities become utterances in one kind of place."""

    on: float
    """Probability from which a frame may begin an utterance ..."""
    off: float
    """... and from which it holds one open."""
    near_db: int
    """Voices quieter than the loudest by more than this do not begin one; 0: any may."""
    margin_ms: int
    """Sent from before the place where the sound really began."""
    segmenter: SegmenterOptions


_HYBRID: Final = Tuning(
    on=0.5,
    off=0.3,
    near_db=0,
    margin_ms=50,
    segmenter=SegmenterOptions(),
)
_SILERO: Final = replace(
    _HYBRID, segmenter=replace(_HYBRID.segmenter, onset_ms=60, onset_window_ms=100)
)
_WEBRTC: Final = replace(
    _HYBRID,
    on=0.25,
    off=0.18,
    margin_ms=100,
    segmenter=replace(
        _HYBRID.segmenter,
        onset_ms=60,
        onset_window_ms=160,
        hangover_ms=580,
        tail_ms=300,
        min_speech_ms=200,
    ),
)


def _studio(room: Tuning) -> Tuning:
    """Quiet, and the microphone close: soft words count, a pause for thought ends nothing."""
    segmenter = replace(
        room.segmenter, hangover_ms=room.segmenter.hangover_ms + 150, min_speech_ms=200
    )
    return replace(room, on=0.8 * room.on, off=0.8 * room.off, segmenter=segmenter)


def _stage(room: Tuning) -> Tuning:
    """Noise and other voices: only what is as loud as the performer begins an utterance.

    Noise hides where a sound began, so more is sent from before: delay is given for whole words.
    """
    return replace(
        room,
        on=1.2 * room.on,
        off=1.2 * room.off,
        near_db=20,
        margin_ms=max(120, room.margin_ms),
        segmenter=replace(room.segmenter, min_speech_ms=400),
    )


TUNINGS: Final[dict[tuple[str, str], Tuning]] = {
    (vad, place): tuning
    for vad, room in (("hybrid", _HYBRID), ("silero", _SILERO), ("webrtc", _WEBRTC))
    for place, tuning in (("studio", _studio(room)), ("room", room), ("stage", _stage(room)))
}
