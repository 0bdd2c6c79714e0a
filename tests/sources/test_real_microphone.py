"""A real PortAudio and a real sound server: what no double can tell."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from itertools import pairwise

import pytest

from testbed.sound import VirtualMicrophone

pytestmark = pytest.mark.sound

LOOK_AGAIN = """
import asyncio, json
from contextlib import aclosing
from micstream.sources import portaudio
from micstream.sources.audio_thread import run_in_audio_thread
from micstream.sources.microphone import Microphone

async def ten(blocks):
    return [await anext(blocks) for _ in range(10)]

async def main():
    run, told = run_in_audio_thread, {}
    import sounddevice
    theirs = sounddevice.RawInputStream(device="default", samplerate=16_000, channels=1)
    async with aclosing(Microphone("pulse").blocks()) as blocks:
        await ten(blocks)
        told["under ours"] = await run(portaudio.look_again)
        await ten(blocks)
    told["under theirs"] = await run(portaudio.look_again)
    theirs.close()
    told["under none"] = await run(portaudio.look_again)
    async with aclosing(Microphone("pulse").blocks()) as blocks:
        told["after it"] = len(await ten(blocks))
    print(json.dumps(told))

asyncio.run(main())
"""

BACK = """
import asyncio, json, sys
from contextlib import aclosing
from micstream.sound_path import SoundPath
from micstream.sources import opening
from micstream.sources.source import Block, Lost, Opened
from micstream.speech.events import EndReason
from micstream.speech.whole import Whole
from micstream.taps import Taps

async def main():
    taps = Taps()
    path, opened, count = SoundPath(Whole(), listeners=[taps]), 0, 0
    with taps.tap(capacity_s=60) as tap:
        async with aclosing(opening.live("pulse").items()) as items:
            async for item in items:
                match item:
                    case Opened(source):
                        opened, count = opened + 1, 0
                        path.open(source)
                    case Block():
                        count += 1
                        list(path.push(item))
                        if count == 60 and opened == 1:
                            print("capturing", flush=True)
                        if count == 60 and opened == 2:
                            break
                    case Lost():
                        path.finish(EndReason.DEVICE)
                        print("lost", flush=True)
    sounds = [sound async for sound in tap]
    print(json.dumps([(sound.start, sound.end, sound.at) for sound in sounds]))

asyncio.run(main())
"""


MOVED = """
import asyncio, os
from contextlib import aclosing
from micstream.sources import opening
from micstream.sources.sound_server import SourceWatch, recorded_for

async def main():
    del os.environ["PULSE_SOURCE"]
    told = []
    watch = SourceWatch(lambda event: told.append(event.code + ": " + event.message))
    async with asyncio.timeout(20), aclosing(opening.live(None).items()) as items:
        await anext(items)
        print((await recorded_for(os.getpid())).source.name, flush=True)
        watching = asyncio.create_task(watch.run())
        while len(told) < 1:
            await anext(items)
        print(told[0], flush=True)
        while len(told) < 2:
            await anext(items)  # the stream may well be lost over it, and opened again
        print(told[1], flush=True)
        watching.cancel()

asyncio.run(main())
"""


async def lines_of(script: str, microphone: VirtualMicrophone) -> AsyncGenerator[str, None]:
    """What a program of its own prints, line by line; it must end well."""
    ours = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, env=microphone.env, stdout=asyncio.subprocess.PIPE
    )
    assert ours.stdout is not None
    try:
        async with asyncio.timeout(60):
            async for line in ours.stdout:
                yield line.decode().strip()
            assert await ours.wait() == 0
    finally:
        if ours.returncode is None:
            ours.kill()
            await ours.wait()


async def test_portaudio_is_not_ended_under_a_stream_whoever_opened_it(
    microphone: VirtualMicrophone,
) -> None:
    (line,) = [line async for line in lines_of(LOOK_AGAIN, microphone)]
    assert json.loads(line) == {
        "under ours": False,
        "under theirs": False,
        "under none": True,
        "after it": 10,
    }


async def test_the_timeline_goes_on_when_the_sound_server_has_died_and_come_back(
    microphone: VirtualMicrophone,
) -> None:
    for _ in range(3):  # what a busy machine was in the way of is done again
        said: list[str] = []
        async with aclosing(lines_of(BACK, microphone)) as lines:
            async for line in lines:
                said.append(line)
                if line == "capturing":
                    await microphone.stop()
                elif line == "lost":
                    await microphone.start()
        assert said[:2] == ["capturing", "lost"]
        sounds = json.loads(said[2])
        jumps = [
            (later[0] - earlier[1]) / 16_000
            for earlier, later in pairwise(sounds)
            if later[0] != earlier[1]
        ]
        offsets = [at - start / 16_000 for start, _, at in sounds]
        if len(jumps) == 1 and max(offsets) - min(offsets) < 0.2:
            break
    assert len(jumps) == 1, "one gap, where it was away"
    assert jumps[0] > 1.0
    # The timeline is true to the clock, across the gap too.
    assert max(offsets) - min(offsets) < 0.2


async def test_a_move_by_the_sound_server_is_told(microphone: VirtualMicrophone) -> None:
    other = ("module-null-sink", "sink_name=other", "sink_properties=device.description=other")
    microphone.control("load-module", *other)
    said: list[str] = []
    async with aclosing(lines_of(MOVED, microphone)) as lines:
        async for line in lines:
            said.append(line)
            if len(said) == 2:
                output = microphone.listed("source-outputs").split()[0]
                microphone.control("move-source-output", output, "other.monitor")
    here, there = "'Monitor of Null Output'", "'Monitor of other'"
    monitor = "what this machine plays, no microphone"
    assert said == [
        here.strip("'"),
        f"monitor_source: the sound server gives us {here}: {monitor}",
        f"source_moved: the sound server has moved us from {here} to {there}: {monitor}",
    ]
