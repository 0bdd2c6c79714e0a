"""A file cut as live would cut it, without a room: the same path, the same events."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Protocol

import soundfile

from micstream import notices
from micstream.audio.format import SPEECH
from micstream.errors import InputError, reason_of
from micstream.plain_text import as_json
from micstream.private_files import replacing
from micstream.settings import Settings
from micstream.sound_path import SoundPath, make_path
from micstream.sources.files import FileSource, file_name
from micstream.sources.source import Block
from micstream.speech.detector import Detector
from micstream.speech.detectors import make_cutter
from micstream.speech.events import End, EndReason, Onset, Speech, Timed

_ROUNDED_S: Final = 0.1
"""A label may end this much after the sound does."""


@dataclass(frozen=True, slots=True)
class Found:
    """An utterance as it would be sent; seconds in the file."""

    start: float
    end: float
    onset: float
    """Where the sound itself began."""
    open_until: float
    """Where it was closed; what lies between `end` and here was trimmed away."""
    onset_decided_s: float
    end_decided_s: float
    voiced_s: float
    reason: EndReason
    pcm: bytes = field(repr=False)
    """16 kHz mono 16-bit."""


@dataclass(frozen=True, slots=True)
class CutFile:
    """A file and what was found in it."""

    path: Path
    rate: int
    duration_s: float
    warning: str
    utterances: list[Found]
    false_alarms: list[Found]
    """Too little speech in them to be sent; none with `mode` live, which sends at once."""
    probabilities: list[float]
    """The detector's, one a frame."""
    needed: list[float]
    """From which of them a frame was voiced: less is needed to hold an utterance open."""
    frame_s: float
    heard: bytes = field(repr=False)
    """What the detector judged, cleaned if that was wanted: 16 kHz mono 16-bit."""

    def as_json(self) -> str:
        """One line: the object that `cut --json` prints."""
        found: list[dict[str, Any]] = [
            {
                "start": round(one.start, 3),
                "end": round(one.end, 3),
                "onset_decided_s": round(one.onset_decided_s, 3),
                "end_decided_s": round(one.end_decided_s, 3),
                "reason": one.reason,
            }
            for one in self.utterances
        ]
        whole = {
            "file": str(self.path),
            "rate": self.rate,
            "duration_s": round(self.duration_s, 3),
            "utterances": found,
        }
        return as_json(whole)


@dataclass(frozen=True, slots=True)
class Label:
    """A stretch that a person has marked; seconds in the file."""

    start: float
    end: float
    words: str


class Sink(Protocol):
    """Takes each utterance as soon as it is found; its sound is then kept no longer."""

    def take(self, found: Found) -> None:
        """Take one, with its sound."""
        ...


class Discard:
    """Sink for sound that nobody wants."""

    def take(self, found: Found) -> None:
        """Nothing is kept."""


class _Traced:
    """A detector that remembers what was asked of it and what it said; with `keep`, what it heard.

    Three hours of sound would be 350 MB.
    """

    def __init__(self, detector: Detector, *, keep: bool) -> None:
        self._detector = detector
        self._keep = keep
        self.frame_samples = detector.frame_samples
        self.needs: Callable[[], float] = lambda: 0.0
        """Asked before each decision."""
        self.said: list[float] = []
        self.needed: list[float] = []
        self.heard = bytearray()

    def probability(self, frame: bytes) -> float:
        said = self._detector.probability(frame)
        if self._keep:
            self.heard += frame
            self.needed.append(self.needs())
            self.said.append(said)
        return said

    def reset(self) -> None:
        self._detector.reset()


def cut_file(
    path: Path,
    settings: Settings,
    detector: Detector,
    *,
    channel: int = 0,
    sink: Sink | None = None,
    trace: bool = True,
) -> CutFile:
    """Cut one file. With `mode` utterance, trimmed and without false alarms, as that mode sends.

    `channel`: the one to use, from 1; 0 mixes them. `sink` gets each utterance, in place of its
    sound being kept. Without `trace` neither the decisions are kept nor what they were made of:
    then memory does not grow with the file.

    Raises:
        InputError: it cannot be read.
    """
    source = open_file(path, channel)
    traced = _Traced(detector, keep=trace)
    cutter = make_cutter(settings, traced)
    tuning = settings.tuning
    traced.needs = lambda: tuning.off if cutter.speaking else tuning.on
    sound = make_path(cutter, settings)
    sound.open(source)
    found: list[Found] = []
    dropped: list[Found] = []
    whole = settings.mode == "utterance"
    onset: Onset | None = None
    pcm = bytearray()
    warnings = [source.warning] if source.warning else []
    for event, _ in _heard(sound, source, warnings):
        match event:
            case Onset():
                onset, pcm = event, bytearray()
            case Speech():
                pcm += event.pcm
            case End() if onset is not None:
                one = _found(onset, event, bytes(pcm), whole=whole)
                sent = event.enough or not whole
                if sink is not None:
                    if sent:
                        sink.take(one)
                    one = replace(one, pcm=b"")
                (found if sent else dropped).append(one)
    return CutFile(
        path=path,
        rate=source.format.rate,
        duration_s=source.duration_s,
        warning="; ".join(warnings),
        utterances=found,
        false_alarms=dropped,
        probabilities=traced.said,
        needed=traced.needed,
        frame_s=traced.frame_samples / SPEECH.rate,
        heard=bytes(traced.heard),
    )


def open_file(path: Path, channel: int) -> FileSource:
    """The file as a source, read as fast as it can be; `channel` from 1, 0 mixes them.

    Raises:
        InputError: it cannot be cut.
    """
    try:
        return FileSource(path, pace="fast", channel=channel)
    except InputError as error:
        if error.code not in ("not_a_file", "raw_file"):
            raise
        # What `micstream pipe` would do needs a room: here only a file will do.
        hint = "write it to a file first: ... > sound.wav, then micstream cut sound.wav"
        if error.code == "raw_file":
            hint = (
                f"make it a WAV: ffmpeg -f s16le -ar 16000 -ac 1 -i {shlex.quote(str(path))} "
                "sound.wav, then micstream cut sound.wav"
            )
        raise InputError(error.message, hint=hint, code=error.code) from None


def _heard(sound: SoundPath, source: FileSource, told: list[str]) -> Iterator[Timed]:
    for pcm in source.read():
        yield from sound.push(Block(pcm, 0.0))
    if sound.took:
        told.append(notices.channels_cancel(source.name, sound.took).message)
    yield from sound.finish(EndReason.SOURCE_ENDED)


def _found(onset: Onset, end: End, pcm: bytes, *, whole: bool) -> Found:
    last = end.speech_end if whole else end.end
    return Found(
        start=onset.start / SPEECH.rate,
        end=last / SPEECH.rate,
        onset=onset.onset / SPEECH.rate,
        open_until=end.end / SPEECH.rate,
        onset_decided_s=onset.decided / SPEECH.rate,
        end_decided_s=end.decided / SPEECH.rate,
        voiced_s=end.voiced / SPEECH.rate,
        reason=end.reason,
        pcm=pcm[: (last - onset.start) * 2],
    )


def read_labels(place: Path, duration_s: float) -> list[Label]:
    """Audacity's label track of a file that lasts so long, in the order of time.

    Its lines on frequencies (they begin with a backslash) are left out.

    Raises:
        InputError: it cannot be read, or a line of it is no label within the file.
    """
    try:
        lines = place.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise InputError(
            f"{place} cannot be read: {reason_of(error)}",
            hint="expected Audacity's labels; check the name and its permissions",
            code="no_labels",
        ) from None
    except UnicodeDecodeError:
        raise InputError(
            f"{place} cannot be read: it is not UTF-8 text",
            hint="expected Audacity's labels",
            code="bad_labels",
        ) from None
    found = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("\\"):
            continue
        first, second, *rest = (*line.split("\t"), "")
        try:
            start, end = float(first), float(second)
            sound = math.isfinite(start) and 0 <= start <= end <= duration_s + _ROUNDED_S
        except ValueError:
            sound = False
        if not sound:
            raise InputError(
                f"{place}, line {number}: {line!r} is no label; expected start, end in seconds "
                f"(0 to {duration_s:.3f}), tab separated, for example: "
                "1.250<TAB>2.500<TAB>speech",
                hint="mend the line, or export the labels from Audacity anew",
                code="bad_labels",
            )
        found.append(Label(start, min(end, duration_s), rest[0] if rest else ""))
    return sorted(found, key=lambda label: label.start)


def write_labels(cut: CutFile, place: Path) -> None:
    """Audacity's label track: start, end, name, tab separated.

    Raises:
        InputError: it cannot be written.
    """
    lines = [
        f"{one.start:.3f}\t{one.end:.3f}\tu{number} {one.reason}\n"
        for number, one in enumerate(cut.utterances, 1)
    ]
    try:
        with replacing(place) as fresh:
            fresh.write_text("".join(lines), encoding="utf-8")
    except OSError as error:
        raise unwritable(place, error) from None


class UtteranceFiles:
    """Sink that writes a 16 kHz mono WAV for each utterance, named after the file and its number.

    They hold what somebody said: folder and files are made for their owner alone.

    Raises:
        InputError: the folder cannot be made.
    """

    def __init__(self, folder: Path, stem: str) -> None:
        self._folder = folder
        self._stem = stem
        self._count = 0
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(folder, error) from None

    def take(self, found: Found) -> None:
        """Write one.

        Raises:
            InputError: it cannot be written.
        """
        self._count += 1
        try:
            with (
                replacing(self._folder / f"{self._stem}-{self._count:03d}.wav") as fresh,
                soundfile.SoundFile(file_name(fresh), "w", SPEECH.rate, 1, "PCM_16") as file,
            ):
                file.buffer_write(found.pcm, dtype="int16")
        except (OSError, soundfile.LibsndfileError) as error:
            raise unwritable(self._folder, error) from None


def unwritable(place: Path, error: Exception) -> InputError:
    """Error of a place where nothing can be written."""
    return InputError(
        f"{place} cannot be written: {reason_of(error)}",
        hint="check the folder and its permissions",
        code="unwritable",
    )
