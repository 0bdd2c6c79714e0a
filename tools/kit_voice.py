"""espeak-ng by its shared library: sound, and when each phoneme begins. For tools.lipsync_kit.

Source: espeak-ng's speak_lib.h. A phoneme's event stands where its sound begins, with two
exceptions seen in its synthesize.c: a voiceless stop's pause comes before the event (the event is
its burst), and the event of a vowel after a nasal or a liquid comes when its onset is over.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib
import itertools
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import numpy as np
import soxr
from numpy.typing import NDArray

RATE: Final = 16_000
Samples = NDArray[np.float64]
T = TypeVar("T")

INSTALL: Final = (
    "espeak-ng's shared library is not here: pip install espeakng-loader (it brings the library "
    "and its data; the bundled kit was made with 0.2.4), or install libespeak-ng1 of the system"
)
_SYNCHRONOUS: Final = 2
_PHONEME_EVENTS, _IPA, _DONT_EXIT = 0x0001, 0x0002, 0x8000
_UTF8, _PHONEMES = 1, 0x100
_SPEED, _PITCH = 1, 3
_TERMINATED, _PHONEME, _END = 0, 7, 5
_SILENT: Final = ("", "_", "_:", "_!", "|", "||")


class NoSynthesiser(Exception):
    """There is no espeak-ng to be loaded; its text says what to install."""


@dataclass(frozen=True, slots=True)
class Voice:
    """One of espeak-ng's, such as "en-us+f3", at so many words a minute."""

    name: str
    speed: int = 160
    pitch: int = 50

    @property
    def language(self) -> str:
        """As in "en-gb", its own kind of it left out."""
        return "-".join(self.name.partition("+")[0].split("-")[:2])


@dataclass(frozen=True, slots=True)
class Mark:
    """A phoneme's event: seconds from the first sample, and its sign in IPA; "" is a pause."""

    at_s: float
    sound: str


@dataclass(frozen=True, slots=True)
class Spoken:
    """Mono at RATE, -1 to 1, as the synthesiser gave it, silence around it and all."""

    samples: Samples
    marks: tuple[Mark, ...]


class Synthesiser(Protocol):
    """What the kit is spoken by."""

    def speak(self, voice: Voice, text: str) -> Spoken: ...


class _Id(ctypes.Union):
    _fields_ = (
        ("number", ctypes.c_int),
        ("name", ctypes.c_void_p),
        ("string", ctypes.c_ubyte * 8),
    )


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class Espeak:
    """The library, in a process of its own for each text: what it said before changes what it says.

    Raises NoSynthesiser at once where it is not installed.
    """

    def __init__(self) -> None:
        self.version = self._alone(_version)

    def speak(self, voice: Voice, text: str) -> Spoken:
        """The text, spoken. Raises ValueError where there is no such voice."""
        return self._alone(_speak, voice, text)

    def _alone(self, task: Callable[..., T], *given: object) -> T:
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            return pool.submit(task, *given).result()


def _version() -> str:
    return _Library().version


def _speak(voice: Voice, text: str) -> Spoken:
    return _Library().speak(voice, text)


class _Library:
    """It keeps its state in globals: once a process."""

    def __init__(self) -> None:
        self._library, data = _loaded()
        options = _PHONEME_EVENTS | _IPA | _DONT_EXIT
        self._rate = self._library.espeak_Initialize(_SYNCHRONOUS, 0, data, options)
        if self._rate <= 0:
            raise NoSynthesiser(f"espeak-ng finds no data of its own. {INSTALL}")
        self._library.espeak_Info.restype = ctypes.c_char_p
        self.version: str = self._library.espeak_Info(None).decode()
        self._pieces: list[Samples] = []
        self._marks: list[Mark] = []
        self._callback = _Callback(self._take)  # kept: the library calls it for as long as it lives
        self._library.espeak_SetSynthCallback(self._callback)

    def speak(self, voice: Voice, text: str) -> Spoken:
        if self._library.espeak_SetVoiceByName(voice.name.encode()) != 0:
            raise ValueError(f"espeak-ng has no voice {voice.name!r}")
        self._library.espeak_SetParameter(_SPEED, voice.speed, 0)
        self._library.espeak_SetParameter(_PITCH, voice.pitch, 0)
        data = text.encode() + b"\0"
        size, flags = ctypes.c_size_t(len(data)), _UTF8 | _PHONEMES
        if self._library.espeak_Synth(data, size, 0, 1, 0, flags, None, None) != 0:
            raise ValueError(f"espeak-ng does not speak {text!r}")
        self._library.espeak_Synchronize()
        samples = soxr.resample(np.concatenate(self._pieces), self._rate, RATE, quality="VHQ")
        return Spoken(samples, tuple(self._marks))

    def _take(self, wav: Any, count: int, events: Any) -> int:
        if wav and count > 0:
            block = np.ctypeslib.as_array(wav, shape=(count,)).astype(np.float64) / 32768
            self._pieces.append(block)
        for index in itertools.count():
            event = events[index]
            if event.type == _TERMINATED:
                return 0
            if event.type in (_PHONEME, _END):
                name = bytes(event.id.string).split(b"\0")[0] if event.type == _PHONEME else b""
                sound = name.decode("utf-8", "ignore")
                at_s = event.audio_position / 1000
                self._marks.append(Mark(at_s, "" if sound in _SILENT else sound))
        raise AssertionError


def _loaded() -> tuple[Any, bytes | None]:
    """The library, and where its data is; None leaves that to the library."""
    try:
        loader = importlib.import_module("espeakng_loader")
    except ImportError:
        name = ctypes.util.find_library("espeak-ng")
        if name is None:
            raise NoSynthesiser(INSTALL) from None
        return ctypes.CDLL(name), None
    data = Path(loader.get_data_path())
    return ctypes.CDLL(loader.get_library_path()), str(data.parent).encode()
