"""Picture: a scene as lines of exactly this width and height, and what can be clicked. Pure.

What there is no place for gives way, the least important first: the log, empty lines, figures,
delays; the headline, the level and what is asked stay. Colours are the terminal's own, so that it
may be light or dark; each is told by a word as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from micstream.audio.levels import FLOOR_DB
from micstream.plain_text import printable
from micstream.state_parts import AvatarState
from micstream.view.live.headline import headline, name
from micstream.view.live.letters import big
from micstream.view.live.scene import Scene

_LOWEST_DB: Final = -72.0
_LOUD_DB, _RED_DB = -12.0, -3.0
_TROUBLE_S: Final = 120.0
"""A warning is shown as long; nobody tells when it is over."""
_SHOWN_AVATARS: Final = 6
_HEAD: Final = 8
"""Lines of the headline and the level: they stay while help is shown."""
_LINKS: Final = {
    "absent": ("not here", "red"),
    "joined": ("getting ready", "yellow"),
    "listening": ("listening", "green"),
    "silent": ("SILENT", "bold red"),
    "bound": ("bound to another", "red"),
}


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a click presses a key."""

    row: int
    start: int
    end: int
    key: str


@dataclass(frozen=True, slots=True)
class Picture:
    """Lines, one for each row, and where they can be clicked."""

    lines: tuple[Text, ...]
    spots: tuple[Spot, ...] = ()

    def key_at(self, column: int, row: int) -> str | None:
        """The key that a click presses there."""
        found = (s.key for s in self.spots if s.row == row and s.start <= column < s.end)
        return next(found, None)


@dataclass(frozen=True, slots=True)
class _Block:
    """Lines that stay or go together; those of the highest `weight` go first."""

    weight: int
    lines: list[Text]


def draw(scene: Scene, width: int, height: int) -> Picture:
    """The picture, whatever the size."""
    if width < 1 or height < 1:
        return Picture(())
    bar, spots = _keys(scene, width)
    bar = bar[: max(1, height // 3)]
    help_ = _help(scene, width, height - len(bar) - _HEAD) if scene.asked.help else []
    blocks = _blocks(scene, width, height)
    question = _question(scene, width)
    if question is not None:
        blocks.insert(1, _Block(0, [question]))
    top = _fitting(blocks, height - len(bar) - len(help_))
    room = height - len(top) - len(bar)
    middle = help_[: max(0, room)] if scene.asked.help else _log(scene, room)
    lines = [*top, *middle, *(Text() for _ in range(room - len(middle))), *bar][:height]
    begin = height - len(bar)
    spots = [Spot(s.row + begin, s.start, s.end, s.key) for s in spots if s.row < len(bar)]
    return Picture(tuple(_sized(line, width) for line in lines), tuple(spots))


def _fitting(blocks: Sequence[_Block], most: int) -> list[Text]:
    kept = list(blocks)
    while sum(len(block.lines) for block in kept) > max(1, most):
        heaviest = max(kept, key=lambda block: block.weight)
        if heaviest.weight == 0:
            break
        kept.remove(heaviest)
    return [line for block in kept for line in block.lines][: max(1, most)]


def _styled(text: str, style: str) -> Text:
    """Text of which only this much is so: rich's own `Text(text, style)` is so to its end."""
    return Text().append(text, style)


def _sized(line: Text, width: int) -> Text:
    line = line.copy()
    line.truncate(width, overflow="crop")
    line.append(" " * max(0, width - line.cell_len))
    return line


# ---- the parts ---------------------------------------------------------------------------------


def _blocks(scene: Scene, width: int, height: int) -> list[_Block]:
    return [
        _Block(5, [_title(scene, width)]),
        *_headline(scene, width, height),
        _Block(0, [_level(scene, width)]),
        _Block(6, [_figures(scene)]),
        _Block(8, [Text()]),
        *(_Block(4, [line]) for line in _avatars(scene, width)),
        _Block(7, [_counts(scene)]),
        *(_Block(3, [line]) for line in _trouble(scene, width)),
        _Block(9, [Text()]),
    ]


def _title(scene: Scene, width: int) -> Text:
    state = scene.state
    left = "micstream" + (f"  {printable(scene.room)}" if scene.room else "")
    if state.device:
        left += f"  {printable(state.device)}"
    lasts = "" if state.since is None else f"  {_lasting(scene.now - state.since)}"
    right = f"{scene.clock}{lasts}"
    room = width - cell_len(right) - 2
    if room < 10:
        return _styled(right or left, "dim")
    return _styled(f"{set_cell_size(left, room)}  {right}", "dim")


def _lasting(seconds: float) -> str:
    whole = max(0, int(seconds))
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def _headline(scene: Scene, width: int, height: int) -> list[_Block]:
    told = headline(scene.state)
    style = f"bold reverse {told.colour}"
    rows = big(told.word)
    why = _styled(set_cell_size(f" {told.why}", width), style)
    if height >= 18 and scene.unicode and len(rows[0]) + 4 <= width:
        padded = ["", *rows]
        lines = [_styled(set_cell_size(f"  {row}", width), style) for row in padded]
        return [_Block(0, lines), _Block(1, [why])]
    spaced = " ".join(told.word) if 2 * len(told.word) + 2 <= width else told.word
    return [_Block(0, [_styled(set_cell_size(f" {spaced}", width), style)]), _Block(1, [why])]


def _level(scene: Scene, width: int) -> Text:
    levels = scene.levels
    if levels is None or levels.level_db is None:
        return _styled("level: the microphone delivers nothing", "yellow")
    said = f" {levels.level_db:4.0f} dB"
    clip = " CLIP" if levels.clipping else ""
    cells = max(4, width - len(said) - 7)
    marks = {_place(levels.peak_db, cells): ("!", "bold")} if levels.peak_db > FLOOR_DB else {}
    if levels.speech_db is not None:
        marks[_place(levels.speech_db, cells)] = (":", "bold cyan")
    if levels.floor_db is not None:
        marks[_place(levels.floor_db, cells)] = ("|", "cyan")
    reached = _place(levels.level_db, cells) if levels.level_db > _LOWEST_DB else 0
    line = Text("[")
    for place in range(cells):
        sign = "=" if place < reached else " "
        line.append(*marks.get(place, (sign, _colour(place, cells))))
    return line.append("]").append(said).append(clip, "bold reverse red")


def _place(level_db: float, cells: int) -> int:
    share = (level_db - _LOWEST_DB) / -_LOWEST_DB
    return min(cells - 1, max(0, int(share * cells)))


def _colour(place: int, cells: int) -> str:
    if place >= _place(_RED_DB, cells):
        return "red"
    return "yellow" if place >= _place(_LOUD_DB, cells) else "green"


def _figures(scene: Scene) -> Text:
    levels = scene.levels
    if levels is None:
        return Text()
    line = Text(f"peak ! {levels.peak_db:.0f}")
    if levels.floor_db is not None:
        line.append(f"  floor | {levels.floor_db:.0f}")
    if levels.speech_db is not None:
        line.append(f"  speech : {levels.speech_db:.0f}")
    if levels.clipping:
        line.append("  CLIPPING: turn its gain down", "bold red")
    return line


def _avatars(scene: Scene, width: int) -> list[Text]:
    state = scene.state
    lines = [_avatar(scene, each, width) for each in state.avatars[:_SHOWN_AVATARS]]
    if (more := len(state.avatars) - _SHOWN_AVATARS) > 0:
        lines.append(_styled(f"and {more} more", "dim"))
    if state.performer is not None:
        who = printable(state.performer) or "whoever speaks first"
        lines.append(_styled(f"{who} has the voice", "bold"))
    if state.route is not None:
        who = "all of them" if state.route == 0 else f"avatar {state.route}"
        routed = ", ".join(printable(each) for each in state.routed)
        lines.append(_styled(f"what is said goes to {who}: {routed}", "bold"))
    return lines


def _avatar(scene: Scene, avatar: AvatarState, width: int) -> Text:
    link, style = _LINKS[avatar.link]
    line = _styled(set_cell_size(name(avatar), 24 if width >= 60 else 14), "bold")
    line.append(" ").append(link, style)
    cue = scene.state.cue
    if avatar.playing:
        what = f"cue {printable(cue.name)}" if cue is not None and cue.heard else "you"
        line.append(f"  plays {what} now", "bold")
    elif avatar.link == "listening":
        line.append("  plays nothing")
    if avatar.delay_ms is not None:
        line.append(f"  {avatar.delay_ms} ms")
    if avatar.backlog_s >= 0.1:
        behind = f"  {avatar.backlog_s:.1f} s to play"
        line.append(behind, "yellow" if avatar.backlog_s >= 3 else "")
    if avatar.dropped_s:
        line.append(f"  {avatar.dropped_s:.1f} s not heard", "yellow")
    return line


def _counts(scene: Scene) -> Text:
    state, delays = scene.state, scene.delays
    plural = "" if state.utterances == 1 else "s"
    line = Text(f"{state.utterances} utterance{plural}, {state.seconds:.0f} s")
    if delays.median_ms is not None:
        line.append(f"   delay of 5 min: median {delays.median_ms}, worst {delays.worst_ms} ms")
    if state.dropped_s:
        line.append(f"   not heard {state.dropped_s:.1f} s", "yellow")
    if state.marks:
        line.append(f"   {state.marks} mark{'' if state.marks == 1 else 's'}")
    return line


def _trouble(scene: Scene, width: int) -> list[Text]:
    state = scene.state
    lines: list[Text] = []
    for found, style in ((state.error, "bold red"), (state.warning, "yellow")):
        if found is None or (found is state.warning and scene.now - found.t > _TROUBLE_S):
            continue
        said = f"! {printable(found.message)}"
        lines += [_styled(row, style) for row in _wrapped(said, width, 2)]
        if found.hint:
            lines += [
                _styled(row, style) for row in _wrapped(f"  {printable(found.hint)}", width, 2)
            ]
    return lines


def _wrapped(text: str, width: int, most: int) -> list[str]:
    rows = [""]
    for word in text.split(" "):
        longer = f"{rows[-1]} {word}" if rows[-1] or (len(rows) == 1 and not word) else word
        if cell_len(longer) <= width or not rows[-1].strip():
            rows[-1] = longer
        elif len(rows) < most:
            rows.append(f"  {word}")
        else:
            rows[-1] = set_cell_size(rows[-1], max(0, min(cell_len(rows[-1]), width - 2))) + " …"
            break
    return rows


def _question(scene: Scene, width: int) -> Text | None:
    if scene.asked.quitting:
        said = "Quit, though the avatar speaks? q or y"
        if width >= 72:
            said = "Quit, though the avatar speaks?  q or y: quit   any other key: go on"
        return _styled(said, "bold reverse")
    if scene.asked.routing:
        return _styled(f"Who speaks?  0: all   1 to {min(9, scene.keys.avatars)}", "bold reverse")
    return None


def _log(scene: Scene, room: int) -> list[Text]:
    if room < 1:
        return []
    return [_styled(said, style) for said, style in scene.log[-room:]]


def _help(scene: Scene, width: int, most: int) -> list[Text]:
    """In two columns where it has more than `most` lines."""
    keys = scene.keys
    link = printable(scene.page)
    page = [link[at : at + width] for at in range(0, len(link), width)]  # none is cut short
    page = ["The operator's page (who has its link has the show):", *page] if page else []
    said = ["Keys (? closes this):", *(f"  {key}  {word}" for key, word in keys.verbs)]
    said += ["  space twice  talk; once more: no more", "  q  quit", "  Ctrl-C  quit at once"]
    said += [f"  {key}  cue {printable(cue)}" for key, cue in keys.cues]
    if keys.avatars > 1:
        digits = f"{'r, ' if keys.cues else ''}1 to {min(9, keys.avatars)}"
        said.append(f"  {digits}  who speaks; 0: all")
    said += ["In the level:", "  =  now   !  peak", "  |  noise floor   :  speech from there"]
    if len(page) + len(said) > most:
        half = -(-len(said) // 2)
        left, right = said[:half], [*said[half:], *[""] * (half - len(said[half:]))]
        said = [f"{set_cell_size(one, 38)}  {two}" for one, two in zip(left, right, strict=True)]
    return [Text(line) for line in [*page, *said]]


def _keys(scene: Scene, width: int) -> tuple[list[Text], list[Spot]]:
    """The bar at the bottom: keys first, cues behind them, as far as there is a place."""
    rows, spots = [Text()], list[Spot]()
    pressed = [("?", "help"), *scene.keys.verbs, ("q", "quit")]
    pressed += [(key, cue) for key, cue in scene.keys.cues]
    cue = scene.state.cue
    for place, (key, word) in enumerate(pressed):
        is_cue = place > len(scene.keys.verbs) + 1
        said = f"{key} {printable(word)[:20]}"
        is_full = rows[-1].cell_len + cell_len(said) + 2 > width
        is_first_cue = place == len(scene.keys.verbs) + 2
        if rows[-1] and (is_full or is_first_cue):
            rows.append(Text())
        if rows[-1]:
            rows[-1].append("  ")
        start = rows[-1].cell_len
        on = is_cue and cue is not None and cue.name == word
        style = "reverse" if on and cue is not None and cue.heard else "underline" if on else ""
        rows[-1].append(key, "bold" + (" " + style if style else "")).append(
            said[len(key) :], style
        )
        spots.append(Spot(len(rows) - 1, start, start + cell_len(said), key))
    return rows, spots
