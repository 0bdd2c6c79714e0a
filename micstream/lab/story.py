"""A run of the lip-sync lab as data: its figures, and the curves and stills a report draws. Pure.

Times are seconds, curves have 100 values a second. Positive offset: the sound comes before the
picture (ITU-R BT.1359).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Curve = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Still:
    """A small picture of what was seen."""

    at_s: float
    """Seconds after the first value of its utterance's curves."""
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class Mark:
    """A phoneme of an utterance; seconds after the first value of its curves."""

    begin_s: float
    end_s: float
    sound: str
    closes: bool
    """Whether the lips meet for it: p, b, m."""


@dataclass(frozen=True, slots=True)
class Told:
    """One utterance, or one negative control: what was measured, heard and seen."""

    figures: Mapping[str, Any]
    """Its row of the run's JSON; any may be None, which is: not measured."""
    begin_s: float
    """First value of the curves, on the run's clock."""
    sound: Curve
    """Peak envelope of what was heard, 0 to 1."""
    level: Curve
    """How far a mouth would be open for it, 0 to 1, at the same times."""
    mouth: Curve | None
    """How far the mouth was open, 0 to 1, at the same times; None: it was not found."""
    marks: tuple[Mark, ...]
    stills: tuple[Still, ...]
    """Filmstrip of its worst place, in order of time."""


@dataclass(frozen=True, slots=True)
class Point:
    """Offset at a moment of the run, and where it lies with 95 % confidence."""

    at_s: float
    offset_ms: float
    low_ms: float
    high_ms: float


@dataclass(frozen=True, slots=True)
class Story:
    """All that a report tells of a run."""

    figures: Mapping[str, Any]
    """The run's JSON object."""
    told: tuple[Told, ...]
    points: tuple[Point, ...]
    about: Mapping[str, str]
    """When, room, version, viewer, calibration: as they are to be read. No secrets."""


def is_control(figures: Mapping[str, Any]) -> bool:
    """Whether a row of the run's JSON is a negative control: for its sound no mouth should move."""
    return figures.get("what") == "control"
