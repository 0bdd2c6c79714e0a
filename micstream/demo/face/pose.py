"""Pose: what there is to see at one moment, and where that puts the parts of the face."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from micstream.demo.face.pen import Points


class Pose(NamedTuple):
    """A face at one moment. Values beyond their range are taken as the nearest allowed."""

    openness: float = 0.0
    """The mouth: 0 shut to 1 wide open."""
    width: float = 0.5
    """The mouth: 0 rounded, as in "oo", to 1 spread, as in "ee"."""
    smile: float = 0.4
    """0 to 1."""
    blink: float = 0.0
    """The eyes: 0 open to 1 shut."""
    gaze_x: float = 0.0
    """-1 to 1: to the picture's left, right."""
    gaze_y: float = 0.0
    """-1 to 1: up, down."""
    brow: float = 0.0
    """-1 lowered to 1 raised."""
    worry: float = 0.0
    """0 to 1: the brows' inner ends raised."""
    turn: float = 0.0
    """The head, -1 to 1: to the picture's left, right."""
    nod: float = 0.0
    """The head, -1 to 1: up, down."""
    tilt: float = 0.0
    """The head, -1 to 1: to the picture's left shoulder, right shoulder."""
    x: float = 0.0
    """The head moved, -1 to 1: left, right."""
    y: float = 0.0
    """The head moved, -1 to 1: up, down."""
    breath: float = 0.0
    """The shoulders: 0 to 1 raised."""

    def allowed(self) -> Pose:
        """The nearest pose that can be drawn; what is no number is taken as the rest's."""
        return Pose(
            *(
                max(low, min(1.0, value)) if math.isfinite(value) else rest
                for value, low, rest in zip(self, _LEAST, _REST, strict=True)
            )
        )


_REST = Pose()
_LEAST = Pose(0, 0, 0, 0, -1, -1, -1, 0, -1, -1, -1, -1, -1, 0)

TILT_DEGREES = 4.0
TILT_STEPS = 32  # to either side: a step moves no point of the head by half a pixel
_SHIFT = (14.0, 10.0)  # pixels, of the head
_DEPTH = (13.0, 8.0)  # pixels that eyes and mouth go farther than the head when it turns or nods
_BREATH = 5.0  # pixels


class Placing(NamedTuple):
    """Placing of what is drawn in a pose: the head's turn and shift, the shoulders', in pixels."""

    tilt_step: int
    dx: float
    dy: float
    depth_x: float
    depth_y: float
    rise: float
    pivot_y: float

    @classmethod
    def of(cls, pose: Pose, pivot_y: float) -> Placing:
        """For an allowed pose; the head turns around (0, `pivot_y`)."""
        rise = -_BREATH * pose.breath
        return cls(
            round(pose.tilt * TILT_STEPS),
            _SHIFT[0] * pose.x + 4.0 * pose.turn,
            _SHIFT[1] * pose.y + 3.0 * pose.nod + 0.8 * rise,
            _DEPTH[0] * pose.turn,
            _DEPTH[1] * pose.nod,
            rise,
            pivot_y,
        )

    @property
    def degrees(self) -> float:
        """Tilt of the head, clockwise."""
        return self.tilt_step * TILT_DEGREES / TILT_STEPS

    def transform(self) -> tuple[Points, Points]:
        """Map of points of the face's surface: a matrix from their right, a shift.

        Points are in pixels from the face's middle, at rest.
        """
        angle = math.radians(self.degrees)
        cos, sin = math.cos(angle), math.sin(angle)
        turn: Points = np.array([[cos, sin], [-sin, cos]])
        from_pivot: Points = np.array((self.depth_x, self.depth_y - self.pivot_y))
        return turn, from_pivot @ turn + (self.dx, self.dy + self.pivot_y)
