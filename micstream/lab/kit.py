"""What the lab speaks into an avatar: the bundled kit of defined sound, or one's own files.

The bundled kit is `assets/lipsync`, made by `python -m tools.lipsync_kit`; its `kit.json` says of
each item what it is for and when each sound begins and ends. Own files may have labels beside them:
`take1.labels.json` ([[begin, end, "p"], ...]) or Audacity's `take1.txt` (begin, end and label in a
line, parted by tabs). Times are seconds on the file's own clock.
"""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final, Literal, get_args

from micstream.errors import InputError, UsageError, reason_of
from micstream.sources.files import FileSource

What = Literal["speech", "closures", "clicks", "control"]

SCHEMA: Final = 1
_PACKAGE: Final = Path(__file__).resolve().parents[1]
PLACES: Final = (_PACKAGE / "assets/lipsync", _PACKAGE.parent / "assets/lipsync")
"""Where the bundled kit is: inside the installed package, or in a checkout."""
_SHUT: Final = frozenset(("p", "b", "m", "ɓ", "ʙ", "pf", "bv", "mb", "mp", "em", "pcl", "bcl"))
"""IPA, ARPAbet and X-SAMPA; TIMIT's closures."""
_BEYOND_S: Final = 0.05
"""So far behind the end of its file a label may end: editors round, and MP3s are padded."""
_SHOWN: Final = 40


@dataclass(frozen=True, slots=True)
class Label:
    """One sound of an item, in seconds on its clock; p, b and m last while the lips are shut."""

    begin_s: float
    end_s: float
    sound: str
    """A phoneme (IPA in the bundled kit), or "click", "key", "cough"."""

    @property
    def closes(self) -> bool:
        """Whether the lips are shut while it sounds: p, b, m and their like, marks of length,
        stress, breath and syllable aside."""
        plain = unicodedata.normalize("NFD", self.sound.strip().partition("_")[0])
        letters = [each for each in plain if unicodedata.category(each) in ("Ll", "Lu")]
        return "".join(letters).lower() in _SHUT


@dataclass(frozen=True, slots=True)
class Item:
    """One sound to speak into an avatar, and what is known of it."""

    name: str
    file: Path
    what: What
    seconds: float
    says: str = ""
    language: str = ""
    labels: tuple[Label, ...] = ()


def load_kit(folder: Path | None = None) -> tuple[Item, ...]:
    """The bundled kit, or the one of a folder with its own `kit.json`, in its order.

    Raises InputError where it is missing, damaged or of another schema.
    """
    file = (_bundled() if folder is None else folder) / "kit.json"
    try:
        content = json.loads(file.read_text("utf-8"))
    except OSError as error:
        raise _damaged(file, f"cannot be read: {reason_of(error)}", code="asset_missing") from None
    except (ValueError, RecursionError) as error:
        raise _damaged(file, f"is no JSON: {error}") from None
    try:
        return _items(file, content)
    except _Odd as odd:
        raise _damaged(file, str(odd)) from None


def own_items(files: Sequence[Path]) -> tuple[Item, ...]:
    """One's own sound files, in their order, each with the labels beside it, if there are any.

    They are named after their files; of two alike the second becomes `take1-2`.

    Raises:
        InputError: a file is missing or no sound, or the labels beside it cannot be used
            (`bad_labels`).
    """
    items: list[Item] = []
    taken: set[str] = set()
    for file in files:
        seconds = FileSource(file, pace="fast").duration_s
        name, count = file.stem, 1
        while name in taken:
            count += 1
            name = f"{file.stem}-{count}"
        taken.add(name)
        items.append(Item(name, file, "speech", seconds, labels=_beside(file, seconds)))
    return tuple(items)


def chosen(items: Sequence[Item], only: Sequence[str]) -> tuple[Item, ...]:
    """Those whose name is in `only`, or fits a pattern of it ("papapa-*"); all where it is empty.

    Each once, in the order of `items`. Raises UsageError (`no_such_item`) where a name fits none.
    """
    if not only:
        return tuple(items)
    lost = [want for want in only if not any(_fits(item, want) for item in items)]
    if lost:
        raise UsageError(
            f"no item is called {' or '.join(map(_short, lost))}",
            hint="there are: " + ", ".join(item.name for item in items),
            code="no_such_item",
        )
    return tuple(item for item in items if any(_fits(item, want) for want in only))


def _fits(item: Item, want: str) -> bool:
    return item.name == want or fnmatchcase(item.name, want)


class _Odd(ValueError):
    """What was found and what was expected; the file is named by who knows it."""


def _bundled() -> Path:
    for place in PLACES:
        if (place / "kit.json").is_file():
            return place
    raise InputError(
        f"the bundled kit is not there: expected it in {PLACES[0]} or {PLACES[1]}",
        hint="install micstream again, or name sound files of your own",
        code="asset_missing",
    )


def _damaged(file: Path, what: str, *, code: str = "bad_kit") -> InputError:
    hint = "install micstream again; in a checkout: python -m tools.lipsync_kit"
    return InputError(f"{file}: {what}", hint=hint, code=code)


def _items(file: Path, content: object) -> tuple[Item, ...]:
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        found = content.get("schema") if isinstance(content, dict) else content
        raise _Odd(f"schema {_short(found)}; expected {SCHEMA}")
    entries = content.get("items")
    if not isinstance(entries, list) or not entries:
        raise _Odd(f"items: found {_short(entries)}; expected a list of items")
    items = tuple(_item(file, number, entry) for number, entry in enumerate(entries, 1))
    if len({item.name for item in items}) < len(items):
        raise _Odd("two items have one name; expected each once")
    return items


def _item(file: Path, number: int, entry: object) -> Item:
    where = f"item {number}"
    if not isinstance(entry, dict):
        raise _Odd(f"{where}: found {_short(entry)}; expected an object")
    texts = {key: entry.get(key, "") for key in ("name", "file", "what", "says", "language")}
    for key, value in texts.items():
        if not isinstance(value, str) or (key in ("name", "file") and not value):
            raise _Odd(f"{where}, {key}: found {_short(value)}; expected a text")
    if texts["what"] not in get_args(What):
        raise _Odd(f"{where}, what: found {_short(texts['what'])}; expected {get_args(What)}")
    if Path(texts["file"]).name != texts["file"]:
        raise _Odd(f"{where}, file: found {_short(texts['file'])}; expected a plain file name")
    sound = file.parent / texts["file"]
    if not sound.is_file():
        raise _Odd(f"{where}: its file {texts['file']} is missing")
    seconds = _number(f"{where}, seconds", entry.get("seconds"))
    found = entry.get("labels", [])
    if not isinstance(found, list):
        raise _Odd(f"{where}, labels: found {_short(found)}; expected a list")
    labels = _sorted(_labels(f"{where}, label", found, seconds))
    return Item(
        texts["name"],
        sound,
        texts["what"],
        seconds,
        texts["says"],
        texts["language"],
        labels,
    )


def _beside(file: Path, seconds: float) -> tuple[Label, ...]:
    """The labels beside a sound file; those in JSON come before Audacity's."""
    for sidecar in (file.with_suffix(".labels.json"), file.with_suffix(".txt")):
        if sidecar.is_file() and sidecar != file:
            try:
                text = sidecar.read_text("utf-8-sig")
            except (OSError, UnicodeDecodeError) as error:
                why = (
                    "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else reason_of(error)
                )
                raise _bad_labels(sidecar, f"cannot be read: {why}") from None
            read = _from_json if sidecar.suffix == ".json" else _from_audacity
            try:
                return _sorted(read(text, seconds))
            except _Odd as odd:
                raise _bad_labels(sidecar, str(odd)) from None
    return ()


def _bad_labels(sidecar: Path, what: str) -> InputError:
    return InputError(
        f"{sidecar}: {what}",
        hint="correct it; or, where it holds no labels, give it another name",
        code="bad_labels",
    )


def _from_json(text: str, seconds: float) -> Iterator[Label]:
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise _Odd(f"line {error.lineno}: no JSON: {error.msg}; expected {_FORM}") from None
    except (ValueError, RecursionError):
        raise _Odd(f"line 1: no JSON that can be read; expected {_FORM}") from None
    if not isinstance(content, list):
        raise _Odd(f"line 1: found {_short(content)}; expected {_FORM}")
    return _labels("label", content, seconds)


_FORM: Final = '[[begin, end, "p"], ...] in seconds'


def _from_audacity(text: str, seconds: float) -> Iterator[Label]:
    for number, line in enumerate(text.splitlines(), 1):
        # Behind a label drawn in the spectrum comes a line of its own with its frequencies.
        if not line.strip() or line.startswith("\\"):
            continue
        parts = line.split("\t", 2)
        where = f"line {number}"
        if len(parts) < 3 or not parts[2].strip():
            raise _Odd(f"{where}: found {_short(line)}; expected begin, end and label with tabs")
        times = []
        for part in parts[:2]:
            try:
                times.append(float(part))
            except ValueError:
                raise _Odd(f"{where}: found {_short(part)}; expected seconds as 1.25") from None
        yield _label(where, times[0], times[1], parts[2].strip(), seconds)


def _labels(where: str, found: list[Any], seconds: float) -> Iterator[Label]:
    for number, entry in enumerate(found, 1):
        here = f"{where} {number}"
        if not isinstance(entry, list) or len(entry) != 3 or not isinstance(entry[2], str):
            raise _Odd(f'{here}: found {_short(entry)}; expected [begin, end, "p"] in seconds')
        begin, end = (_number(here, value) for value in entry[:2])
        yield _label(here, begin, end, entry[2].strip(), seconds)


def _label(where: str, begin: float, end: float, sound: str, seconds: float) -> Label:
    """Raises _Odd where it does not lie within its file."""
    if not (math.isfinite(begin) and math.isfinite(end) and 0 <= begin <= end):
        raise _Odd(f"{where}: from {begin:g} to {end:g} s; expected 0 <= begin <= end")
    if end > seconds + _BEYOND_S:
        raise _Odd(f"{where}: it ends at {end:g} s; expected at most {seconds:.3f} s, as the sound")
    if not sound:
        raise _Odd(f"{where}: it has no text; expected a sound such as p")
    return Label(min(begin, seconds), min(end, seconds), sound)


def _number(where: str, value: object) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            if math.isfinite(number := float(value)):
                return number
        except OverflowError:
            pass
    raise _Odd(f"{where}: found {_short(value)}; expected a number of seconds")


def _sorted(labels: Iterator[Label]) -> tuple[Label, ...]:
    return tuple(sorted(labels, key=lambda each: (each.begin_s, each.end_s)))


def _short(value: object) -> str:
    """As it was found, on one line, and no longer than a line holds."""
    text = repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
