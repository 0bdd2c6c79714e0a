"""A process with the SDK in it ends with its own exit code."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import asyncio, sys, time

sleep = time.sleep

def told(seconds):
    from livekit.rtc._ffi_client import FfiClient
    print("waits", seconds > 0, "after the SDK has ended:", FfiClient._ffi_disposed, flush=True)
    sleep(seconds)

time.sleep = told
from micstream.room.participant import participant

async def main():
    from livekit.rtc._ffi_client import FfiClient
    participant()
    FfiClient.instance  # as the first request has it
    participant()

asyncio.run(main())
sys.exit(3)
"""


def test_the_end_waits_once_for_threads_of_the_sdk_and_after_its_own_end() -> None:
    command = [sys.executable, "-c", CODE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = "waits True after the SDK has ended: True\n"
    assert (done.returncode, done.stdout, done.stderr) == (3, said, "")
