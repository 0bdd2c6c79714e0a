"""Runs of the lip-sync lab that were made up, to be reported."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from micstream.lab.story import Mark, Point, Still, Story, Told

BARE = Story({}, (), (), {})


def still(at_s: float, opening: float, size: tuple[int, int] = (128, 128)) -> Still:
    """A drawn face whose mouth is so far open."""
    picture = Image.new("RGB", size, "#5a7f9c")
    pen = ImageDraw.Draw(picture)
    wide, high = size
    pen.ellipse((wide * 0.15, high * 0.08, wide * 0.85, high * 0.97), fill="#e9b98f")
    for side in (0.36, 0.64):
        x, y = wide * side, high * 0.38
        pen.ellipse((x - 6, y - 5, x + 6, y + 5), fill="#23313d")
    x, y, deep = wide / 2, high * 0.7, 1 + opening * high * 0.12
    pen.ellipse((x - wide * 0.14, y - deep, x + wide * 0.14, y + deep), fill="#6d1f22")
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=70)
    return Still(at_s, file.getvalue())


def told(at: int, *, length_s: float = 3.0, stills: int = 9, **figures: Any) -> Told:
    """An utterance that was made up: syllables, and a mouth that follows them."""
    rng = np.random.default_rng(at)
    times = np.arange(round(length_s * 100)) / 100
    speaks = (times > 0.25) & (times < length_s - 0.4)
    level = np.where(speaks, np.abs(np.sin(times * 9 + at)) ** 1.5, 0.0)
    sound = np.clip(level * (0.55 + 0.45 * rng.random(times.size)), 0, 1)
    offset = float(rng.normal(25, 12))
    mouth = np.interp(times - offset / 1000, times, level) * 0.8 + 0.05
    names = ["p", "a", "m", "\u026a", "s", "t", "b", "\u0259\u028a", "l", "\u00e6", "n", "d"]
    marks, here = [], 0.25
    while here < length_s - 0.45:
        sign = names[int(rng.integers(len(names)))]
        long = float(rng.uniform(0.05, 0.16))
        marks.append(Mark(here, here + long, sign, sign in "pbm"))
        here += long
    row = {
        "item": f"harvard-{at:02d}",
        "number": 1,
        "what": "speech",
        "verdict": "good",
        "why": "nobody notices it",
        "offset_ms": offset,
        "offset_ci_ms": [offset - 9, offset + 9],
        "start_offset_ms": offset + 40,
        "settling_ms": 180 + at,
        "tail_ms": 90.0,
        "first_frame_delay_ms": 35.0,
        "closures_hit": 0.8,
        "closures": 5,
        "missing_s": 0.0,
        "doubled_s": 0.0,
        "stretched": 0.0,
        "heard_delay_ms": 310.0 + at,
        "seen_delay_ms": 335.0 + at,
    }
    strip = tuple(
        still(1.2 + 0.04 * n, float(mouth[min(mouth.size - 1, 120 + 4 * n)])) for n in range(stills)
    )
    return Told({**row, **figures}, 4.0 * at, sound, level, mouth, tuple(marks), strip)


def a_story(count: int = 20, *, stills: int = 9, length_s: float = 3.0) -> Story:
    """A run of so many utterances; some are bad, some controls are among them."""
    spoken = [told(at, stills=stills, length_s=length_s) for at in range(count)]
    for at in (3, 11):
        if at < count:
            bad = {"offset_ms": 140.0, "offset_ci_ms": [120.0, 160.0], "verdict": "bad"}
            figures = {**spoken[at].figures, **bad, "why": "the sound is early beyond what is fine"}
            spoken[at] = replace(spoken[at], figures=figures)
    if count > 7:
        none = {"offset_ms": None, "offset_ci_ms": None, "verdict": "undecided", "why": "too short"}
        spoken[7] = replace(spoken[7], figures={**spoken[7].figures, **none}, mouth=None)
    quiet = [
        replace(
            told(40 + at, stills=0),
            figures={"item": name, "what": "control", "moves": 0.04 * at, "why": None},
            marks=(),
        )
        for at, name in enumerate(("silence", "music", "typing"))
    ]
    points = tuple(
        Point(3.0 + 12 * at, 20 + 0.6 * at + 6 * math.sin(at), 8 + 0.6 * at, 34 + 0.6 * at)
        for at in range(20)
    )
    figures = {
        "schema": 1,
        "avatar": "demo face",
        "verdict": "good",
        "why": "nobody notices +23 ms (from -125 to +45, ITU-R BT.1359)",
        "offset_ms": 23.4,
        "offset_ci_ms": [18.2, 28.4],
        "transport_offset_ms": 3.0,
        "drawn_offset_ms": 20.4,
        "start_offset_ms": 64.0,
        "settling_ms": 190.0,
        "drift_ms_per_min": 3.04,
        "tail_ms": 92.0,
        "first_frame_delay_ms": 35.0,
        "closures_hit": 0.8,
        "moves_in_silence": 0.06,
        "fps": 25.0,
        "freezes": 0,
        "missing_s": 0.0,
        "stretched": 0.0004,
        "smallest_safe_lead_ms": None,
    }
    about = {
        "when": "2026-11-28 22:40 UTC",
        "room": "lab",
        "version": "0.1.0",
        "viewer": "livekit.rtc, jitter buffer taken off",
        "calibration": "-12 ms, spread 3 ms, of 40 flashes",
    }
    return Story(figures, (*spoken, *quiet), points, about)
