"""The sound server behind ALSA's device `default`: what it records for us, and when that changes.

On Linux that device is whatever PulseAudio or PipeWire takes for it: they may move us to another
microphone, or to the monitor of a loudspeaker, and tell PortAudio nothing. `pactl` knows; where it
is not installed, or there is no such server, nothing is known.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import sys
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from micstream import notices
from micstream.events import Event
from micstream.tasks import task_group

_DEVICES: Final = ("default", "sysdefault", "pulse", "pipewire")
_ANSWER_S: Final = 2.0
"""Longest wait for `pactl`: a server that stands still never answers."""
_END_S: Final = 0.5
"""Longest wait for its end once it was killed."""
_SECRETIVE: Final = ("LIVEKIT_", "AVALUMA_", "AVATAR_", "MICSTREAM_")
"""Variables that are none of its business."""
_PAUSE_S: Final = 0.2
"""Between two questions: whoever moves a volume makes many changes."""
_SECTION: Final = re.compile(r"^(?:Source|Source Output|Client) #(\d+)$", re.MULTILINE)
_EVENT: Final = re.compile(r"^Event '(new|change|remove)' on source-output #(\d+)$")


@dataclass(frozen=True, slots=True)
class ServerSource:
    """A source of the sound server's."""

    name: str
    """For people."""
    is_monitor: bool = False
    """What this machine plays; no microphone."""
    is_muted: bool = False


def is_behind(device: str) -> bool:
    """Whether a sound server may stand behind this device of PortAudio's."""
    return sys.platform == "linux" and device in _DEVICES


def is_chosen() -> bool:
    """Whether somebody has told the sound server's clients what to record."""
    return bool(os.environ.get("PULSE_SOURCE"))


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the server records for a process."""

    numbers: frozenset[str]
    """The server's numbers of these recordings."""
    source: ServerSource
    """Of the first of them."""


async def recorded_for(pid: int) -> Recorded | None:
    """What it records for a process now; None: nothing, or nothing is known."""
    outputs = await _pactl("list", "source-outputs") or ""
    recorded = recorded_by(outputs, pid)
    if not recorded and _SECTION.search(outputs):
        # PipeWire's own clients say it of themselves, not of their recordings.
        recorded = recorded_by(outputs, pid, await _pactl("list", "clients") or "")
    if not recorded:
        return None
    sources = sources_of(await _pactl("list", "sources") or "")
    for number in recorded.values():
        if number in sources:
            return Recorded(frozenset(recorded), sources[number])
    return None


class SourceWatch:
    """Tells where the sound server takes our sound from something else than before."""

    def __init__(self, emit: Callable[[Event], object]) -> None:
        self._emit = emit
        self._known: ServerSource | None = None
        self._numbers: frozenset[str] = frozenset()
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Watch what is recorded for this process; returns where nothing is, or can be known."""
        self._changed.clear()
        async with aclosing(_changes()) as changes, task_group() as tasks:
            # Begun first, so that no change is missed.
            reading = tasks.create_task(self._read(changes))
            while await self._ask() and not reading.done():
                await asyncio.sleep(_PAUSE_S)
                await self._changed.wait()
                self._changed.clear()
            reading.cancel()

    async def _ask(self) -> bool:
        now = await recorded_for(os.getpid())
        if now is not None:
            self._numbers = now.numbers
            self._compare(now.source)
        return now is not None or bool(self._numbers)

    async def _read(self, changes: AsyncGenerator[tuple[str, str], None]) -> None:
        async for what, number in changes:
            if what == "new" or number in self._numbers:
                self._changed.set()
        self._changed.set()  # the server has gone

    def _compare(self, now: ServerSource) -> None:
        before, self._known = self._known, now
        if before is None:
            if now.is_monitor and not is_chosen():
                self._emit(notices.records_a_monitor(now.name))
        elif before.name != now.name:
            self._emit(notices.source_moved(before.name, now.name, is_monitor=now.is_monitor))


def recorded_by(outputs: str, pid: int, clients: str = "") -> dict[str, str]:
    """Numbers of a process' recordings, and its children's, each with its source's: by
    `pactl list source-outputs`, and `pactl list clients`."""
    ours = {number for number, fields in _sections(clients) if _is_of(fields, pid)}
    return {
        number: fields["Source"]
        for number, fields in _sections(outputs)
        if "Source" in fields and (_is_of(fields, pid) or fields.get("Client") in ours)
    }


def _is_of(fields: dict[str, str], pid: int) -> bool:
    for name in ("application.process.id", "pipewire.sec.pid"):
        process = fields.get(name, "").strip('"')
        if process == str(pid) or _parent(process) == str(pid):
            return True
    return False


def _parent(process: str) -> str:
    """Number of the parent of a process of this machine: a child of ours may capture for us."""
    if not (process.isascii() and process.isdecimal()):
        return ""
    try:
        said = Path(f"/proc/{process[:20]}/stat").read_text("utf-8", "replace")
    except OSError:
        return ""
    return "".join(said.rpartition(")")[2].split()[1:2])


def sources_of(text: str) -> dict[str, ServerSource]:
    """Sources by their number, by `pactl list sources`."""
    return {
        number: ServerSource(
            name=fields.get("Description") or fields.get("Name") or f"source {number}",
            is_monitor=fields.get("Monitor of Sink", "n/a") != "n/a",
            is_muted=fields.get("Mute") == "yes",
        )
        for number, fields in _sections(text)
    }


def _sections(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    _, *parts = _SECTION.split(text)
    for number, body in zip(parts[::2], parts[1::2], strict=True):
        fields: dict[str, str] = {}
        for line in body.splitlines():
            # `Key: value` after one tab, `key = "value"` after two.
            mark = ": " if line[:1] == "\t" and line[1:2] != "\t" else " = "
            key, found, value = line.strip().partition(mark)
            if found:
                fields.setdefault(key, value)
        yield number, fields


async def _changes() -> AsyncGenerator[tuple[str, str], None]:
    """Changes in what the server records for whomever: what happened, the recording's number."""
    process = await _begin("subscribe")
    if process is None:
        return
    assert process.stdout is not None
    try:
        while line := await process.stdout.readline():
            if event := _EVENT.match(line.decode(errors="replace").rstrip()):
                yield event[1], event[2]
    except ValueError:  # a line without an end: it is not what we take it for
        return
    finally:
        await _end(process)


async def _pactl(*words: str) -> str | None:
    """What it says; None where it is missing, fails, or does not answer."""
    process = await _begin(*words)
    if process is None:
        return None
    try:
        async with asyncio.timeout(_ANSWER_S):
            said, _ = await process.communicate()
    except TimeoutError:
        return None
    finally:
        await _end(process)
    return said.decode(errors="replace") if process.returncode == 0 else None


async def _begin(*words: str) -> asyncio.subprocess.Process | None:
    if shutil.which("pactl") is None:
        return None
    # It outlives whoever reads it, unless the kernel is asked to end it.
    bound = ("setpriv", "--pdeathsig", "TERM") if shutil.which("setpriv") else ()
    try:
        return await asyncio.create_subprocess_exec(
            *bound,
            "pactl",
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=_environment(),
            start_new_session=True,
        )
    except OSError:
        return None


def _environment() -> dict[str, str]:
    ours = {k: v for k, v in os.environ.items() if not k.startswith(_SECRETIVE)}
    return {**ours, "LC_ALL": "C.UTF-8", "LANGUAGE": ""}


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_END_S):
                await process.wait()
