"""Report of a lip-sync run: one HTML page that holds all it shows. Pure.

It needs no network, no script and no other file, and its own policy allows none. What comes from
elsewhere (names, reasons) is text in it, never markup.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from micstream.lab import charts
from micstream.lab.drawing import Markup, joined, tag, text
from micstream.lab.figures import (
    BY_KEY,
    FIGURES,
    MOVES,
    NOT_MEASURED,
    PROMISED,
    R37_MS,
    VERDICTS,
    Figure,
    interval,
    number,
    offset_said,
    repeat_of,
    verdict_of,
)
from micstream.lab.report_style import STYLE
from micstream.lab.story import Point, Story, Told, is_control
from micstream.lab.utterance_chart import filmstrip, utterance

POLICY: Final = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'"
)
_OPEN: Final = 3
"""So many of the worst utterances are unfolded."""
_SIGN: Final = "Positive: the sound comes before the picture (the sign of ITU-R BT.1359)."
_LIMITS: Final = (
    "Good, which nobody notices: -125 to +45 ms. Acceptable: -185 to +90 ms (both ITU-R BT.1359). "
    "EBU R37 allows -60 to +40 ms."
)
_MEASURED: Final = (
    *("start_offset_ms", "settling_ms", "tail_ms", "first_frame_delay_ms", "closures_hit"),
    *("heard_delay_ms", "seen_delay_ms", "report_delay_ms"),
)
_FAULTS: Final = ("missing_s", "doubled_s", "gaps_s", "cut_s", "stretched", "freezes")
"""Told in the table of the utterances where one has any."""


def page(story: Story) -> str:
    """The report of a run, as one HTML page."""
    figures = story.figures
    name = str(figures.get("avatar") or "an avatar")
    spoken = [told for told in story.told if not is_control(told.figures)]
    controls = [told for told in story.told if is_control(told.figures)]
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{_verdict(figures)}: lip-sync of {name}"),
        tag("style", Markup(STYLE)),
    )
    body = tag(
        "body",
        _top(figures, name),
        tag(
            "main",
            _figures(figures),
            _over_time(story.points, number(figures.get("drift_ms_per_min"))),
            _histogram(spoken),
            _utterances(spoken),
            _controls(controls),
            _about(story.about),
        ),
    )
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _verdict(figures: Mapping[str, Any]) -> str:
    """Of the run, as a word to be read."""
    verdict = figures.get("verdict")
    return str(verdict).title() if verdict in VERDICTS else "Undecided"


def _coloured(verdict: str | None, name: str = "span") -> Markup | None:
    """A verdict in its colour."""
    return None if verdict is None else tag(name, verdict.title(), class_=verdict.lower())


def _top(figures: Mapping[str, Any], name: str) -> Markup:
    offset, between = number(figures.get("offset_ms")), interval(figures.get("offset_ci_ms"))
    why = figures.get("why")
    return tag(
        "header",
        tag("p", "Lip-sync of ", tag("bdi", name), class_="of"),
        _coloured(_verdict(figures), "h1"),
        tag("p", _in_words(offset, between), class_="lead"),
        tag("p", _sentence(why)) if why else None,
        charts.limits(offset, between),
        tag("p", f"{_SIGN} {_LIMITS}{_by_r37(offset)}", class_="note"),
    )


def _sentence(why: object) -> str:
    said = str(why).strip()
    return said[:1].upper() + said[1:] + ("" if said.endswith((".", "!", "?")) else ".")


def _in_words(offset: float | None, between: tuple[float, float] | None) -> str:
    if offset is None:
        return "The offset between sound and picture was not measured."
    if round(offset) == 0:
        said = "Sound and picture are seen in step: offset 0 ms"
    else:
        side = "before" if offset > 0 else "after"
        said = f"The sound comes {abs(offset):.0f} ms {side} the picture: offset {offset:+.0f} ms"
    if between is None:
        return f"{said}."
    return f"{said}, with 95 % confidence {between[0]:+.0f} to {between[1]:+.0f} ms."


def _by_r37(offset: float | None) -> str:
    if offset is None:
        return ""
    return " This is within it." if R37_MS[0] <= offset <= R37_MS[1] else " This is outside it."


def _value(said: str | None) -> Markup:
    return tag("span", NOT_MEASURED, class_="none") if said is None else text(said)


def _head(*names: str) -> Markup:
    return tag("thead", tag("tr", *(tag("th", name, scope="col") for name in names)))


def _scrolled(said: str, *inside: Markup) -> Markup:
    """What may be wider than the page, and is scrolled for itself, by keys too."""
    return tag("div", *inside, class_="wide", role="region", aria_label=said, tabindex="0")


def _figures(figures: Mapping[str, Any]) -> Markup:
    told = [each for each in FIGURES if each.key in PROMISED or each.said(figures) is not None]
    rows = [
        tag(
            "tr",
            tag("th", each.name, scope="row"),
            tag("td", _value(_said(each, figures)), class_="value"),
            tag("td", _means(each, figures), class_="means"),
        )
        for each in told
    ]
    return tag(
        "section",
        tag("h2", "Figures"),
        tag("table", _head("Figure", "Value", "What it is"), tag("tbody", *rows), class_="figures"),
    )


def _means(figure: Figure, figures: Mapping[str, Any]) -> str:
    how = figures.get("transport_how") if figure.key == "transport_offset_ms" else None
    return f"{figure.means}, {how}" if how and figures.get(figure.key) is not None else figure.means


def _said(figure: Figure, figures: Mapping[str, Any]) -> str | None:
    return offset_said(figures) if figure.key == "offset_ms" else figure.said(figures)


def _legend(*named: tuple[str, str]) -> Markup:
    """Names of colours: (class of the sheet, what it stands for)."""

    def swatch(class_: str) -> Markup:
        shape: dict[str, Any] = {"d": "M0 6H24"}
        if class_.startswith(("band", "wave", "shut", "level", "bar")) and class_ != "bars":
            shape = {"d": "M0 0H24V12H0Z"}
        drawn = tag("path", class_=class_, **shape)
        return tag("svg", drawn, viewBox="0 0 24 12", aria_hidden="true")

    return tag("ul", *(tag("li", swatch(c), said) for c, said in named), class_="legend")


_BANDS: Final = (
    ("band-good", "good"),
    ("band-fair", "acceptable"),
    ("band-bad", "bad (ITU-R BT.1359)"),
)


def _over_time(points: Sequence[Point], drift: float | None) -> Markup:
    found = [each for each in points if _is_known(each)]
    shown: list[Markup] = [tag("p", NOT_MEASURED, class_="none")]
    if found:
        drawn = (("drift", f"drift {drift:+.1f} ms a minute"),) if drift is not None else ()
        shown = [
            charts.over_time(found, drift),
            _legend(
                ("bars", "95 % confidence"),
                *drawn,
                *_BANDS,
                ("bracket dashed", "limits of EBU R37"),
            ),
        ]
    return tag("section", tag("h2", "Offset over time"), *shown)


def _is_known(point: Point) -> bool:
    told = (point.at_s, point.offset_ms, point.low_ms, point.high_ms)
    return all(number(value) is not None for value in told)


def _offsets(spoken: Sequence[Told]) -> list[float]:
    found = (number(told.figures.get("offset_ms")) for told in spoken)
    return [offset for offset in found if offset is not None]


def _histogram(spoken: Sequence[Told]) -> Markup:
    offsets = _offsets(spoken)
    shown: list[Markup] = [tag("p", NOT_MEASURED, class_="none")]
    if offsets:
        without = len(spoken) - len(offsets)
        said = f"{len(offsets)} of {len(spoken)} utterances have an offset of their own."
        shown = [
            charts.histogram(offsets),
            _legend(*_BANDS),
            tag("p", said, class_="note") if without else Markup(""),
        ]
    return tag("section", tag("h2", "Offsets of the utterances"), *shown)


def _utterances(spoken: Sequence[Told]) -> Markup | None:
    if not spoken:
        return None
    worst = _worst(spoken)
    return tag(
        "section",
        tag("h2", "Utterances"),
        _scrolled("Figures of the utterances", _table(spoken)),
        tag(
            "p",
            "Drawn over each other: what was heard, how far a mouth would be open for it, "
            "and how far this one was. The worst are unfolded.",
            class_="note",
        ),
        _legend(
            ("wave", "sound, as heard"),
            ("level", "opening by the sound's level"),
            ("mouth", "the mouth, as seen"),
            ("shut", "closure: lips meet (p, b, m)"),
        ),
        *[_folded(told, f"u{at}", open_=at in worst) for at, told in enumerate(spoken)],
    )


def _worst(spoken: Sequence[Told]) -> set[int]:
    """Which utterances to look at first: the bad ones by their offset, one at least."""

    def distance(at: int) -> float:
        return abs(number(spoken[at].figures.get("offset_ms")) or 0.0)

    ranked = sorted(range(len(spoken)), key=lambda at: (-distance(at), at))
    bad = [at for at in ranked if verdict_of(spoken[at].figures) == "bad"]
    return set((bad or ranked[:1])[:_OPEN])


def _named(figures: Mapping[str, Any]) -> str:
    repeat = repeat_of(figures)
    name = str(figures.get("item") or "without a name")
    return name if repeat in (None, 1) else f"{name} ({repeat:g})"


def _table(spoken: Sequence[Told]) -> Markup:
    """What was measured in any of them, a column each."""
    rows_told = [told.figures for told in spoken]
    known = [BY_KEY[key] for key in _MEASURED if any(row.get(key) is not None for row in rows_told)]
    known += [BY_KEY[key] for key in _FAULTS if any(number(row.get(key)) for row in rows_told)]
    rows = [
        tag(
            "tr",
            tag("th", tag("a", tag("bdi", _named(told.figures)), href=f"#u{at}"), scope="row"),
            tag("td", _coloured(verdict_of(told.figures))),
            *(
                tag("td", _value(_said(each, told.figures)))
                for each in (BY_KEY["offset_ms"], *known)
            ),
        )
        for at, told in enumerate(spoken)
    ]
    return tag(
        "table",
        _head("Utterance", "Verdict", "Offset", *(each.name for each in known)),
        tag("tbody", *rows),
        class_="many",
    )


def _folded(told: Told, name: str, *, open_: bool) -> Markup:
    """An utterance, or a control, with its drawings."""
    figures = told.figures
    title = _named(figures)
    facts = [f"at {told.begin_s:.1f} s"]
    if (offset := offset_said(figures)) is not None:
        facts.append(f"offset {offset}")
    strip = filmstrip(told, f"{name}-strip", f"Filmstrip of {title}")
    rows = utterance(told, name, f"Sound and mouth of {title}")
    why = figures.get("why")
    return tag(
        "details",
        tag(
            "summary",
            tag("span", tag("bdi", title), class_="item"),
            _coloured(verdict_of(figures)),
            tag("span", ", ".join(facts), class_="facts"),
        ),
        tag(
            "div",
            tag("p", _sentence(why)) if why else None,
            _facts(figures),
            _scrolled(f"Drawing of {title}", *rows) if rows else tag("p", "nothing was heard"),
            None if told.mouth is not None else tag("p", "The mouth was not found.", class_="note"),
            tag("p", "The worst place:", class_="note") if strip else None,
            _scrolled(f"Filmstrip of {title}", strip) if strip else None,
            class_="within",
        ),
        id=name,
        open=open_,
    )


def _facts(figures: Mapping[str, Any]) -> Markup:
    """What was measured of it, and of speech the names of what was not."""
    spoken = not is_control(figures) and figures.get("what") != "clicks"
    named = (*(BY_KEY[key] for key in (*_MEASURED, *_FAULTS)), MOVES)
    pairs = [(each.name, each.said(figures)) for each in named]
    told = [
        tag("div", tag("dt", name), tag("dd", said)) for name, said in pairs if said is not None
    ]
    wanted = [BY_KEY[key] for key in _MEASURED if spoken and key in PROMISED]
    missing = ", ".join(each.name for each in wanted if each.said(figures) is None)
    return joined(
        [
            tag("dl", *told, class_="facts-list") if told else None,
            tag("p", f"Not measured: {missing}.", class_="note") if missing else None,
        ]
    )


def _controls(controls: Sequence[Told]) -> Markup | None:
    if not controls:
        return None
    rows = [
        tag(
            "tr",
            tag("th", tag("a", tag("bdi", _named(told.figures)), href=f"#c{at}"), scope="row"),
            tag("td", _value(MOVES.said(told.figures)), class_="value"),
            tag("td", str(told.figures.get("why") or ""), class_="why"),
        )
        for at, told in enumerate(controls)
    ]
    return tag(
        "section",
        tag("h2", "Negative controls"),
        tag("p", "Silence, music and noise: sound for which no mouth should move.", class_="note"),
        _scrolled(
            "Negative controls",
            tag(
                "table",
                _head("Item", "Movement, against speech", "Remark"),
                tag("tbody", *rows),
                class_="many",
            ),
        ),
        *[_folded(told, f"c{at}", open_=False) for at, told in enumerate(controls)],
    )


def _about(about: Mapping[str, str]) -> Markup | None:
    if not about:
        return None
    told = [joined([tag("dt", str(k)), tag("dd", tag("bdi", str(v)))]) for k, v in about.items()]
    return tag("section", tag("h2", "About this run"), tag("dl", *told, class_="about"))
