"""Motion of the face: from moods, sound and time to a pose. Time is handed in.

Each mood is a stance; the pose goes from one to the next in about half a second, without a jerk at
either end. On top of it come what never rests (breath, sway, blinks, glances) and what speech does
(the mouth, and a nod and a lift of the brows with each stress).
"""

from __future__ import annotations

import hashlib
import math
from enum import StrEnum
from typing import NamedTuple

from micstream.demo.face.pose import Pose
from micstream.demo.lips import SHUT, Shape

ATTEND_S = 5.0
"""Seconds that a face that has spoken waits for an answer before it rests."""
PAUSE_S = 0.5
"""Silence within speech: it is still speaking."""

_OPEN_S, _SHUT_S, _WIDTH_S = 0.016, 0.028, 0.05  # time constants of the mouth
_STANCE_S = 0.16  # of each of the two stages that smooth a stance
_STRESS_S, _USUAL_S = 0.11, 0.9  # of the level that is a stress, and of what it stands out from
_LEAST_OPEN = 0.1  # less than this, while it shuts, is shut
_LONGEST_STEP_S = 0.2

_BLINK_SLOT_S, _GLANCE_SLOT_S, _NOD_SLOT_S = 3.4, 1.4, 3.1
_SACCADE_S, _NOD_S = 0.07, 0.9


class Mood(StrEnum):
    """Mood: what the face is about."""

    IDLE = "idle"
    LISTENING = "listening"
    SPEAKING = "speaking"
    THINKING = "thinking"
    AWAY = "away"


class Stance(NamedTuple):
    """Manner of a mood: where it holds the head (see Pose), and how lively it is."""

    smile: float = 0.5
    brow: float = 0.0
    worry: float = 0.0
    tilt: float = 0.0
    nod: float = 0.0
    y: float = 0.0
    gaze_x: float = 0.0
    gaze_y: float = 0.0
    roam: float = 0.5
    """Wandering of the eyes, 0 to 1."""
    sway: float = 0.5
    """Wandering of the head, 0 to 1."""
    nodding: float = 0.0
    """Nodding to what it hears, 0 to 1."""
    lids: float = 0.0
    """Hanging of the lids, 0 to 1."""


STANCES = {
    Mood.IDLE: Stance(),
    Mood.LISTENING: Stance(
        smile=0.6, brow=0.3, tilt=0.5, nod=0.1, y=-0.15, roam=0.15, sway=0.3, nodding=1.0
    ),
    Mood.SPEAKING: Stance(smile=0.35, brow=0.12, roam=0.25, sway=0.9),
    Mood.THINKING: Stance(
        smile=0.15, brow=0.3, worry=0.35, tilt=-0.45, nod=-0.3, gaze_x=0.65, gaze_y=-0.7, roam=0.15
    ),
    Mood.AWAY: Stance(smile=0.2, brow=-0.2, nod=0.35, y=0.25, gaze_y=0.3, roam=0.7, lids=0.3),
}


def mood_of(silent_s: float, user: str = "", agent: str = "") -> Mood:
    """The mood after so many seconds without a sound, with the states that were told, if any.

    `user`: speaking, listening, away. `agent`: initializing, idle, listening, thinking, speaking.
    What is heard comes before what is told; without either the face listens a while, then rests.
    """
    if silent_s < PAUSE_S:
        return Mood.SPEAKING
    if agent == "thinking":
        return Mood.THINKING
    if user == "away":
        return Mood.AWAY
    if user == "speaking" or agent in ("listening", "speaking"):
        return Mood.LISTENING
    return Mood.LISTENING if silent_s < ATTEND_S else Mood.IDLE


class Performer:
    """The pose from moment to moment; the same course of times, sounds and moods gives the same.

    `seed`: two of them side by side do not blink together.
    """

    def __init__(self, seed: str = "") -> None:
        self._seed = seed
        self._last: float | None = None
        self._mouth = SHUT
        self._eased = self._stance = STANCES[Mood.IDLE]
        self._loud = self._usual = 0.0

    def at(self, seconds: float, sound: Shape = SHUT, mood: Mood = Mood.IDLE) -> Pose:
        """The pose at a time that is not before the last one."""
        step = 0.0 if self._last is None else seconds - self._last
        step = min(_LONGEST_STEP_S, max(0.0, step))
        self._last = seconds
        self._say(sound, step)
        share = 1 - math.exp(-step / _STANCE_S)
        self._eased = _towards(self._eased, STANCES[mood], share)
        self._stance = _towards(self._stance, self._eased, share)
        return self._pose(seconds)

    def _say(self, sound: Shape, step: float) -> None:
        openness, width = self._mouth
        follow = _OPEN_S if sound.openness > openness else _SHUT_S
        openness += (sound.openness - openness) * (1 - math.exp(-step / follow))
        if sound.openness == 0.0 and openness < _LEAST_OPEN:
            openness = 0.0
        width += (sound.width - width) * (1 - math.exp(-step / _WIDTH_S))
        self._mouth = Shape(openness, width)
        self._loud += (sound.openness - self._loud) * (1 - math.exp(-step / _STRESS_S))
        self._usual += (sound.openness - self._usual) * (1 - math.exp(-step / _USUAL_S))

    def _pose(self, now: float) -> Pose:
        stance = self._stance
        stress = max(-0.6, min(0.6, self._loud - self._usual))
        glance_x, glance_y = glance_at(now, self._seed)
        gaze_x = stance.gaze_x + stance.roam * glance_x
        sway, nodding = stance.sway, stance.nodding * nod_at(now, self._seed)
        return Pose(
            openness=self._mouth.openness,
            width=self._mouth.width,
            smile=stance.smile + 0.06 * _wave(now, 0.11, 0.0),
            blink=max(blink_at(now, self._seed), stance.lids),
            gaze_x=gaze_x,
            gaze_y=stance.gaze_y + stance.roam * 0.6 * glance_y,
            brow=stance.brow + 0.75 * stress + 0.05 * _wave(now, 0.17, 1.0),
            worry=stance.worry,
            turn=0.5 * stance.gaze_x + sway * (0.5 * _wave(now, 0.13, 2.0) + 0.25 * stress),
            nod=stance.nod + 0.3 * sway * _wave(now, 0.19, 3.0) + 0.5 * stress + 0.6 * nodding,
            tilt=stance.tilt + 0.45 * sway * _wave(now, 0.09, 4.0),
            x=0.7 * sway * _wave(now, 0.1, 5.0),
            y=stance.y + 0.3 * sway * _wave(now, 0.16, 6.0) + 0.35 * stress + 0.3 * nodding,
            breath=0.5 - 0.5 * math.cos(2 * math.pi * now * 0.26),
        ).allowed()


def blink_at(now: float, seed: str = "") -> float:
    """Blink: how far the eyes are shut, 0 to 1, at uneven times, now and then twice."""
    slot, phase = divmod(now, _BLINK_SLOT_S)
    when, twice = _chances(seed, "blink", slot)
    phase -= when * (_BLINK_SLOT_S - 0.7)
    if twice > 0.85 and phase > 0.36:
        phase -= 0.36
    if not 0.0 <= phase < 0.28:
        return 0.0
    return _ease(phase / 0.08) if phase < 0.12 else _ease((0.28 - phase) / 0.16)


def glance_at(now: float, seed: str = "") -> tuple[float, float]:
    """Gaze of the eyes, each -1 to 1; mostly ahead, and from one place to the next at once."""
    slot, phase = divmod(now, _GLANCE_SLOT_S)
    begin = 0.7 * _chances(seed, "begin", slot)[0]
    share = _ease((phase - begin) / _SACCADE_S)
    (x0, y0), (x1, y1) = _target(slot - 1, seed), _target(slot, seed)
    return x0 + (x1 - x0) * share, y0 + (y1 - y0) * share


def _target(slot: float, seed: str) -> tuple[float, float]:
    x, y = (2 * chance - 1 for chance in _chances(seed, "glance", slot))
    ahead, _ = _chances(seed, "ahead", slot)
    return (0.1 * x, 0.1 * y) if ahead < 0.55 else (x, y)


def nod_at(now: float, seed: str = "") -> float:
    """A listener's nods, 0 to 1: in every other slot or so, one that goes down and comes back."""
    slot, phase = divmod(now, _NOD_SLOT_S)
    begin, whether = _chances(seed, "nod", slot)
    phase = (phase - begin * (_NOD_SLOT_S - _NOD_S)) / _NOD_S
    if whether < 0.45 or not 0.0 < phase < 1.0:
        return 0.0
    return math.sin(math.pi * phase) ** 2


def _chances(seed: str, what: str, slot: float) -> tuple[float, float]:
    """Two numbers between 0 and 1 that are always the same for the same question."""
    digest = hashlib.blake2s(f"{seed}/{what}/{slot:.0f}".encode(), digest_size=8).digest()
    first, second = int.from_bytes(digest[:4], "big"), int.from_bytes(digest[4:], "big")
    return first / 2**32, second / 2**32


def _wave(now: float, hertz: float, offset: float) -> float:
    """-1 to 1, slow, and never quite the same."""
    first = math.sin(2 * math.pi * hertz * now + offset)
    return 0.65 * first + 0.35 * math.sin(2 * math.pi * hertz * 2.37 * now + 2.1 * offset)


def _ease(share: float) -> float:
    """Ease from 0 to 1, slow at both ends."""
    share = max(0.0, min(1.0, share))
    return share * share * (3 - 2 * share)


def _towards(now: Stance, goal: Stance, share: float) -> Stance:
    return Stance(*(a + (b - a) * share for a, b in zip(now, goal, strict=True)))
