"""Echo guard in a closed loop of real parts: server, avatar, sound server, program.

What a stock avatar publishes comes out of loudspeakers (a hall's response, `bench.hall_loop`) and
is mixed back into the microphone into which a performer speaks. `micstream doctor --echo` plays
its sound there first; then `micstream live` is judged by its own events, on the clock of its record
of the microphone. It takes as long as it lasts.
"""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import soundfile

from bench.hall_loop import BLOCK, RATE, Hall, Outcome, Sound, Speakers, judge
from bench.senders import IDENTITY, ROOM, tell
from micstream.demo.avatar import IDENTITY as AVATAR
from micstream.demo.avatar import local_avatar
from micstream.demo.server import LocalServer, find_server, local_server
from micstream.lab.align import locate
from micstream.record.reading import read_record
from micstream.settings import load
from testbed.loudspeakers import loudspeakers
from testbed.program import STEPS, Event, at_microphone, program, run
from testbed.sound import VirtualMicrophone, virtual_microphone

_SETTLED_S: Final = 2.0
"""Loudspeakers run dry as they begin, until they have in hand what they are later by."""
_DOCTOR_S: Final = 120.0
_TAKES: Final = 3
"""So often the doctor is asked, as a person would where it says that it will not do."""
_READY_S: Final = 40.0
_AFTER_S: Final = 4.0
"""For what is still under way, and for what would go on by itself."""
_BEGINS_S: Final = 20.0
"""What is spoken begins in the record within this."""
_HANGOVER_MS: Final = 420


class Response:
    """Loudspeakers and hall, for sound of any length."""

    def __init__(self, hall: Hall) -> None:
        self._speakers = Speakers(hall)
        self._held: Sound = np.zeros(0, np.float32)

    def __call__(self, pcm: npt.NDArray[np.int16]) -> Sound:
        """What comes back of it; up to 16 ms of it with the next."""
        self._held = np.concatenate([self._held, pcm.astype(np.float32)])
        whole = len(self._held) // BLOCK * BLOCK
        blocks = self._held[:whole].reshape(-1, BLOCK)
        self._held = self._held[whole:]
        heard = [self._speakers.play(block) for block in blocks]
        return np.concatenate(heard) if heard else np.zeros(0, np.float32)


@asynccontextmanager
async def _keeping_time() -> AsyncIterator[tuple[str, ...]]:
    """Go before the program that is judged: from here the loudspeakers are fed. Gives the words
    that are to stand before its command: it keeps time as anything else does.
    """
    before = os.getpriority(os.PRIO_PROCESS, 0)
    try:
        os.setpriority(os.PRIO_PROCESS, 0, before - STEPS)
    except PermissionError:
        yield ()
        return
    try:
        yield ("nice", "-n", f"{STEPS}")
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, before)


@dataclass(slots=True)
class Evening:
    """What became of it, and whether it can be judged."""

    outcome: Outcome
    doctor: str
    """What the doctor found."""
    torn_ms: float | None
    """By how much the microphone itself lost sound between the first word and the last; None: that
    is drowned in what comes back."""
    ran_dry: int
    """How often the loudspeakers had nothing to play: later from then on, as no hall's are."""


async def perform(
    hall: Hall, said: Sound, spans: Sequence[tuple[int, int]], *, guarded: bool
) -> Evening:
    """Have it said in this hall, with or without the guard."""
    binary = await find_server(progress=tell)
    with tempfile.TemporaryDirectory(prefix="micstream-hall-") as made:
        folder = Path(made)
        async with (
            local_server(binary) as server,
            virtual_microphone() as microphone,
            local_avatar(server.url, server.api_key, server.api_secret, ROOM, IDENTITY, AVATAR),
            _keeping_time() as as_others,
            loudspeakers(
                server,
                ROOM,
                microphone,
                AVATAR,
                later_s=hall.delay_ms / 1000,
                through=Response(hall),
            ) as speakers,
        ):
            await asyncio.sleep(_SETTLED_S)
            before = speakers.ran_dry
            stage = _Stage(server, microphone, folder, as_others, guarded=guarded)
            doctor = await stage.doctor() if guarded else ""
            events = await stage.live(said)
            ran_dry = speakers.ran_dry - before
        outcome, torn_ms = await asyncio.to_thread(_judged, folder / "record", events, said, spans)
        return Evening(outcome, doctor, torn_ms, ran_dry)


class _Stage:
    """Before the loudspeakers: the programs that are judged. `as_others`: see `_keeping_time`."""

    def __init__(
        self,
        server: LocalServer,
        microphone: VirtualMicrophone,
        folder: Path,
        as_others: Sequence[str],
        *,
        guarded: bool,
    ) -> None:
        self._microphone = microphone
        self._folder = folder
        self._around = at_microphone(microphone.env, server, folder)
        self._as_others = as_others
        guard = ("--echo-guard", "auto") if guarded else ()
        where = ("--device", microphone.DEVICE, "--room", ROOM, "--avatar", AVATAR)
        self._options = (*where, "--json", *guard)

    async def doctor(self) -> str:
        """What it finds of the echo; asked again where it says that the guard will not do."""
        found = ""
        for take in range(_TAKES):
            _, asked = await run(
                self._folder / f"doctor-{take}",
                *("doctor", "--echo", *self._options),
                env=self._around,
                timeout=_DOCTOR_S,
                prefix=self._as_others,
            )
            found = "; ".join(line for line in asked.stdout.splitlines() if '"echo"' in line)
            if "that will do" in found:
                break
        return found

    async def live(self, said: Sound) -> list[Event]:
        """What the program tells while this is said, and recorded."""
        wav = self._folder / "said.wav"
        await asyncio.to_thread(soundfile.write, wav, said.astype(np.int16), RATE)
        started = program(
            self._folder / "live",
            *("live", *self._options, "--record", str(self._folder / "record")),
            env=self._around,
            prefix=self._as_others,
        )
        async with started as ours:
            await ours.until("ready", _READY_S)
            await asyncio.sleep(1.0)
            await self._microphone.speak(wav)
            await asyncio.sleep(_AFTER_S)
            ours.send(signal.SIGTERM)
            await ours.ended()
            return ours.events


def _judged(
    record: Path,
    events: Sequence[Event],
    said: Sound,
    spans: Sequence[tuple[int, int]],
) -> tuple[Outcome, float | None]:
    """What became of it, and what the microphone tore."""
    kept = read_record(next(record.iterdir()))
    captured = b"".join(kept.pcm(piece) for piece in kept.pieces if piece.kind == "microphone")
    heard = np.frombuffer(captured, np.int16)
    first = _shift(said, heard, spans[0], 0.0, _BEGINS_S)
    assert first is not None, "what was said is not in the record of the microphone"
    around_s = first / RATE
    last = _shift(said, heard, spans[-1], around_s - 1.0, around_s + 1.0)
    moved = [(begin + first, end + first) for begin, end in spans]
    margin_s = load(_env_file=None).tuning.margin_ms / 1000
    ended = {each["id"]: each for each in events if each["event"] == "utterance_ended"}
    utterances = [
        (
            round(each["onset_s"] * RATE),
            round((each["onset_s"] - margin_s + ended[each["id"]]["duration_s"]) * RATE),
        )
        for each in events
        if each["event"] == "utterance_started"
    ]
    outcome = judge(utterances, moved, hangover_ms=_HANGOVER_MS)
    torn_ms = None if last is None else abs(last - first) / RATE * 1000
    return outcome, torn_ms


def _shift(
    said: Sound,
    heard: npt.NDArray[np.int16],
    span: tuple[int, int],
    least_s: float,
    most_s: float,
) -> int | None:
    """By how many samples what was said is later in what was heard; None: it is not found."""
    at_s = span[0] / RATE
    found = locate(
        said[span[0] : span[1]].astype(np.int16), heard, max(0.0, at_s + least_s), at_s + most_s
    )
    return None if found is None else round((found[0] - at_s) * RATE)
