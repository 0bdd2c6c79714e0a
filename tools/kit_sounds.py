"""Sounds of the lip-sync kit that nobody speaks: clicks, negative controls; levels and placing.

Pure: arrays in, arrays out, 16 kHz mono, -1 to 1; what looks random comes from a seeded generator.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from tools.kit_voice import RATE, Samples

SPEECH_DBFS: Final = -20.0
"""Root mean square of speech, its pauses left out."""
PEAK_DBFS: Final = -2.0
"""No sample is louder."""
QUIET_DB: Final = 30.0
"""So far below the loudest 20 ms, nothing is being said."""
ROOM_DBFS: Final = -60.0
_FRAME: Final = RATE // 50

CLICK_S: Final = 0.005
_CLICK_HZ: Final = (1_200.0, 2_900.0, 4_700.0)


def amplitude(dbfs: float) -> float:
    return float(10 ** (dbfs / 20))


def dbfs(samples: Samples) -> float:
    """Root mean square; -120 at the least."""
    power = float(np.square(samples).mean()) if samples.size else 0.0
    return 10 * float(np.log10(max(power, 1e-12)))


def spoken_dbfs(samples: Samples) -> float:
    """Root mean square of the frames of 20 ms in which something is said."""
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
    power = np.square(frames).mean(axis=1)
    loud = power > power.max(initial=0.0) * 10 ** (-QUIET_DB / 10)
    return 10 * float(np.log10(max(float(power[loud].mean()) if loud.any() else 0.0, 1e-12)))


def levelled(samples: Samples, wanted: float = SPEECH_DBFS) -> Samples:
    """The same with its speech at `wanted` dBFS; peaks are rounded off below PEAK_DBFS."""
    scaled = samples * amplitude(wanted - spoken_dbfs(samples))
    limit = amplitude(PEAK_DBFS)
    knee = limit * 0.7
    over = np.maximum(np.abs(scaled) - knee, 0.0)
    rounded = knee + (limit - knee) * np.tanh(over / (limit - knee))
    return np.where(over > 0, np.sign(scaled) * rounded, scaled)


def placed(seconds: float, pieces: Sequence[tuple[float, Samples]]) -> Samples:
    """Silence of so many seconds, with each piece added where it begins. One beyond: ValueError."""
    sound = np.zeros(round(seconds * RATE))
    for at_s, piece in pieces:
        begin = round(at_s * RATE)
        if begin < 0 or begin + len(piece) > len(sound):
            raise ValueError(f"{len(piece) / RATE:.3f} s at {at_s:.3f} s leave {seconds:.3f} s")
        sound[begin : begin + len(piece)] += piece
    return sound


def faded(samples: Samples, fade_s: float) -> Samples:
    """The same, its end drawn down to nothing."""
    count = min(len(samples), round(fade_s * RATE))
    out = samples.copy()
    out[len(out) - count :] *= np.cos(np.linspace(0.0, np.pi / 2, count)) ** 2
    return out


def click() -> Samples:
    """As sharp as the rate allows: loudest at its first sample, gone after CLICK_S."""
    t = np.arange(round(CLICK_S * RATE)) / RATE
    tones = np.sum([np.cos(2 * np.pi * hz * t) for hz in _CLICK_HZ], axis=0)
    return np.asarray(tones * np.exp(-t / 0.0012) * amplitude(-6.0) / len(_CLICK_HZ))


def click_times(seconds: float, *, seed: int = 11) -> tuple[float, ...]:
    """When the clicks come, on whole milliseconds: 0.4 to 1.2 s apart, and no two gaps alike.

    So that a click is taken for no other: gaps differ by 20 ms at least from all before them.
    """
    random = np.random.default_rng(seed)
    gaps = np.arange(400, 1201, 20)
    random.shuffle(gaps)
    at, times = 500, [500]
    for gap in gaps:
        at += int(gap)
        if at > seconds * 1000 - 700:
            break
        times.append(at)
    return tuple(each / 1000 for each in times)


def shaped_noise(count: int, slope_db: float, seed: int) -> Samples:
    """Noise that falls by `slope_db` an octave above 50 Hz; root mean square 1."""
    random = np.random.default_rng(seed)
    spectrum = np.fft.rfft(random.standard_normal(count))
    hz = np.fft.rfftfreq(count, 1 / RATE)
    gain = np.power(np.maximum(hz, 50.0) / 50.0, slope_db / (20 * np.log10(2.0)))
    gain[hz < 20.0] = 0.0
    noise = np.fft.irfft(spectrum * gain, count)
    return np.asarray(noise / np.sqrt(np.square(noise).mean()))


def room_tone(seconds: float, level: float = ROOM_DBFS, seed: int = 21) -> Samples:
    """A room in which nothing happens."""
    return shaped_noise(round(seconds * RATE), -4.5, seed) * amplitude(level)


def music(seconds: float) -> Samples:
    """Four chords, each struck anew on the beat: level and pitch change, and nobody speaks."""
    chords = ((220.0, 261.63, 329.63), (174.61, 220.0, 261.63), (196.0, 246.94, 293.66))
    beat_s, lead_s = 0.5, 0.25
    pieces: list[tuple[float, Samples]] = []
    t = np.arange(round(beat_s * RATE)) / RATE
    swell = np.minimum(t / 0.01, 1.0) * np.exp(-t / 0.35)
    beats = int((seconds - 2 * lead_s) / beat_s)
    for beat in range(beats):
        chord = chords[beat // 3 % len(chords)]
        tones = [
            np.sin(2 * np.pi * hz * part * t) / part**1.5 for hz in chord for part in (1, 2, 3, 4)
        ]
        strength = 1.0 if beat % 3 == 0 else 0.6
        note = np.sum(tones, axis=0) * swell * strength
        pieces.append((lead_s + beat * beat_s, faded(note, 0.03)))
    return levelled(placed(seconds, pieces))


def key_times(seconds: float, *, seed: int = 31) -> tuple[float, ...]:
    """When keys are struck: 90 to 240 ms apart, with a pause of a word's thinking now and then."""
    random = np.random.default_rng(seed)
    at, times = 0.4, []
    while at < seconds - 0.5:
        times.append(round(at, 3))
        at += float(random.uniform(0.09, 0.24)) + (0.5 if random.random() < 0.12 else 0.0)
    return tuple(times)


def typing(seconds: float) -> Samples:
    """Keys struck and let go in a quiet room."""
    random = np.random.default_rng(32)
    pieces: list[tuple[float, Samples]] = []
    for index, at_s in enumerate(key_times(seconds)):
        for after_s, level, sharp_s in ((0.0, -18.0, 0.006), (0.055, -28.0, 0.004)):
            count = round(0.03 * RATE)
            t = np.arange(count) / RATE
            hiss = shaped_noise(count, -1.5, 3200 + 2 * index + (after_s > 0))
            ring = np.sin(2 * np.pi * (1_500 + 900 * random.random()) * t)
            stroke = (hiss + 0.7 * ring) * np.exp(-t / sharp_s)
            pieces.append((at_s + after_s, stroke * amplitude(level - random.uniform(0, 5))))
    return placed(seconds, pieces) + room_tone(seconds, seed=33)


COUGHS: Final = (0.6, 1.05, 2.9, 4.3, 4.7)
"""When they burst, in seconds."""
COUGH_S: Final = 0.34


def cough(seconds: float) -> Samples:
    """Coughs: a burst of breath through an open throat, then what is left of it; a quiet room."""
    pieces: list[tuple[float, Samples]] = []
    count = round(COUGH_S * RATE)
    t = np.arange(count) / RATE
    for index, at_s in enumerate(COUGHS):
        breath = _through(shaped_noise(count, -2.0, 410 + index), (550.0, 1_400.0, 2_600.0))
        burst = np.minimum(t / 0.006, 1.0) * np.exp(-t / 0.05)
        rest = 0.35 * np.exp(-(((t - 0.2) / 0.06) ** 2))
        pieces.append((at_s, faded(breath * (burst + rest), 0.03)))
    return levelled(placed(seconds, pieces)) + room_tone(seconds, seed=42)


def _through(noise: Samples, formants: Sequence[float]) -> Samples:
    """The noise, louder at a throat's resonances; root mean square 1."""
    hz = np.fft.rfftfreq(len(noise), 1 / RATE)
    gain = 0.05 + np.sum([np.exp(-(((hz - at) / 220.0) ** 2)) for at in formants], axis=0)
    sound = np.fft.irfft(np.fft.rfft(noise) * gain, len(noise))
    return np.asarray(sound / np.sqrt(np.square(sound).mean()))
