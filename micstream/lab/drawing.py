"""HTML and SVG from values: elements, escaping, scales, ticks, paths with short coordinates. Pure.

Whatever is no `Markup` is text, and is escaped where it is put in: in elements and in attributes
alike. So a name from elsewhere can be handed on as it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

import numpy as np
import numpy.typing as npt

from micstream.plain_text import printable

Values = npt.NDArray[np.float64]

_EMPTY: Final = frozenset({"br", "hr", "img", "meta", "link", "input"})
"""Elements of HTML that hold nothing and have no end."""
_SHAPES: Final = frozenset({"path", "rect", "circle", "line", "image", "use"})
"""Elements of SVG that need not be ended by a tag of their own."""


class Markup(str):
    """HTML that is put in as it is."""

    __slots__ = ()


Inside = Markup | str | float | None


def text(value: object) -> Markup:
    """Text as markup: escaped, and what is no sign of its own written out (`\\n`, U+202E)."""
    if isinstance(value, Markup):
        return value
    return Markup(escape(printable(str(value)), quote=True))


def tag(name: str, *inside: Inside, **attributes: object) -> Markup:
    """An element.

    Args:
        name: of HTML or SVG; ours, never from elsewhere.
        inside: markup as it is, all else as text; None is left out.
        attributes: `class_` is class, `aria_label` aria-label. None and False are left out, True is
            an attribute without a value, a figure is written short.
    """
    begin = f"<{name}{''.join(_attribute(key, value) for key, value in attributes.items())}"
    if name in _EMPTY:
        return Markup(f"{begin}>")
    if name in _SHAPES and not inside:
        return Markup(f"{begin}/>")
    return Markup(f"{begin}>{joined(inside)}</{name}>")


def joined(parts: Iterable[Inside]) -> Markup:
    """Parts one after the other; what is no markup is escaped, None is left out."""
    return Markup("".join(text(part) for part in parts if part is not None))


def _attribute(key: str, value: object) -> str:
    name = key.rstrip("_").replace("_", "-")
    if value is None or value is False:
        return ""
    if value is True:
        return f" {name}"
    if isinstance(value, int | float):
        return f' {name}="{short(value)}"'
    return f' {name}="{text(value)}"'


def chart(
    name: str, title: str, told: str, size: tuple[float, float], *inside: Inside, class_: str = ""
) -> Markup:
    """A drawing that says what it shows to who does not see it.

    Args:
        name: of its own within the page.
        title: what it is, in a few words.
        told: what is to be seen in it.
        size: width and height, in pixels.
        inside: its elements.
        class_: for the style sheet.
    """
    width, height = size
    return tag(
        "svg",
        tag("title", title, id=f"{name}-title"),
        tag("desc", told, id=f"{name}-desc"),
        *inside,
        viewBox=f"0 0 {short(width)} {short(height)}",
        width=width,
        height=height,
        class_=class_ or None,
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
    )


def short(value: float, digits: int = 1) -> str:
    """A coordinate in as few signs as possible: `12.5`, `3`, `-.5`.

    Raises:
        ValueError: it is no number.
    """
    if not math.isfinite(value):
        raise ValueError(f"{value} is no place in a drawing")
    said = f"{value:.{digits}f}"
    if "." in said:
        said = said.rstrip("0").rstrip(".")
    if said.startswith(("0.", "-0.")):
        said = said.replace("0.", ".", 1)
    return "0" if said in ("-0", "-", "") else said


@dataclass(frozen=True, slots=True)
class Scale:
    """Values from `low` to `high` laid from pixel `start` to pixel `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The pixel of a value, beyond the ends too."""
        width = self.high - self.low
        share = (value - self.low) / width if width else 0.5
        return self.start + share * (self.end - self.start)

    def within(self, value: float) -> float:
        """The pixel of a value, at the end where it lies beyond."""
        return self(min(max(value, self.low), self.high))

    def many(self, values: Values) -> Values:
        """The pixels of some values."""
        width = self.high - self.low
        shares = (values - self.low) / width if width else np.full(values.shape, 0.5)
        return np.asarray(self.start + shares * (self.end - self.start))


def ticks(low: float, high: float, count: int = 6) -> list[float]:
    """Round values from low to high, about `count` of them: steps of 1, 2 or 5 and noughts."""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return [low] if math.isfinite(low) else []
    rough = (high - low) / max(1, count)
    decade = 10.0 ** math.floor(math.log10(rough))
    step = next(by * decade for by in (1, 2, 5, 10) if by * decade >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(at * step, 10) for at in range(first, last + 1)]


def line(xs: Sequence[float] | Values, ys: Sequence[float] | Values) -> str:
    """The `d` of a line through points, in short relative steps; a gap where one is no number."""
    parts: list[str] = []
    at: tuple[int, int] | None = None
    for x, y in zip(xs, ys, strict=True):
        if not (math.isfinite(x) and math.isfinite(y)):
            at = None
            continue
        # In tenths of a pixel, so that what is rounded in each step does not add up.
        here = round(10 * x), round(10 * y)
        if at is None:
            parts.append(f"M{_pair(*here)}")
        elif here != at:
            parts.append(f"l{_pair(here[0] - at[0], here[1] - at[1])}")
        at = here
    return "".join(parts)


def area(xs: Values, tops: Values, bottoms: Values) -> str:
    """The `d` of what lies between two lines over the same places."""
    if not xs.size:
        return ""
    around = line(np.concatenate([xs, xs[::-1]]), np.concatenate([tops, bottoms[::-1]]))
    return f"{around}Z" if around else ""


def _pair(x: int, y: int) -> str:
    right = short(y / 10)
    return short(x / 10) + (right if right.startswith("-") else f" {right}")


def picture_size(jpeg: bytes) -> tuple[int, int] | None:
    """Width and height of a JPEG by its frame header; None: there is none."""
    at = 2
    while jpeg[:2] == b"\xff\xd8" and at + 9 <= len(jpeg) and jpeg[at] == 0xFF:
        kind, length = jpeg[at + 1], int.from_bytes(jpeg[at + 2 : at + 4], "big")
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            height = int.from_bytes(jpeg[at + 5 : at + 7], "big")
            width = int.from_bytes(jpeg[at + 7 : at + 9], "big")
            return (width, height) if width and height else None
        at += 2 + length
    return None
