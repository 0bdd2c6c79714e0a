"""How late each utterance was heard: microphone and avatar aligned by their waveforms.

The first and the last 0.6 s of an utterance are looked for, one by one, in what the viewer
recorded (normalised cross-correlation at 16 kHz), and the times of both places are compared. So
neither a level nor a threshold of loudness decides where a word begins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.recording import RATE, Recording, Samples
from bench.spoken import Utterance

WINDOW_S = 0.6
LIMIT_S = 12.0
"""An utterance heard later than this counts as missing."""
FOUND = 0.4
"""Correlation from which a window counts as found; other speech stays far below it."""
ONSET_S = 0.1
_PIECE_S = 0.005
_AUDIBLE = 10 ** (-40 / 20)
"""25 dB below the loudest of the speech. Fainter than that, the avatar's Opus takes a word's
beginning for a pause and may leave it out (DTX), whatever the sender sent."""
_STRETCH_S = 0.04
_ONSET_FOUND = 0.5
_SWALLOWED_MS = 25.0
"""A frame of the codec, and a piece: less cannot be told from its doing."""
_FAITHFUL = 0.9
"""Correlation of an utterance in the microphone with its text, the resamplers between allowed."""
_WANDER_S, _MAX_WANDER_S = 1.0, 10.0
"""How far a stuttering microphone moves an utterance, and a run of them that were not found."""
_BEGINS_S = 20.0
_ONSET_FOUND = 0.5
_CODEC_MS = 20.0
"""The avatar's Opus can swallow a faint first frame, whatever was sent before it."""


@dataclass(frozen=True)
class Heard:
    """What became of one utterance; delays in ms, None where it was not found."""

    text: str
    spoken_at: float
    """Unix seconds at which its labelled beginning was in the microphone."""
    start_ms: float | None
    end_ms: float | None
    onset_match: float
    """Correlation of the first 100 ms, 0 to 1."""
    onset_late_ms: float
    """How much later than its waveform its first audible sound is heard: what was cut off it."""

    @property
    def missing(self) -> bool:
        """Whether its beginning is nowhere to be heard."""
        return self.start_ms is None

    @property
    def clipped(self) -> bool:
        """Whether its first 100 ms are not all there."""
        lost = self.onset_late_ms > _SWALLOWED_MS or self.onset_match < _ONSET_FOUND
        return not self.missing and lost

    @property
    def growth_ms(self) -> float | None:
        """How much later its end was than its beginning."""
        if self.start_ms is None or self.end_ms is None:
            return None
        return self.end_ms - self.start_ms


def find(wanted: Samples, sound: Samples) -> tuple[int, float]:
    """Where `wanted` fits best in `sound`, and how well, from 0 to 1."""
    if sound.size < wanted.size:
        return 0, 0.0
    size = 1 << (sound.size + wanted.size).bit_length()
    spectrum = np.fft.rfft(sound, size) * np.conj(np.fft.rfft(wanted, size))
    places = sound.size - wanted.size + 1
    product = np.fft.irfft(spectrum, size)[:places]
    energy = np.concatenate(([0.0], np.cumsum(sound.astype(np.float64) ** 2)))
    own = float(np.sum(wanted.astype(np.float64) ** 2))
    # A stretch of near silence must not look alike by its smallness.
    local = np.maximum(energy[wanted.size :] - energy[:places], own / 100)
    scores = product / np.sqrt(own * local)
    best = int(np.argmax(scores))
    return best, float(scores[best])


def _cut(samples: Samples, second: float, length: float) -> Samples:
    start = max(0, round(second * RATE))
    return samples[start : start + round(length * RATE)]


def spoken_places(
    track: Samples, script: list[Utterance], mic: Recording, *, since: float | None = None
) -> list[Utterance]:
    """The utterances of the script that are whole in `mic`, in seconds of it.

    `since`: second of `mic` at which it was about to be spoken; for a script in which the same is
    said again and again.

    Where a busy machine made the virtual microphone itself stutter there is nothing to measure.
    """
    offset = _offset(track, script, mic, since)
    places = []
    missed = 0
    for each in script:
        wander = min(_WANDER_S * (1 + missed), _MAX_WANDER_S)
        whole = _cut(track, each.start, each.end - each.start)
        begun = max(0, round((each.start + offset - wander) * RATE))
        reach = whole.size + round(2 * wander * RATE)
        at, score = find(whole, mic.samples[begun : begun + reach])
        if score > _FAITHFUL:
            start = (begun + at) / RATE
            places.append(Utterance(each.text, start, start + each.end - each.start))
            offset, missed = start - each.start, 0
        else:
            missed += 1
    return places


def _offset(track: Samples, script: list[Utterance], mic: Recording, since: float | None) -> float:
    """Seconds from the track's time to the microphone's, by the first utterance whole in it."""
    for each in script if since is not None else script[:1]:
        begun, reach = 0.0, mic.samples.size / RATE
        if since is not None:
            begun, reach = since + each.start, each.end - each.start + _BEGINS_S
        at, score = find(
            _cut(track, each.start, each.end - each.start), _cut(mic.samples, begun, reach)
        )
        if score > _FAITHFUL:
            return begun + at / RATE - each.start
    raise AssertionError("the microphone does not hold what was spoken into it")


def measure(place: Utterance, mic: Recording, heard: Recording) -> Heard:
    """Where the utterance at `place` in the microphone is in what was heard."""
    length = min(WINDOW_S, place.end - place.start)
    spoken_at = mic.time_at(place.start)
    at, start_ms = _delay(place.start, length, mic, heard)
    _, end_ms = _delay(place.end - length, length, mic, heard)
    if at is None:
        return Heard(place.text, spoken_at, None, end_ms, 0.0, 0.0)
    match, lost_ms = _onset(_cut(mic.samples, place.start, ONSET_S), heard.samples, at)
    return Heard(place.text, spoken_at, start_ms, end_ms, match, lost_ms)


def _delay(
    second: float, length: float, mic: Recording, heard: Recording
) -> tuple[float | None, float | None]:
    """The second in `heard` of a window of `mic`, and its delay in ms."""
    spoken_at = mic.time_at(second)
    first = heard.second_at(spoken_at)
    at, score = find(_cut(mic.samples, second, length), _cut(heard.samples, first, LIMIT_S))
    if score < FOUND:
        return None, None
    place = first + at / RATE
    return place, 1000 * (heard.time_at(place) - spoken_at)


def _onset(spoken: Samples, heard: Samples, second: float) -> tuple[float, float]:
    """How well the onset fits, and how many ms of it are lost.

    It is aligned by itself: the viewer's jitter buffer stretches and shortens speech as it needs,
    so the 100 ms can lie some ms beside where the 0.6 s fit best.
    """
    around = _cut(heard, second - _STRETCH_S, ONSET_S + 2 * _STRETCH_S)
    at, match = find(spoken, around)
    return max(0.0, match), 1000 * (_edge(around[at : at + spoken.size]) - _edge(spoken))


def _edge(samples: Samples) -> float:
    """The second at which it is first louder than the room; its length where it never is."""
    size = round(_PIECE_S * RATE)
    pieces = samples[: samples.size // size * size].reshape(-1, size)
    audible = np.flatnonzero(np.sqrt(np.mean(pieces**2, axis=1)) > _AUDIBLE)
    return float(audible[0] if audible.size else len(pieces)) * _PIECE_S
