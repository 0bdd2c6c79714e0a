"""The demo avatar's face: from a pose to a picture of 1280 by 720, and nothing else.

What stays the same is painted once (`figure`, `hair`) and kept as layers; eyes and mouth (`eyes`,
`mouth`) are drawn anew for each frame, three times as large as they are shown, so that they move
without steps. A frame is three or four layers mixed into a copy of the background (`planes`).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from micstream.demo.face import eyes, figure, mouth
from micstream.demo.face.palette import CHARACTERS, Character, character
from micstream.demo.face.pen import Box, Colour, Patch, Points
from micstream.demo.face.planes import HEIGHT, WIDTH, Canvas, Layer
from micstream.demo.face.pose import TILT_DEGREES, TILT_STEPS, Placing, Pose

__all__ = ["CHARACTERS", "HEIGHT", "WIDTH", "Canvas", "Character", "Face", "Pose", "character"]

_KEPT_TILTS = 32  # a megabyte each


class Face:
    """One character before one background; making it paints what is kept (half a second)."""

    def __init__(self, who: Character, background: Colour | None = None) -> None:
        self._who = who
        self._background = figure.background(who, background)
        self._body = figure.body(who)
        upright = figure.head(who)

        @lru_cache(maxsize=_KEPT_TILTS)
        def tilted(step: int) -> Layer:
            return upright.turned(step * TILT_DEGREES / TILT_STEPS, figure.PIVOT)

        self._head = tilted

    def draw(self, pose: Pose) -> Canvas:
        """The picture of a pose: equal poses, equal pictures."""
        pose = pose.allowed()
        place = Placing.of(pose, figure.PIVOT[1] - figure.MIDDLE[1])
        canvas = self._background.copy()
        canvas.lay(self._head(place.tilt_step), place.dx, place.dy)
        canvas.lay(self._body, 0.0, place.rise)
        turn, shift = place.transform()
        for part in (eyes, mouth):
            patch = Patch(_moved(part.BOX, turn, shift), self._who.skin, turn, shift)
            part.draw(patch, self._who, pose)
            left, top = patch.box[0] + figure.MIDDLE[0], patch.box[1] + figure.MIDDLE[1]
            canvas.lay(Layer.of(*patch.finished(), left, top))
        return canvas


def _moved(box: Box, turn: Points, shift: Points) -> Box:
    """The box around where its middle has gone, by even steps: colours have half the pixels."""
    middle: Points = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
    x, y = middle @ turn + shift - middle
    dx, dy = 2 * round(x / 2), 2 * round(y / 2)
    return (box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy)
