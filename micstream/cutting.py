"""A file cut as live would cut it, without a room: the same path, the same events."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import soundfile

from micstream.audio.format import SPEECH
from micstream.errors import InputError
from micstream.pipeline import SoundPath
from micstream.settings import Settings
from micstream.sources.files import FileSource, file_name
from micstream.sources.source import Block
from micstream.speech.cutter import Cutter
from micstream.speech.detector import Detector
from micstream.speech.events import End, EndReason, Onset, Speech


@dataclass(frozen=True, slots=True)
class Found:
    """An utterance as it would be sent; seconds in the file."""

    start: float
    end: float
    onset_decided_s: float
    end_decided_s: float
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
    probabilities: list[float]
    """The detector's, one a frame."""
    frame_s: float

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
        return json.dumps(whole, ensure_ascii=False)


class _Traced:
    """A detector that remembers what it said."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self.frame_samples = detector.frame_samples
        self.said: list[float] = []

    def probability(self, frame: bytes) -> float:
        self.said.append(self._detector.probability(frame))
        return self.said[-1]

    def reset(self) -> None:
        self._detector.reset()


def cut_file(path: Path, settings: Settings, detector: Detector) -> CutFile:
    """Cut one file. With `mode` utterance, trimmed and without false alarms, as that mode sends.

    Raises:
        InputError: it cannot be read.
    """
    source = FileSource(path, pace="fast")
    traced = _Traced(detector)
    sound = SoundPath(source, Cutter(traced, settings.segmenter))
    found: list[Found] = []
    onset: Onset | None = None
    pcm = bytearray()
    blocks = [(Block(data, 0.0)) for data in source.read()]
    for step in (*(sound.push(block) for block in blocks), sound.finish(EndReason.SOURCE_ENDED)):
        for event, _ in step:
            match event:
                case Onset():
                    onset, pcm = event, bytearray()
                case Speech():
                    pcm += event.pcm
                case End() if onset is not None:
                    one = _found(onset, event, bytes(pcm), whole=settings.mode == "utterance")
                    found += [one] if one else []
    return CutFile(
        path=path,
        rate=source.format.rate,
        duration_s=source.duration_s,
        warning=source.warning,
        utterances=found,
        probabilities=traced.said,
        frame_s=traced.frame_samples / SPEECH.rate,
    )


def _found(onset: Onset, end: End, pcm: bytes, *, whole: bool) -> Found | None:
    if whole and not end.enough:
        return None
    last = end.speech_end if whole else end.end
    return Found(
        start=onset.start / SPEECH.rate,
        end=last / SPEECH.rate,
        onset_decided_s=onset.decided / SPEECH.rate,
        end_decided_s=end.decided / SPEECH.rate,
        reason=end.reason,
        pcm=pcm[: (last - onset.start) * 2],
    )


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
        place.write_text("".join(lines), encoding="utf-8")
    except OSError as error:
        raise _unwritable(place, error) from None


def write_utterances(cut: CutFile, folder: Path) -> list[Path]:
    """A 16 kHz mono WAV for each utterance, named after the file and its number.

    They hold what somebody said: folder and files are made for their owner alone.

    Raises:
        InputError: they cannot be written.
    """
    places = []
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number, one in enumerate(cut.utterances, 1):
            place = folder / f"{cut.path.stem}-{number:03d}.wav"
            place.touch(mode=0o600)
            with soundfile.SoundFile(file_name(place), "w", SPEECH.rate, 1, "PCM_16") as file:
                file.buffer_write(one.pcm, dtype="int16")
            places.append(place)
    except (OSError, soundfile.LibsndfileError) as error:
        raise _unwritable(folder, error) from None
    return places


def _unwritable(place: Path, error: Exception) -> InputError:
    words = getattr(error, "strerror", None) or str(error)
    return InputError(
        f"{place} cannot be written: {words.lower()}",
        hint="check the folder and its permissions",
        code="unwritable",
    )
