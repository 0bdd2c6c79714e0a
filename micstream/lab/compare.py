"""Compare two lip-sync runs: better, worse, or not to be told apart, figure by figure. Pure.

Theory. A figure differs from one utterance to the next, so two runs of one avatar differ as well.
What counts is the mean difference over the utterances, and how sure that is: utterances that both
runs have, by item and repeat, are compared with themselves (pairs), and drawn anew many times
(bootstrap). The interval is widened as Student's t is against the normal distribution, as a
bootstrap of few is too narrow (T. C. Hesterberg, What Teachers Should Know About the Bootstrap,
2015). Fewer than `LEAST` pairs decide nothing. One figure in twenty differs by chance alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from micstream.errors import InputError
from micstream.lab.figures import BY_KEY, Figure, number, repeat_of
from micstream.lab.lipsync import SCHEMA
from micstream.lab.story import is_control
from micstream.plain_text import printable

COMPARISON_SCHEMA: Final = 1
LEAST: Final = 4
"""Pairs, or utterances of each run, below which nothing is told apart."""
WIDTH: Final = 100
_DRAWS: Final = 4_000
_SEED: Final = 11
_Z: Final = 1.959964

Verdict = Literal["better", "worse", "not to be told apart", "not measured"]
Values = npt.NDArray[np.float64]
Row = Mapping[str, Any]


KINDS: Final = tuple(
    BY_KEY[key]
    for key in (
        *("offset_ms", "start_offset_ms", "settling_ms", "tail_ms", "first_frame_delay_ms"),
        *("closures_hit", "heard_delay_ms", "seen_delay_ms", "missing_s", "doubled_s", "gaps_s"),
        *("cut_s", "freezes", "fps", "drift_ms_per_min", "moves_in_silence"),
    )
)
"""What is compared; each is better the less, the nearer to zero, or the more it is."""


def value_of(kind: Figure, row: Row) -> float | None:
    """A figure of an utterance or of a run as it is compared: distance from zero, per cent."""
    value = number(row.get(kind.key))
    if value is None:
        return None
    if kind.unit == "%":
        return 100 * value
    return abs(value) if kind.best == "zero" else value


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure of two runs. All None: not measured in one of them."""

    key: str
    one: float | None
    other: float | None
    """Mean of each, over the utterances that are compared."""
    difference: float | None = None
    """The other less the one."""
    ci: tuple[float, float] | None = None
    """Where the difference lies with 95 % confidence."""
    utterances: int = 0
    """Pairs, or utterances of the run that has fewer of them."""
    paired: bool = False
    verdict: Verdict = "not measured"
    """Of the other, against the one."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs, and each figure of them."""

    one: str
    other: str
    """Their avatars."""
    figures: tuple[Compared, ...]

    @property
    def is_worse(self) -> bool:
        """Whether anything is worse in the other."""
        return any(each.verdict == "worse" for each in self.figures)

    def as_dict(self) -> dict[str, Any]:
        """The same as JSON's types, with the schema's number; figures by their key."""
        told = [{k: _rounded(v) for k, v in asdict(each).items()} for each in self.figures]
        return {
            "schema": COMPARISON_SCHEMA,
            "one": self.one,
            "other": self.other,
            "figures": {str(each.pop("key")): each for each in told},
        }


def _rounded(value: Any) -> Any:
    if isinstance(value, tuple):
        return [round(end, 3) for end in value]
    return round(value, 3) if isinstance(value, float) else value


def compare(one: Row, other: Row) -> Comparison:
    """What is better or worse in the other run than in the one.

    Args:
        one: JSON object of `micstream lipsync run --json`.
        other: that of another run.

    Raises:
        InputError: one of them is no such object (code `bad_run`).
    """
    first, second = check_run(one, "the first run"), check_run(other, "the second run")
    rows = [_by_item(run) for run in (first, second)]
    return Comparison(
        one=str(first.get("avatar") or ""),
        other=str(second.get("avatar") or ""),
        figures=tuple(_figure(kind, (first, second), (rows[0], rows[1])) for kind in KINDS),
    )


_Key = tuple[str, float]


def _by_item(run: Row) -> dict[_Key, Row]:
    """Utterances by item and repeat; one without a number is the next of its item."""
    found: dict[_Key, Row] = {}
    seen: dict[str, int] = {}
    for row in run["items"]:
        if is_control(row):
            continue
        item = str(row["item"])
        seen[item] = seen.get(item, 0) + 1
        repeat = repeat_of(row)
        found[item, float(seen[item]) if repeat is None else repeat] = row
    return found


def _figure(
    kind: Figure, runs: tuple[Row, Row], rows: tuple[dict[_Key, Row], dict[_Key, Row]]
) -> Compared:
    known = [
        {
            key: value
            for key, row in sorted(each.items())
            if (value := value_of(kind, row)) is not None
        }
        for each in rows
    ]
    one, other = known
    if not one or not other:
        return _apart(kind, runs, (one, other))
    both = [key for key in one if key in other]
    if len(both) >= LEAST:
        left, right = np.array([one[k] for k in both]), np.array([other[k] for k in both])
        return _judged(kind, left, right, paired=True)
    return _judged(kind, np.array([*one.values()]), np.array([*other.values()]), paired=False)


def _apart(
    kind: Figure, runs: tuple[Row, Row], known: tuple[dict[_Key, float], dict[_Key, float]]
) -> Compared:
    """A figure that is measured once a run: its difference is known, not how sure that is."""
    one, other = (
        float(np.mean([*values.values()])) if values else value_of(kind, run)
        for values, run in zip(known, runs, strict=True)
    )
    if one is None or other is None:
        return Compared(kind.key, one, other)
    return Compared(kind.key, one, other, other - one, verdict="not to be told apart")


def _judged(kind: Figure, one: Values, other: Values, *, paired: bool) -> Compared:
    means = float(one.mean()), float(other.mean())
    count = min(one.size, other.size)
    difference = float((other - one).mean()) if paired else means[1] - means[0]
    plain = Compared(kind.key, *means, difference, None, count, paired, "not to be told apart")
    if count < LEAST:
        return plain
    low, high = _interval(other - one) if paired else _between(one, other)
    verdict: Verdict = "not to be told apart"
    if low > 0 or high < 0:
        verdict = "better" if (high < 0) == (kind.best != "most") else "worse"
    return Compared(kind.key, *means, difference, (low, high), count, paired, verdict)


def _interval(differences: Values) -> tuple[float, float]:
    """Where the mean of such differences lies with 95 % confidence."""
    drawn = _drawn(differences, np.random.default_rng(_SEED))
    return _widened(float(differences.mean()), drawn, differences.size)


def _between(one: Values, other: Values) -> tuple[float, float]:
    """The same of the difference of two means.

    Which of them is drawn first is told by their values, so that to turn the runs round turns the
    sign round and nothing else.
    """
    swapped = (one.size, sorted(one)) > (other.size, sorted(other))
    first, second = (other, one) if swapped else (one, other)
    rng = np.random.default_rng(_SEED)
    drawn = _drawn(np.sort(first), rng)
    drawn = _drawn(np.sort(second), rng) - drawn
    middle = float(second.mean() - first.mean())
    low, high = _widened(middle, drawn, min(one.size, other.size))
    return (-high, -low) if swapped else (low, high)


def _drawn(values: Values, rng: np.random.Generator) -> Values:
    """Means of the values drawn anew."""
    return np.asarray(values[rng.integers(0, values.size, (_DRAWS, values.size))].mean(axis=1))


def _widened(middle: float, drawn: Values, count: int) -> tuple[float, float]:
    """The middle 95 % of what was drawn, made as wide as for so few it has to be.

    Rank by rank from both sides, so that turned signs give the turned interval to the last digit.
    """
    ranked, out = np.sort(drawn), round(0.025 * drawn.size)
    by = _t(count - 1) / _Z * float(np.sqrt(count / (count - 1)))
    low, high = float(ranked[out]), float(ranked[-1 - out])
    # What was rounded on the way to a mean of equal values is no difference.
    fuzz = 1e-9 * max(1.0, abs(middle))
    low, high = middle + by * (low - middle), middle + by * (high - middle)
    return (0.0 if abs(low) < fuzz else low), (0.0 if abs(high) < fuzz else high)


def _t(freedom: int) -> float:
    """Student's t that 2.5 % exceed (Abramowitz and Stegun 26.7.5); within 1 % from 3 on."""
    z, v = _Z, float(freedom)
    return (
        z
        + (z**3 + z) / (4 * v)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * v**3)
    )


def check_run(run: object, name: str) -> Row:
    """The run, if it is the JSON object of one.

    Args:
        run: what was read.
        name: of the file or the run, for the message.

    Raises:
        InputError: it is none, says the message, and what was found (code `bad_run`).
    """
    if not isinstance(run, Mapping):
        raise bad_run(name, f"found {_found(run)} instead of a JSON object")
    if run.get("schema") != SCHEMA or isinstance(run.get("schema"), bool):
        raise bad_run(name, f"its schema is {_found(run.get('schema'))}, expected {SCHEMA}")
    items = run.get("items")
    if not isinstance(items, list | tuple) or not items:
        raise bad_run(name, f"items is {_found(items)}, expected a list with a row an utterance")
    _check_figures(run, name, "")
    for at, row in enumerate(items):
        if not isinstance(row, Mapping):
            raise bad_run(name, f"items[{at}] is {_found(row)}, expected an object")
        if not isinstance(row.get("item"), str):
            raise bad_run(name, f"items[{at}].item is {_found(row.get('item'))}, expected a name")
        _check_figures(row, name, f"items[{at}].")
    return run


def _check_figures(row: Row, name: str, where: str) -> None:
    """Each known figure is a number, or null."""
    keys = {*(kind.key for kind in KINDS), *BY_KEY, "closures", "number", "repeat"}
    for key in sorted(keys):
        value = row.get(key)
        if value is not None and number(value) is None:
            raise bad_run(name, f"{where}{key} is {_found(value)}, expected a number or null")


def _found(value: object) -> str:
    """What was found, in a few words."""
    if value is None:
        return "missing or null"
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    said = repr(value) if isinstance(value, str | bool | float) else _short(number(value))
    return printable(said if len(said) <= 40 else f"{said[:37]}...")


def _short(value: float | None) -> str:
    return "a number too large" if value is None else f"{value:g}"


def bad_run(name: str, what: str) -> InputError:
    """Error for what is no run."""
    return InputError(
        f"{printable(name)} is no lip-sync run: {what}",
        hint="expected what `micstream lipsync run --json` prints, kept in a file",
        code="bad_run",
    )


def comparison_words(comparison: Comparison) -> list[str]:
    """The comparison for people: a table, lines of `WIDTH` signs at most."""
    told = {each.key: each for each in comparison.figures}
    return [
        f"A: {_cut(printable(comparison.one))}",
        f"B: {_cut(printable(comparison.other))}",
        f"{'':<22}{'A':>9}{'B':>9}{'B - A':>9}  {'95 % confidence':<20}{'n':>5}  B is",
        *[_line(kind, told[kind.key]) for kind in KINDS if kind.key in told],
        "n: utterances, in pairs (*: not in pairs; -: one a run, nobody knows how sure)",
        "|x|: distance from zero. By chance alone one in twenty of the figures differs.",
    ]


def _line(kind: Figure, each: Compared) -> str:
    digits = max(kind.digits, 1)

    def said(value: float | None, sign: str = "") -> str:
        if value is None:
            return "-"
        plain = f"{value:{sign}.{digits}f}"
        return plain if len(plain) <= 8 else f"{value:{sign}.1e}"

    ci = "" if each.ci is None else f"{said(each.ci[0], '+')} to {said(each.ci[1], '+')}"
    count = f"{each.utterances or '-'}{'' if each.paired or not each.utterances else '*'}"
    name = f"|{kind.name}|" if kind.best == "zero" else kind.name
    return (
        f"{name + (', ' if kind.unit else '') + kind.unit:<22}"
        f"{said(each.one):>9}{said(each.other):>9}{said(each.difference, '+'):>9}  "
        f"{ci:<20}{count:>5}  {each.verdict}"
    )


def _cut(name: str) -> str:
    """In half of the width, as a sign may take two columns."""
    longest = WIDTH // 2 - 5
    return name if len(name) <= longest else f"{name[: longest - 3]}..."
