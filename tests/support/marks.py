"""Decisions as strings: one character a frame of 20 ms, a ruler above, what was found below.

decisions   "...##.####..........."      # voiced, . not
utterances  "..aAaaaaaaaaa........."      a the first utterance's frames, b the second's, ...;
                                          a capital where its speech begins
decided     "     ^      $        "      ^ at the frame with which an onset was decided,
                                          $ an end, X an end and the next onset at once
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from micstream.speech.events import End, EndReason, Onset
from micstream.speech.segmenter import Mark, Segmenter, SegmenterOptions, Span

FRAME = 320
FRAME_MS = 20

Step = Callable[[Segmenter], list[Mark]]


def options(**frames: int) -> SegmenterOptions:
    """Options counted in frames; small ones where nothing is said: 3 of 5, 2 before, 5 after."""
    small = {
        "onset": 3,
        "onset_window": 5,
        "pre_roll": 2,
        "hangover": 5,
        "tail": 2,
        "min_speech": 4,
        "max_length": 100,
        "search": 10,
    }
    return SegmenterOptions(
        **{f"{name}_ms": count * FRAME_MS for name, count in (small | frames).items()}
    )


@dataclass
class Marks:
    """What a segmenter found; `==` on the strings shows where it differs."""

    utterances: str = ""
    decided: str = ""
    reasons: list[EndReason] = field(default_factory=list)
    all: list[Mark] = field(default_factory=list)

    @property
    def ends(self) -> list[End]:
        """The ends, in order."""
        return [mark for mark in self.all if isinstance(mark, End)]


def begin(segmenter: Segmenter) -> list[Mark]:
    """A step: push to talk."""
    return segmenter.begin()


def end(reason: EndReason) -> Step:
    """A step: the utterance is ended from without."""
    return lambda segmenter: segmenter.end(reason)


def marks(
    decisions: str,
    opts: SegmenterOptions | None = None,
    *,
    levels: str = "",
    steps: Mapping[int, Step] | None = None,
) -> Marks:
    """Run a segmenter over the decisions. `levels`: a digit a frame, 9 the loudest.

    `steps` are done before the frame of that number.
    """
    segmenter = Segmenter(opts or options(), FRAME)
    all_marks: list[Mark] = []
    decided = [" "] * len(decisions)
    for at, decision in enumerate(decisions):
        if steps and at in steps:
            all_marks += steps[at](segmenter)
        level = -90.0 + 10 * int(levels[at]) if levels else -20.0
        new = segmenter.push(decision == "#", level)
        all_marks += new
        ends = any(isinstance(mark, End) for mark in new)
        begins = any(isinstance(mark, Onset) for mark in new)
        decided[at] = {(True, True): "X", (True, False): "$", (False, True): "^"}.get(
            (ends, begins), " "
        )
    return Marks(
        utterances=_drawn(all_marks, len(decisions)),
        decided="".join(decided),
        reasons=[mark.reason for mark in all_marks if isinstance(mark, End)],
        all=all_marks,
    )


def _drawn(all_marks: list[Mark], frames: int) -> str:
    drawn = ["."] * frames
    name = "`"  # the letter before a
    onset = 0
    for mark in all_marks:
        if isinstance(mark, Onset):
            name = chr(ord(name) + 1)
            onset = mark.onset // FRAME
        elif isinstance(mark, Span):
            for at in range(mark.start // FRAME, mark.end // FRAME):
                assert drawn[at] == ".", f"frame {at} was handed out twice"
                drawn[at] = name.upper() if at == onset else name
    return "".join(drawn)
