"""The virtual microphone is one: what is spoken into it comes out of PortAudio."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from micstream.demo import process
from testbed.sound import VirtualMicrophone
from testbed.waiting import wait_until

pytestmark = pytest.mark.sound

RECORD = """
import sys, sounddevice, soundfile
with soundfile.SoundFile(sys.argv[2], "w", 48_000, 1) as out:
    with sounddevice.InputStream(48_000, device=sys.argv[1], channels=1, dtype="int16") as stream:
        print("recording", flush=True)
        for _ in range(40):
            out.write(stream.read(4800)[0])
"""


@pytest.mark.parametrize("device", ["pulse", "default"])
async def test_what_is_spoken_is_heard(
    microphone: VirtualMicrophone, tmp_path: Path, device: str
) -> None:
    at = np.arange(48_000) / 48_000
    spoken = tmp_path / "spoken.wav"
    soundfile.write(spoken, np.sin(2 * np.pi * 880 * at) * 0.4, 48_000, subtype="PCM_16")
    heard, log = tmp_path / "heard.wav", tmp_path / "log"
    command = [sys.executable, "-c", RECORD, device, str(heard)]
    recorder = process.start(command, environment=microphone.env, log=log)
    try:
        await microphone.heard_by_someone()
        await microphone.speak(spoken)
        await wait_until(lambda: recorder.poll() is not None, 10, "the recording's end")
    finally:
        await process.end(recorder)
    assert recorder.returncode == 0, process.tail(log)
    sound, rate = soundfile.read(heard)
    loud = sound[np.abs(sound) > 0.01]
    assert loud.size / rate == pytest.approx(1.0, abs=0.1)
    assert np.argmax(np.abs(np.fft.rfft(sound))) * rate / sound.size == pytest.approx(880, abs=5)


async def test_it_can_die_and_come_back(microphone: VirtualMicrophone) -> None:
    await microphone.stop()
    await microphone.start()
