"""What the demo's avatar costs: its picture alone, and its whole worker while it speaks.

Drawing: CPU of this process for each frame of a spoken course, 1280 by 720, once every part has
been drawn; median and 95th percentile, for each character. Start: CPU until a face can be drawn.

Worker: user and system time of the process while it speaks a monologue to a viewer who decodes its
picture, as a share of one core, with the frames a second that the viewer gets and their height:
where the machine is short of time, both get smaller. Its peers, in turns in the same run: the same
worker sending one still picture at the same rate (so what remains is the encoder, the SDK and
livekit-agents), and the same worker encoding three sizes, as the stock runner does by itself. And
once more the first, with a viewer who only listens.
"""

from __future__ import annotations

import asyncio
import datetime
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import psutil
from livekit import rtc

from bench.inside import mint_avatar
from bench.report import Figures, dump, parser, show
from bench.senders import tell
from bench.spoken import bundled_speech
from micstream.demo import process
from micstream.demo.face import CHARACTERS, Face
from micstream.demo.lips import PIECE_S, Lips
from micstream.demo.motion import Mood, Performer
from micstream.demo.server import LocalServer, find_server, local_server
from micstream.viewer.recording import PictureRecording
from testbed.rooms import CLEAR_BUFFER, FINISHED, STARTED, TOPIC, joined, viewing
from testbed.waiting import wait_until

ROUNDS, QUICK_ROUNDS = 3, 1
WINDOW_S, QUICK_WINDOW_S = 20.0, 8.0
FPS, RATE = 25, 16_000
_AVATAR, _SENDER, _ROOM = "avatar-demo", "external-audio-sender", "bench"
_SETTLED_S = 2.0
_UNWATCHED_S = 12.0
"""Until the server has told the encoder that nobody watches; the face rests before that."""
_SOURCES = Path(__file__).resolve().parents[1]
_WORKERS = {
    "face": ("the demo's avatar", ("micstream.demo.avatar",)),
    "still": ("a still picture", ("bench.peers.picture", "still")),
    "sizes": ("three sizes", ("bench.peers.picture", "sizes")),
    "unwatched": ("nobody watches", ("micstream.demo.avatar",)),
}


def drawing(seconds: float) -> Figures:
    """CPU milliseconds of each frame while each character speaks."""
    sound = (bundled_speech("monologue.flac")[: int(seconds * RATE)] * 32767).astype(np.int16)
    lips, piece = Lips(RATE), round(RATE * PIECE_S)
    shapes = [lips.hear(sound[at : at + piece]) for at in range(0, sound.size, piece)][::2]
    spent: list[float] = []
    starts: list[float] = []
    for number, who in enumerate(CHARACTERS):
        begun = time.process_time()
        face = Face(who)
        starts.append(time.process_time() - begun)
        performer = Performer(str(number))
        for index, shape in enumerate(shapes):
            begun = time.thread_time()
            face.draw(performer.at(index / FPS, shape, Mood.SPEAKING))
            spent.append(1000 * (time.thread_time() - begun))
    return {
        "frame_ms": statistics.median(spent),
        "frame_p95_ms": float(np.percentile(spent, 95)),
        "frame_mean_ms": statistics.fmean(spent),
        "start_s": statistics.median(starts),
    }


@asynccontextmanager
async def _worker(server: LocalServer, module: Sequence[str]) -> AsyncIterator[int]:
    """A worker in the room; yields the number of its process."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MICSTREAM_", "LIVEKIT_"))}
    environment = {
        **clean,
        "LIVEKIT_URL": server.url,
        "LIVEKIT_TOKEN": mint_avatar(
            api_key=server.api_key,
            api_secret=server.api_secret,
            room=_ROOM,
            identity=_AVATAR,
            sender=_SENDER,
            ttl=datetime.timedelta(hours=1),
        ),
        "MICSTREAM_SENDER": _SENDER,
        "PYTHONPATH": str(_SOURCES),
        "PYTHONUNBUFFERED": "1",
    }
    with tempfile.TemporaryDirectory(prefix="micstream-bench-") as folder:
        log = Path(folder) / "worker.log"
        child = process.start([sys.executable, "-m", *module], environment=environment, log=log)
        try:
            await wait_until(lambda: _up(child, log), 40, "the worker")
            assert child.poll() is None, process.tail(log)
            try:
                yield child.pid
            finally:
                if child.poll() is not None:
                    tell(f"the worker ended: {process.tail(log)}")
        finally:
            await process.end(child)


def _up(child: subprocess.Popen[bytes], log: Path) -> bool:
    return child.poll() is not None or "ready" in process.tail(log).splitlines()


async def speaking(
    server: LocalServer, module: Sequence[str], window_s: float, *, watched: bool
) -> Figures:
    """A worker's CPU while it speaks."""
    settled_s = _SETTLED_S if watched else _UNWATCHED_S
    speech = bundled_speech("monologue.flac")[: int((window_s + settled_s + 10) * RATE)]
    started = asyncio.Event()

    async def answer(call: rtc.RpcInvocationData) -> str:
        if call.method == STARTED:
            started.set()
        return "ok"

    async with (
        viewing(server, _ROOM) as viewer,
        joined(server, _ROOM, _SENDER, kind="agent") as sender,
    ):
        viewer.subscribe(_AVATAR, sound=True)  # or nothing is played
        picture = viewer.record_picture(_AVATAR) if watched else PictureRecording()
        for method in (STARTED, FINISHED):
            sender.local_participant.register_rpc_method(method, answer)
        async with _worker(server, module) as pid:
            await _ready(sender)
            if watched:
                async with asyncio.timeout(20):
                    await picture.until_frames(1)
            writer = await sender.local_participant.stream_bytes(
                "AUDIO_00000000",
                topic=TOPIC,
                destination_identities=[_AVATAR],
                attributes={"sample_rate": str(RATE), "num_channels": "1"},
            )
            await writer.write((speech * 32767).astype("<i2").tobytes())
            await writer.aclose()
            await asyncio.wait_for(started.wait(), 10)
            await asyncio.sleep(settled_s)
            running = psutil.Process(pid)
            before, begun, frames = running.cpu_times(), time.monotonic(), picture.frames
            await asyncio.sleep(window_s)
            after, ended = running.cpu_times(), time.monotonic()
            spent = (after.user - before.user) + (after.system - before.system)
            return {
                "cpu_percent": 100 * spent / (ended - begun),
                "fps": (picture.frames - frames) / (ended - begun),
                "height": picture.size[1],
                "rss_mib": running.memory_info().rss / 2**20,
            }


async def _ready(sender: rtc.Room) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                await sender.local_participant.perform_rpc(
                    destination_identity=_AVATAR, method=CLEAR_BUFFER, payload=""
                )
                return
            except rtc.RpcError:
                await asyncio.sleep(0.1)


async def bench(rounds: int, window_s: float) -> Figures:
    """All of it; each figure the median of its rounds."""
    tell("face: drawing")
    figures: Figures = {"window_s": window_s, "drawing": drawing(window_s), "workers": {}}
    runs: dict[str, list[Figures]] = {name: [] for name in _WORKERS}
    binary = await find_server(progress=tell)
    for number in range(rounds):
        for name, (what, module) in _WORKERS.items():
            tell(f"face: round {number + 1} of {rounds}, {what}")
            async with local_server(binary) as server:
                done = speaking(server, module, window_s, watched=name != "unwatched")
                runs[name].append(await done)
    for name, each in runs.items():
        figures["workers"][name] = {
            key: statistics.median(run[key] for run in each) for key in each[0]
        }
    return figures | {"runs": runs}


def _print(figures: Figures) -> None:
    drawn = figures["drawing"]
    show(
        "The picture alone",
        ("1280 by 720", "CPU"),
        [
            ("a frame, median, ms", f"{drawn['frame_ms']:.2f}"),
            ("a frame, 95th percentile, ms", f"{drawn['frame_p95_ms']:.2f}"),
            ("25 frames a second, % of a core", f"{drawn['frame_mean_ms'] * FPS / 10:.1f}"),
            ("until the first, s", f"{drawn['start_s']:.2f}"),
        ],
    )
    each = [figures["workers"][name] for name in _WORKERS]
    rows = [
        ("CPU, % of a core", *(f"{one['cpu_percent']:.1f}" for one in each)),
        ("frames a second at the viewer", *(f"{one['fps']:.1f}" for one in each)),
        ("its height there, pixels", *(f"{one['height']:.0f}" for one in each)),
        ("memory, MiB", *(f"{one['rss_mib']:.0f}" for one in each)),
    ]
    show("The worker", ("speaking", *(what for what, _ in _WORKERS.values())), rows)


def main(arguments: Sequence[str] | None = None) -> None:
    given = parser("bench.face", __doc__).parse_args(arguments)
    full, quick = (ROUNDS, WINDOW_S), (QUICK_ROUNDS, QUICK_WINDOW_S)
    figures = asyncio.run(bench(*(quick if given.quick else full)))
    if given.json:
        dump("face", figures)
    else:
        _print(figures)


if __name__ == "__main__":
    main(sys.argv[1:])
