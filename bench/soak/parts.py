"""The two parts of the soak, each on a stage of its own.

real: what a person has, in real time. A virtual microphone, `micstream live`, livekit-server, and
livekit-agents' own avatar worker.

accelerated: one long file of speech and pauses through the same resampler, cutter, speaker and room
by `micstream play --cut --pace fast`. An avatar's worker plays no faster than one listens; in its
place is a participant of our own that takes and reports each segment by the same protocol, at once.
What it got is compared byte for byte with what the same cutter makes of the file without a room.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from bench.delay import measure, spoken_places
from bench.inside import open_path
from bench.recording import RATE, Recording, Samples, from_viewer
from bench.senders import OURS, ROOM, Sender, running, stage, tell
from bench.soak.record import Record, Watch
from bench.spoken import Utterance, conversation, laid_out, write_pieces, write_wav
from micstream.demo.avatar import IDENTITY as AVATAR
from micstream.demo.server import find_server, local_server
from micstream.settings import load
from micstream.sources.files import FileSource
from micstream.sources.source import Block
from micstream.speech.events import End, EndReason, Speech
from testbed.rooms import ReceivedStream, wire_avatar
from testbed.waiting import wait_until

IDLE = Sender("idle", "a room alone", (sys.executable, "-m", "bench.peers.idle"))
_WATCHED = (sys.executable, "-m", "bench.soak.watched")
LIVE = Sender("live", OURS.what, (*_WATCHED, *OURS.command[1:]))
_REAL_EVERY_S, _FAST_EVERY_S = 2.0, 0.5
_TELL_EVERY_S = 15.0
_LAST_S = 40.0
_BACKLOG_S = 60
"""More than the longest utterance: it is reported as played once it is whole."""

Segment = tuple[int, str]
"""Bytes, and what they hash to."""


async def real(record: Record) -> None:
    """In real time; what is found is in the record at any moment, also when this is cancelled."""
    async with stage(LIVE) as on, running(IDLE, on.server, os.environ) as idle:
        await idle.until("ready")
        wav = on.microphone.folder / "soak.wav"
        track, script = laid_out(conversation(record.sound_s))
        record.sound_s = track.size / RATE
        write_wav(wav, track)
        async with Watch(record, on.sender, idle, _REAL_EVERY_S) as watch:
            begun = time.monotonic()
            async with _progress(record, watch, lambda: time.monotonic() - begun):
                await on.microphone.speak(wav)

            def all_played() -> bool:
                watch.read()
                counts = record.counts()
                return counts["utterance_started"] == counts["playback_finished"]

            await _if_it_can(all_played)
            record.avatar_alive = on.avatar.alive
            record.exit_code = await on.sender.stop()
        mic, heard = on.ears.recording(), from_viewer(on.heard)
        await asyncio.to_thread(_listen, record, track, script, mic, heard)
        record.whole = True


def _listen(
    record: Record, track: Samples, script: list[Utterance], mic: Recording, heard: Recording
) -> None:
    """How late each sentence was heard; those that the microphone itself stuttered are left out."""
    record.sentences = len(script)
    try:
        places = spoken_places(track, script, mic, since=mic.second_at(record.begun))
    except AssertionError as error:  # it did so all the time: that is not ours
        tell(f"soak {record.part}: {error}")
        return
    for place in places:
        found = measure(place, mic, heard)
        if found.start_ms is None:
            record.missing += 1
        else:
            record.heard.add(found.spoken_at - record.begun, found.start_ms)


async def accelerated(record: Record) -> None:
    """As fast as it can be sent; as `real` otherwise."""
    with tempfile.TemporaryDirectory(prefix="micstream-soak-") as folder:
        wav = Path(folder) / "soak.wav"
        record.sound_s = write_pieces(wav, (said for said, _ in conversation(record.sound_s)))
        tell(f"soak {record.part}: cutting it without a room, to compare with")
        expected = await asyncio.to_thread(cut, wav)
        options = ("--cut", "--pace", "fast", "--max-backlog", str(_BACKLOG_S), "--json")
        play = Sender("play", "micstream play", (*_WATCHED, "play", str(wav), *options))
        async with (
            local_server(await find_server(progress=tell)) as server,
            wire_avatar(server, ROOM, identity=AVATAR, plays=True) as avatar,
            running(IDLE, server, os.environ) as idle,
            running(play, server, os.environ) as child,
        ):
            await idle.until("ready")
            async with Watch(record, child, idle, _FAST_EVERY_S) as watch:

                def spoken_s() -> float:
                    started = record.ours.named("utterance_started")
                    return float(started[-1]["onset_s"]) if started else 0.0

                async with _progress(record, watch, spoken_s):
                    record.exit_code = await child.ended()
            if record.exit_code:
                tell(child.output)
            record.differs = difference(expected, [segment_of(each) for each in avatar.streams])
            record.whole = True


def cut(wav: Path) -> list[Segment]:
    """What each utterance of a file should be on the wire."""
    settings = load()
    source = FileSource(wav)
    path = open_path(source, settings)
    found: list[Segment] = []
    size, hashed = 0, hashlib.sha256()
    steps = (path.push(Block(pcm, 0.0)) for pcm in source.read())
    for event, _ in (timed for step in steps for timed in step):
        match event:
            case Speech(pcm=pcm):
                size += len(pcm)
                hashed.update(pcm)
            case End():
                found.append((size, hashed.hexdigest()))
                size, hashed = 0, hashlib.sha256()
    for event, _ in path.finish(EndReason.SOURCE_ENDED):
        raise AssertionError(f"the sound ends in a pause, and not with {event}")
    return found


def segment_of(stream: ReceivedStream) -> Segment:
    """What was received; nothing of a stream that was not closed."""
    return (len(stream.payload) if stream.closed else 0, _hash(stream.payload))


def _hash(pcm: bytes) -> str:
    return hashlib.sha256(pcm).hexdigest()


def difference(expected: list[Segment], received: list[Segment]) -> str:
    """What is not as it should be, empty where all segments came whole and in order."""
    for number, (one, other) in enumerate(zip(expected, received, strict=False), 1):
        if one != other:
            return f"segment {number} has {other[0]} bytes, and should have {one[0]} others"
    if len(expected) != len(received):
        return f"{len(received)} segments, and not {len(expected)}"
    return ""


async def _if_it_can(condition: Callable[[], bool]) -> None:
    try:
        await wait_until(condition, _LAST_S)
    except AssertionError:
        tell("soak: some of it was not reported as played")


@asynccontextmanager
async def _progress(
    record: Record, watch: Watch, spoken_s: Callable[[], float]
) -> AsyncIterator[None]:
    """Tells how far it is, within the context."""

    async def tell_on() -> None:
        begun = time.monotonic()
        while True:
            await asyncio.sleep(_TELL_EVERY_S)
            watch.read()
            done_s, memory = spoken_s(), record.ours.series["rss"].values
            left_s = (time.monotonic() - begun) * (record.sound_s / max(done_s, 1e-3) - 1)
            tell(
                f"soak {record.part}: {_clock(done_s)} of {_clock(record.sound_s)} of sound, "
                f"{record.counts()['playback_finished']} segments played, "
                f"{memory[-1] if memory else 0:.1f} MiB; {_clock(left_s)} left"
            )

    telling = asyncio.create_task(tell_on())
    try:
        yield
    finally:
        telling.cancel()
        await asyncio.wait([telling])


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(max(0, round(seconds)), 60)
    return f"{minutes}:{seconds:02d}"
