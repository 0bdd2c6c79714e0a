"""Afresh: a recurrent detector asked again without its memory, where it may be deaf. Pure.

A recurrent network gets used to what it hears for long. After some seconds in which nobody spoke
Silero finds the next sentence late, in a quiet room too, and in a noisy one not every sentence at
all (`python -m bench sets --long`). So it is asked anew, from a quarter of a second before, where
nobody has spoken for five seconds and something is louder than all that was heard in the last ten.
It is believed once it is sure.

Without its memory it takes every voice in the background for the speaker's. Where there may be
some, a second network is asked instead, and is in charge until it has heard no speech for a while;
the first one keeps its memory meanwhile. Only one of the two judges a frame. A second one takes 10
MiB or more: where the background is even there is none.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from micstream.speech.extremes import Least, Smooth

if TYPE_CHECKING:
    from micstream.speech.silero import Model, Samples

FRAMES_A_SECOND: Final = 31.25
LONG: Final = round(4.8 * FRAMES_A_SECOND)
"""Frames without speech after which the network may be deaf."""
BEFORE: Final = 8
"""Frames, this one among them, that it hears at first."""
_BACKGROUND: Final = round(10 * FRAMES_A_SECOND)
_LAG: Final = 8
"""A frame is background only so many later: what has just begun is none."""
_LOUDER_DB: Final = 3.0
_UNEVEN_DB: Final = 10.0
"""A background whose loudest is so far above its quietest may hold voices..."""
_STILL_DB: Final = -60.0
"""... if it is louder than this by as much: what is quieter is as if it were this."""
_KEEP: Final = 0.5
_SPEECH: Final = 0.3
"""What may be speech, by either network."""
_SURE: Final = 0.7
"""What one that was asked anew must say once, to be believed."""
_NONE: Final = 0.1
_OVER: Final = 12
"""After so many frames of which it says less than `_NONE`, it is over."""


class Afresh:
    """Two networks for one stream of frames of 32 ms; `spare` gives the second, once it is there.

    `held`: the most that is said of a frame until one that was asked anew has been sure.
    """

    def __init__(self, model: Model, spare: Callable[[], Model | None], held: float) -> None:
        self._model = model
        self._spare = spare
        self._second: Model | None = None
        self._held = held
        self._begin()

    def _begin(self) -> None:
        self._frames: deque[Samples] = deque(maxlen=BEFORE)
        self._smooth = Smooth(_KEEP)
        self._quietest = Least(_BACKGROUND)
        self._loudest = Least(_BACKGROUND)
        self._late: deque[tuple[float, float]] = deque(maxlen=_LAG)
        self._loudest_db = self._quietest_db = 0.0
        """Of the background of the last seconds."""
        self._silent = 0
        """Frames since there may have been speech."""
        self._in_charge: Model = self._model
        self.is_afresh = False
        """One without a memory is in charge."""
        self._is_sure = False
        self._over = 0

    def judge(self, samples: Samples, level_db: float) -> float:
        """Probability that the next frame holds speech; `level_db`: its level, in dBFS."""
        self._frames.append(samples)
        level_db = self._smooth.push(level_db)
        said = self._in_charge.judge(samples)
        self._silent = 0 if said >= _SPEECH else self._silent + 1
        if self._silent == LONG:
            self._chosen()  # to have it may take a while, and nobody speaks now
        if self.is_afresh:
            said = self._goes_on(said)
        elif self._silent >= LONG and level_db > self._loudest_db + _LOUDER_DB:
            said = self._ask_afresh(said)
        self._remember(level_db, said)
        return said

    def reset(self) -> None:
        """Another stream begins."""
        self._model.reset()
        self._begin()

    def _ask_afresh(self, said: float) -> float:
        chosen = self._chosen()
        if chosen is None:
            return said
        self._in_charge, self.is_afresh, self._is_sure, self._over = chosen, True, False, 0
        chosen.reset()
        for frame in self._frames:
            said = chosen.judge(frame)
        return self._goes_on(said)

    def _chosen(self) -> Model | None:
        """Which one is asked anew; None: it is not there yet."""
        if self._loudest_db - self._quietest_db < _UNEVEN_DB:
            return self._model
        self._second = self._second or self._spare()
        return self._second

    def _goes_on(self, said: float) -> float:
        self._is_sure = self._is_sure or said >= _SURE
        self._over = self._over + 1 if said < _NONE else 0
        if self._over >= _OVER:
            self._in_charge, self.is_afresh = self._model, False
        return said if self._is_sure else min(said, self._held)

    def _remember(self, level_db: float, said: float) -> None:
        self._late.append((level_db, said))
        then_db, then = self._late[0]
        if len(self._late) == _LAG and then < _SPEECH:
            self._loudest_db = -self._loudest.push(-then_db)
            self._quietest_db = self._quietest.push(max(then_db, _STILL_DB))
