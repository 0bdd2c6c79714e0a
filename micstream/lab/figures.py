"""Figures of a lip-sync run: what each is called, means, and how it is written. Pure.

Keys are those of the JSON object of `micstream lipsync run` and of its rows, one an utterance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from micstream.lab.lipsync import judge
from micstream.lab.story import is_control

NOT_MEASURED: Final = "not measured"
R37_MS: Final = (-60.0, 40.0)
"""EBU R37: what the whole way from studio to viewer may do."""
LARGEST: Final = 1e12
"""A figure beyond this is none."""
VERDICTS: Final = ("good", "acceptable", "bad", "undecided")
Best = Literal["least", "zero", "most", ""]


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. What is said of it is for people who have not read the documentation."""

    key: str
    name: str
    means: str
    unit: str = "ms"
    best: Best = "least"
    """Which value is best; none: it is neither good nor bad. One best at zero has a sign."""
    digits: int = 0

    def said(self, figures: Mapping[str, Any]) -> str | None:
        """Its value with its unit; None: it was not measured. A share is said in per cent."""
        value = figures.get(self.key)
        found = number(value)
        if found is None:
            if isinstance(value, bool):
                return "yes" if value else "no"
            return value if isinstance(value, str) else None
        sign = "+" if self.best == "zero" else ""
        said = _no_sign_of_nought(
            f"{100 * found if self.unit == '%' else found:{sign}.{self.digits}f}"
        )
        if self.key == "closures_hit" and (of := number(figures.get("closures"))) is not None:
            return f"{round(found * of)} of {of:.0f} ({said} %)"
        return f"{said} {self.unit}".rstrip()


def _no_sign_of_nought(said: str) -> str:
    return said if said.strip("+-0.") else said.lstrip("+-")


FIGURES: Final = (
    Figure(
        "offset_ms",
        "offset",
        "sound against picture as a viewer gets both; positive: the sound comes first",
        best="zero",
    ),
    Figure(
        "transport_offset_ms",
        "transport offset",
        "the part of it that is put in on the way to a viewer",
        best="zero",
    ),
    Figure(
        "drawn_offset_ms",
        "drawn offset",
        "the part of it that is in the picture: the mouth against the sound it belongs to",
        best="zero",
    ),
    Figure(
        "start_offset_ms",
        "start offset",
        "offset in the first 500 ms of an utterance",
        best="zero",
    ),
    Figure("settling_ms", "settling", "time until the offset is what it stays at"),
    Figure(
        "first_frame_delay_ms",
        "first movement",
        "from the first sound after a silence to the first picture that moves",
        best="zero",
    ),
    Figure(
        "drift_ms_per_min", "drift", "change of the offset in a minute", "ms a minute", "zero", 1
    ),
    Figure("tail_ms", "tail", "movement after the sound has ended"),
    Figure(
        "closures_hit", "closures", "p, b and m at which the mouth is shut in time", "%", "most"
    ),
    Figure(
        "moves_in_silence",
        "movement in silence",
        "of the mouth, against its movement in speech",
        "%",
    ),
    Figure("heard_delay_ms", "answer heard", "from sound sent to sound heard"),
    Figure("seen_delay_ms", "answer seen", "from sound sent to the mouth that moves"),
    Figure("report_delay_ms", "report", "playback said to have begun, against heard", best="zero"),
    Figure("missing_s", "sound missing", "sent, and never heard", "s", digits=2),
    Figure("doubled_s", "sound doubled", "sent once, and heard twice", "s", digits=2),
    Figure("gaps_s", "pauses put in", "silence heard that was not sent", "s", digits=2),
    Figure("cut_s", "sound skipped", "what came after was heard too early by this", "s", digits=2),
    Figure("stretched", "sound stretched", "heard longer than it was sent", "%", "zero", 2),
    Figure("fps", "frame rate", "pictures a second", "fps", "most", 1),
    Figure("freezes", "freezes", "times the picture stood still while it should have moved", ""),
    Figure("repeated", "pictures repeated", "the same again as the one before", "%"),
    Figure("frame_jitter_ms", "frame jitter", "how unevenly pictures come", digits=1),
    Figure("longest_frame_ms", "longest picture", "longest time without another one"),
    Figure(
        "smallest_safe_lead_ms",
        "smallest safe lead",
        "prebuffer below which it stutters at real-time pace",
    ),
    Figure("likeness", "likeness", "correlation of mouth and sound", "", "most", 2),
    Figure("chance", "likeness by chance", "what another sound reaches", "", "", 2),
    Figure("speech_s", "speech", "measured in all", "s", "", 1),
)
"""In the order in which they are told."""
BY_KEY: Final = {figure.key: figure for figure in FIGURES}
PROMISED: Final = frozenset(BY_KEY) - {
    *("report_delay_ms", "gaps_s", "cut_s", "repeated", "frame_jitter_ms", "longest_frame_ms"),
    *("likeness", "chance", "speech_s"),
}
"""These are told of where they were not measured, too."""
MOVES: Final = Figure("moves", "movement", "of the mouth, against its movement in speech", "%")
"""Of a negative control."""


def number(value: object) -> float | None:
    """A figure as float; None: it is something else, or beyond `LARGEST`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if abs(found) <= LARGEST else None


def interval(value: object) -> tuple[float, float] | None:
    """Low and high of a confidence interval; None: it is none."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        return None
    low, high = number(value[0]), number(value[1])
    return None if low is None or high is None else (low, high)


def offset_said(figures: Mapping[str, Any]) -> str | None:
    """`+23 ms (+18 to +28)`; None: not measured."""
    said, between = BY_KEY["offset_ms"].said(figures), interval(figures.get("offset_ci_ms"))
    if said is None or between is None:
        return said
    low, high = (_no_sign_of_nought(f"{end:+.0f}") for end in between)
    return f"{said} ({low} to {high})"


def repeat_of(row: Mapping[str, Any]) -> float | None:
    """Which time it was that this item was said, from 1; None: not told."""
    found = number(row.get("number"))
    return number(row.get("repeat")) if found is None else found


def verdict_of(row: Mapping[str, Any]) -> str | None:
    """Verdict on an utterance: its own, or else on its offset; None: it is none to be judged."""
    if (own := row.get("verdict")) in VERDICTS:
        return str(own)
    offset = number(row.get("offset_ms"))
    if offset is not None:
        return judge(offset)[0]
    return None if is_control(row) or row.get("what") == "clicks" else "undecided"
