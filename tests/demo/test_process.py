"""Children: what they are started as, and that starting them never hangs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from micstream.demo import process


async def test_it_becomes_what_was_asked_for(tmp_path: Path) -> None:
    log = tmp_path / "log"
    words = [sys.executable, "-c", "import os, sys; print(os.getpid(), *sys.argv[1:])", "a b", "$c"]
    child = process.start(words, environment={"PATH": os.environ["PATH"]}, log=log)
    assert await process.ended(child) == 0
    assert log.read_text() == f"{child.pid} a b $c\n"
    assert log.stat().st_mode & 0o777 == 0o600


async def test_one_that_is_not_there_is_told(tmp_path: Path) -> None:
    for name in ("no-such-program", str(tmp_path / "neither")):
        with pytest.raises(FileNotFoundError, match="No such file"):
            process.start([name], environment=os.environ, log=tmp_path / "log")


async def test_one_that_cannot_be_run_says_so_in_its_log(tmp_path: Path) -> None:
    nonsense = tmp_path / "nonsense"
    nonsense.write_bytes(b"\0\1\2")
    nonsense.chmod(0o755)
    child = process.start([nonsense], environment=os.environ, log=tmp_path / "log")
    assert await process.ended(child) == 1
    assert "nonsense: Exec format error" in process.tail(tmp_path / "log")


HOLDS_A_LOCK = """
import os, sys, threading
from pathlib import Path
from micstream.demo import process
held = threading.Lock()
held.acquire()
os.register_at_fork(after_in_child=held.acquire)
child = process.start([sys.executable, "-c", ""], environment=os.environ, log=Path(sys.argv[1]))
sys.exit(child.wait())
"""


def test_no_copy_of_this_process_waits_for_what_a_thread_holds(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDS_A_LOCK, str(tmp_path / "log")]
    assert subprocess.run(command, check=False, timeout=30).returncode == 0
