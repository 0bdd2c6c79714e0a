"""A folder of recordings, each with the stretches of speech that a person has labelled in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from bench.scoring import Stretch
from micstream.audio.format import SPEECH
from micstream.cutting import read_labels
from micstream.errors import InputError

_CONVERT = "convert it, for example: sox in.wav -r 16000 -c 1 -b 16 -e signed-integer out.wav"


@dataclass(frozen=True, slots=True)
class Labelled:
    """A recording at 16 kHz, and where somebody speaks in it; no labels: nobody does."""

    name: str
    samples: npt.NDArray[np.int16]
    labels: list[Stretch]

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / SPEECH.rate

    def pcm(self, gain_db: float = 0.0) -> bytes:
        """16-bit PCM, made louder or quieter; what does not fit is clipped."""
        if not gain_db:
            return bytes(self.samples.astype("<i2"))
        scaled = np.rint(self.samples * 10 ** (gain_db / 20)).clip(-32_768, 32_767)
        return bytes(scaled.astype("<i2"))


def read_folder(folder: Path) -> list[Labelled]:
    """Every WAV and FLAC in `folder` by name, with the labels in the `.txt` of its stem, if any.

    Raises:
        InputError: no such folder, no WAV in it, one that is not 16 kHz mono 16-bit or holds no
            sound, or labels that cannot be read.
    """
    expected = "expected a folder of 16 kHz mono WAVs with Audacity's labels (.txt) beside them"
    if not folder.is_dir():
        what = "not a folder" if folder.exists() else "no such folder"
        raise InputError(f"{folder}: {what}", hint=expected, code="no_folder")
    places = sorted(each for each in folder.iterdir() if each.suffix.lower() in (".wav", ".flac"))
    if not places:
        raise InputError(f"{folder} holds no WAV", hint=expected, code="no_wav")
    return [_read(place) for place in places]


def _read(place: Path) -> Labelled:
    try:
        with soundfile.SoundFile(place) as file:
            kind = (file.samplerate, file.channels, file.subtype)
            samples = file.read(dtype="int16") if kind == (SPEECH.rate, 1, "PCM_16") else None
    except (OSError, soundfile.LibsndfileError) as error:
        words = getattr(error, "error_string", None) or getattr(error, "strerror", None) or error
        raise InputError(
            f"{place} cannot be read: {words}", hint="expected a WAV", code="bad_wav"
        ) from None
    if samples is None:
        rate, channels, subtype = kind
        raise InputError(
            f"{place} is {rate} Hz, channels: {channels}, {subtype}; expected 16000 Hz, 1, PCM_16",
            hint=_CONVERT,
            code="bad_wav",
        )
    if not len(samples):
        raise InputError(f"{place} holds no sound", hint="take it out of the folder", code="empty")
    labels = place.with_suffix(".txt")
    seconds = len(samples) / SPEECH.rate
    return Labelled(place.stem, samples, _labels(labels, seconds) if labels.exists() else [])


def _labels(place: Path, seconds: float) -> list[Stretch]:
    """Those of the label track beside a recording; labels of a point say nothing here."""
    stretches = (
        Stretch(round(label.start * SPEECH.rate), round(label.end * SPEECH.rate))
        for label in read_labels(place, seconds)
    )
    return [one for one in stretches if one.start < one.end]
