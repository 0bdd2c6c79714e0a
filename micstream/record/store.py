"""Store: the folder of one record, and what is written into it; used by the writer's thread alone.

A disk that becomes short, or fails, ends the record and nothing else. That is told, as is what the
disk was too slow for.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from micstream import events, record_notices
from micstream.audio.format import SPEECH
from micstream.errors import UsageError, reason_of
from micstream.events import Event
from micstream.plain_text import as_json
from micstream.private_files import replacing
from micstream.record import format as files
from micstream.record.files import Appended, WavFile
from micstream.record.format import Piece, Run
from micstream.record.space import STOP_BYTES, Space, SpaceLeft, minutes_left
from micstream.taps import Captured, Sent

_TELL_S: Final = 10.0
"""What a disk was too slow for is told no more often."""
_LOOK_S: Final = 5.0
"""Free space is looked at so often."""


@dataclass(frozen=True, slots=True)
class Published:
    """Sound that an avatar published: 16 kHz mono 16-bit PCM, as it came."""

    avatar: str
    at: float
    """Monotonic seconds at which it came."""
    pcm: bytes


Item = tuple[float, Event | Captured | Sent | Published]
"""With the monotonic second at which it was handed over."""


def free_bytes(folder: Path) -> int:
    """Bytes that may still be written there. Raises OSError."""
    return shutil.disk_usage(folder).free


def make_folder(within: Path, *, free: Callable[[Path], int] = free_bytes) -> Path:
    """Make a record's own folder, named by the time of day.

    Raises:
        UsageError: it cannot be made, or there is no space for a record.
    """
    name = time.strftime("%Y-%m-%d_%H-%M-%S")
    try:
        within.mkdir(parents=True, exist_ok=True, mode=0o700)
        left = free(within)
        if left < STOP_BYTES:
            raise UsageError(
                f"--record {within}: {left / 1e6:.0f} MB are free there; expected "
                f"{STOP_BYTES / 1e6:.0f} or more",
                hint="make room, or record to another disk",
                code="record_no_space",
            )
        for number in range(1, 100):
            folder = within / (name if number == 1 else f"{name}-{number}")
            with contextlib.suppress(FileExistsError):
                folder.mkdir(mode=0o700)
                (folder / files.UTTERANCES).mkdir(mode=0o700)
                return folder
        raise FileExistsError(f"{name} is taken")
    except OSError as error:
        raise UsageError(
            f"--record {within}: a folder for the record cannot be made there: {reason_of(error)}",
            hint="name a folder that can be written to",
            code="record_folder",
        ) from None


class Store:
    """Writes a record into its folder. `began`: monotonic second that is `at` 0.

    Raises:
        OSError: its first files cannot be made.
    """

    def __init__(
        self,
        folder: Path,
        manifest: Mapping[str, Any],
        began: float,
        tell: Callable[[Event], None],
        *,
        space: Space | None = None,
        free: Callable[[Path], int] = free_bytes,
    ) -> None:
        self.folder = folder
        self._manifest = {"record": files.VERSION, **manifest}
        self._began = began
        self._tell = tell
        self._space, self._free = space or Space(), free
        self._looked = -_LOOK_S
        self._stopped = ""
        self._lost = self._untold = 0
        self._told_at = -_TELL_S
        self._written = 0
        self._last = 0.0
        self._waves: dict[str, WavFile] = {}
        self._runs: dict[tuple[str, str, int], tuple[str, Run]] = {}
        self._open: dict[str, tuple[str, str]] = {}
        """By avatar: the utterance that is written, and its file."""
        self._count = 0
        self._write_manifest()
        self._index = Appended(folder / files.SOUND)
        self._events = Appended(folder / files.EVENTS)

    # ---- the writer's --------------------------------------------------------------------------

    def write(self, items: Sequence[Item], lost: int) -> None:
        """Write sound, then its lines, then the events."""
        self._lost += lost
        if self._stopped:
            return
        try:
            self._tell_lost(lost)
            for at, item in items:
                self._last = max(self._last, at - self._began)
                if isinstance(item, Event):
                    self._event(at, item)
                else:
                    self._sound(item)
        except OSError as error:
            self._stop(reason_of(error))

    def sync(self) -> None:
        """Have all of it on the disk, and look how much space is left there."""
        if self._stopped:
            return
        try:
            for _, run in self._runs.values():
                self._put(run.finish())
            for file in self._files():
                file.sync()
            self._look()
        except OSError as error:
            self._stop(reason_of(error))

    def close(self) -> None:
        """Complete the record."""
        self.sync()
        self._close_files()
        done = {"ended_s": round(self._last, 3), "lost": self._lost, "stopped": self._stopped}
        self._manifest |= done
        with contextlib.suppress(OSError):
            self._write_manifest()

    # ---- what is written -----------------------------------------------------------------------

    def _event(self, at: float, event: Event) -> None:
        if isinstance(event, events.UtteranceEnded):
            self._end_utterance(event.avatar, event.id)
        line = as_json(
            {**files.without_key(event.as_dict()), "at": round(at - self._began, 6)}
        ).encode()
        self._events.write(line + b"\n")
        self._written += len(line)

    def _sound(self, sound: Captured | Sent | Published) -> None:
        match sound:
            case Captured():
                name = sound.performer or sound.source
                self._run("microphone", name, sound.channel, sound.at, sound.pcm)
            case Published():
                self._run("avatar", sound.avatar, 0, sound.at, sound.pcm)
            case Sent():
                self._utterance(sound)
        self._written += len(sound.pcm)

    def _run(self, kind: files.Kind, name: str, channel: int, at: float, pcm: bytes) -> None:
        known = self._runs.get((kind, name, channel))
        if known is None:
            number = 1 + sum(1 for each in self._runs if each[0] == kind)
            file = f"{kind}-{number}.wav"
            self._waves[file] = WavFile(self.folder / file, SPEECH.rate)
            known = file, Run(kind, file, name, SPEECH.rate, channel=channel)
            self._runs[kind, name, channel] = known
        file, run = known
        self._waves[file].append(pcm)
        self._put(run.push(at - self._began, len(pcm) // 2))

    def _utterance(self, sound: Sent) -> None:
        utterance, file = self._open.get(sound.avatar, ("", ""))
        if utterance != sound.utterance:
            self._end_utterance(sound.avatar, utterance)
            self._count += 1
            file = f"{files.UTTERANCES}/{self._count:04}.wav"
            self._waves[file] = WavFile(self.folder / file, sound.rate)
            self._open[sound.avatar] = sound.utterance, file
        wave = self._waves[file]
        first = wave.samples
        wave.append(sound.pcm)
        at, count = sound.at - self._began, len(sound.pcm) // 2
        told = sound.avatar, sound.rate, at, first, count, sound.utterance
        self._put([Piece("sent", file, *told)])

    def _end_utterance(self, avatar: str, utterance: str) -> None:
        if self._open.get(avatar, ("", ""))[0] != utterance or not utterance:
            return
        self._waves.pop(self._open.pop(avatar)[1]).close()

    def _put(self, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            self._index.write(piece.as_json().encode() + b"\n")

    def _tell_lost(self, lost: int) -> None:
        self._untold += lost
        now = time.monotonic()
        if self._untold and now - self._told_at >= _TELL_S:
            self._tell(record_notices.record_lost(self._untold))
            self._untold, self._told_at = 0, now

    # ---- space, and the end --------------------------------------------------------------------

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked < _LOOK_S:
            return
        self._looked = now
        free = self._free(self.folder)
        match self._space.judge(free):
            case SpaceLeft.NONE:
                self._stop(f"only {free / 1e6:.0f} MB are free there")
            case SpaceLeft.SHORT:
                pace = self._written / max(1.0, now - self._began)
                self._tell(record_notices.record_short(f"{self.folder}", minutes_left(free, pace)))
            case _:
                pass

    def _stop(self, why: str) -> None:
        self._stopped = why
        self._tell(record_notices.record_stopped(f"{self.folder}", why))
        self._close_files()

    def _close_files(self) -> None:
        for file in self._files():
            with contextlib.suppress(OSError):
                file.close()
        self._waves, self._open, self._runs = {}, {}, {}

    def _files(self) -> list[Appended | WavFile]:
        return [*self._waves.values(), self._index, self._events]

    def _write_manifest(self) -> None:
        with replacing(self.folder / files.MANIFEST) as fresh:
            fresh.write_text(
                json.dumps(self._manifest, indent=1, ensure_ascii=True) + "\n", "utf-8"
            )
