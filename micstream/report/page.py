"""Page of a record: one HTML file that holds all it shows. Pure.

It needs no network, no script and no other file, and its own policy allows none. What comes from
elsewhere (names, marks, reasons) is text in it, never markup.
"""

from __future__ import annotations

from typing import Final

from micstream.lab.drawing import Markup, joined, tag
from micstream.lab.report import POLICY
from micstream.lab.report_style import STYLE
from micstream.report.story import Clock, Said, Story, clock, counted
from micstream.report.timeline import strips

_OWN_STYLE: Final = """
body { max-width: 76rem; }
.strip { max-width: none; margin: 0 0 1rem; }
.strip text { font-size: 11px; }
.sent { fill: var(--bar); opacity: .75; } .sent-cue { fill: var(--closes); opacity: .65; }
.sent-unheard { fill: var(--band-bad); stroke: var(--bad); }
.strip .in-bar { fill: var(--paper); font-size: 10.5px; font-weight: 600; }
.at-fault { stroke: var(--bad); } .at-mark { stroke: var(--good); }
.at-cue { stroke: var(--closes); } .at-change { stroke: var(--soft); }
.strip .on-fault { fill: var(--bad); } .strip .on-mark { fill: var(--good); font-weight: 700; }
.strip .on-cue { fill: var(--closes); } .strip .on-change { fill: var(--soft); }
td.fault, .legend .fault { color: var(--bad); } td.mark, .legend .mark { color: var(--good); }
td.cue, .legend .cue { color: var(--closes); }
@media print { .sent, .sent-cue, .sent-unheard {
  print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""
_SORTS: Final = {"fault": "fault or warning", "cue": "cue", "mark": "mark", "change": "change"}


def page(story: Story) -> str:
    """The report of a record, as one HTML page."""
    room = str(story.manifest.get("room") or "a room")
    time_of = Clock(story.manifest)
    title = f"{time_of.day} {time_of(0.0)}: {room}".strip()
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", Markup(STYLE + _OWN_STYLE)),
    )
    body = tag(
        "body",
        _top(story, room, time_of),
        tag("main", _timeline(story), _utterances(story, time_of), _moments(story, time_of)),
    )
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _top(story: Story, room: str, time_of: Clock) -> Markup:
    figures = [
        tag("div", tag("dt", name), tag("dd", value), class_="fact")
        for name, value in counted(story)
    ]
    end = "to" if "ended_s" in story.manifest else "to, not completed,"
    when = f"{time_of.day} {time_of(0.0)} {end} {time_of(story.seconds)}".strip()
    notes = [tag("li", note) for note in story.notes]
    return tag(
        "header",
        tag("p", "A session in ", tag("bdi", room), class_="of"),
        tag("h1", when),
        tag("dl", *figures, class_="facts-list"),
        tag("h2", "What is missing in the record") if notes else None,
        tag("ul", *notes) if notes else None,
    )


def _timeline(story: Story) -> Markup:
    legend = [tag("li", words, class_=sort) for sort, words in _SORTS.items()]
    return tag(
        "section",
        tag("h2", "Timeline"),
        tag(
            "p",
            "Above what was heard by the microphone; below each utterance as it was sent, with the "
            "milliseconds from the speaker's mouth to the avatar's; one that no avatar reported as "
            "heard is framed.",
            class_="note",
        ),
        tag("ul", *legend, class_="legend"),
        strips(story),
    )


def _utterances(story: Story, time_of: Clock) -> Markup:
    if not story.said:
        return tag("section", tag("h2", "Utterances"), tag("p", "Nothing was sent.", class_="none"))
    names = ("Time", "Utterance", "Avatar", "Length", "Delay", "Gaps", "Ended by", "What")
    rows = [tag("tr", *(tag("td", cell) for cell in _row(said, time_of))) for said in story.said]
    return _listed("Utterances", names, rows)


def _row(said: Said, time_of: Clock) -> tuple[str, ...]:
    told = said.told
    delay, gaps = told.get("delay_ms"), told.get("stutter_ms")
    reason = str(told.get("reason", "")).replace("_", " ")
    cut = ", cut off" if told.get("interrupted") else ""
    what = f"cue {told['cue']}" if told.get("cue") else str(told.get("source") or "")
    return (
        time_of(said.at),
        said.utterance,
        said.avatar,
        f"{said.seconds:.2f} s",
        f"{delay} ms" if delay is not None else "not heard",
        f"{gaps} ms" if gaps else "",
        reason + cut,
        what,
    )


def _moments(story: Story, time_of: Clock) -> Markup:
    if not story.moments:
        return joined(())
    rows = [
        tag(
            "tr",
            tag("td", time_of(each.at)),
            tag("td", clock(each.at)),
            tag("td", _SORTS[each.sort], class_=each.sort),
            tag("td", each.what, class_="why"),
            tag("td", each.more, class_="why"),
        )
        for each in story.moments
    ]
    return _listed("What happened", ("Time", "After", "Kind", "What", "What helps"), rows)


def _listed(name: str, heads: tuple[str, ...], rows: list[Markup]) -> Markup:
    head = tag("thead", tag("tr", *(tag("th", each, scope="col") for each in heads)))
    table = tag("table", head, tag("tbody", *rows), class_="many")
    scrolled = tag("div", table, class_="wide", role="region", aria_label=name, tabindex="0")
    return tag("section", tag("h2", name), scrolled)
