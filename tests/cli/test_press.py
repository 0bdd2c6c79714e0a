"""A press by `micstream ctl`, sent before the whole command line is loaded: what it loads, and that
nobody can tell it from the command as a whole."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from micstream.cli.press import folder, press
from micstream.show import key_file
from micstream.show.key_file import RunningShow, announced
from testbed.program import environment

KEY = "k" * 20
HEAVY = ("typer", "rich", "asyncio", "aiohttp", "http", "pydantic", "dataclasses", "typing")
ANSWER = '{"ok": true, "state": {"muted": true, "gate": "open", "cue": null}}'
REFUSED = '{"ok": false, "code": "no_such_cue", "message": "there is no cue", "hint": "one of: a"}'


@pytest.fixture(autouse=True)
def own_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


class Server:
    """Answers once, with these bytes."""

    def __init__(self, answer: bytes) -> None:
        self.asked = b""
        self._answer = answer
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        line, _ = self._listening.accept()
        with line:
            self.asked = line.recv(65_536)
            line.sendall(self._answer)
        self._listening.close()

    def announced(self, room: str = "show") -> RunningShow:
        return RunningShow(url=self.url, key=KEY, room=room, pid=os.getpid(), since=0.0)


def answering(body: str, status: str = "200 OK") -> Server:
    return Server(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())


@pytest.mark.parametrize("given", [None, "2"])
def test_linear_algebra_has_one_thread_where_nobody_wants_more(given: str | None) -> None:
    """It is loaded after the command line; more threads spin where others must be in time."""
    variables = {k: v for k, v in environment().items() if k != "OPENBLAS_NUM_THREADS"}
    if given is not None:
        variables["OPENBLAS_NUM_THREADS"] = given
    code = (
        "import os, sys, micstream.cli.press as module\n"
        "def told(words):\n"
        "    import numpy as np\n"
        "    np.linalg.eigh(np.eye(300))\n"
        "    print(os.environ['OPENBLAS_NUM_THREADS'], len(os.listdir('/proc/self/task')))\n"
        "    return 0\n"
        "module.press = told\n"
        "from micstream.cli import main\n"
        "main()\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=True
    ).stdout
    if given is None:
        assert said.split() == ["1", "1"]
    else:
        assert said.split()[0] == given


def test_it_is_sent_with_nothing_heavy_loaded(tmp_path: Path) -> None:
    server = answering(ANSWER)
    code = (
        "import sys; from micstream.cli.press import press\n"
        f"assert press({['ctl', 'mute', 'on', '-r', 'show']!r}) == 0\n"
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "assert not loaded, loaded"
    )
    with announced(server.announced()):
        env = environment() | {"XDG_STATE_HOME": str(tmp_path / "state")}
        command = [sys.executable, "-S", "-c", code]  # what site loads is not ours
        env["PYTHONPATH"] = str(Path(__file__).resolve().parents[2])
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "muted\n", "")
    head, _, body = server.asked.decode().partition("\r\n\r\n")
    assert head.startswith("POST /api/mute HTTP/1.1\r\n")
    assert f"Authorization: Bearer {KEY}" in head
    assert "User-Agent: micstream-ctl" in head, "who did it is told by that"
    assert body == '"on"'


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["live"],
        ["ctl"],
        ["ctl", "status"],
        ["ctl", "watch"],
        ["ctl", "--help"],
        ["ctl", "mute", "--json"],
        ["ctl", "--room", "show"],
        ["ctl", "mute", "--room"],
        ["ctl", "mute", "on", "off"],
        ["ctl", "../state"],
        ["ctl", "mute\r\nX: y"],
        ["ctl", ""],
        ["ctl", "mute", "on", "--room", "another"],
    ],
)
def test_what_is_not_plain_is_left_to_the_whole_with_nothing_sent(words: list[str]) -> None:
    server = answering(ANSWER)
    with announced(server.announced()):
        assert press(words) is None
    assert server.asked == b""


def test_so_is_one_of_several_shows_and_one_whose_program_has_gone() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    gone = RunningShow(url="http://127.0.0.1:1", key=KEY, room="gone", pid=ended.pid, since=0.0)
    first, second = answering(ANSWER), answering(ANSWER)
    with announced(gone):
        assert press(["ctl", "mute"]) is None
    with announced(first.announced()):
        (key_file.folder() / "7.json").write_text("{}")
        assert press(["ctl", "mute"]) is None
        (key_file.folder() / "7.json").unlink()
        (key_file.folder() / "other.json").write_text(
            (key_file.folder() / f"{os.getpid()}.json").read_text().replace("show", "other")
        )
        assert press(["ctl", "mute"]) is None, "which of them"
    assert first.asked == second.asked == b""


def test_a_refusal_is_told_as_ever(capsys: pytest.CaptureFixture[str]) -> None:
    server = answering(REFUSED, "409 Conflict")
    with announced(server.announced()):
        assert press(["ctl", "cue", "b"]) == 2
    assert capsys.readouterr().err == "micstream: there is no cue\n  one of: a\n"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n[]",
        b'HTTP/1.1 200 OK\r\n\r\n{"ok": true}',
        b'HTTP/1.1 200 OK\r\n\r\n{"ok": true, "state": {}}',
        b'HTTP/1.1 500 Oh\r\n\r\n{"ok": false}',
        b"\xff\xfe" * 600_000,
    ],
)
def test_an_answer_that_is_none_is_told_and_nothing_is_sent_twice(
    answer: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    server = Server(answer)
    with announced(server.announced()):
        assert press(["ctl", "mute"]) == 5
    said = capsys.readouterr().err
    assert said.startswith("micstream: the show in the room 'show' does not answer\n")
    assert KEY not in said


def test_nobody_there_is_told_too(capsys: pytest.CaptureFixture[str]) -> None:
    nobody = RunningShow(url="http://127.0.0.1:1", key=KEY, room="show", pid=os.getpid(), since=0)
    with announced(nobody):
        assert press(["ctl", "mute"]) == 5
    assert "does not answer" in capsys.readouterr().err


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it is left alone elsewhere")
@pytest.mark.parametrize("state", [None, "", "relative", "/some where"])
def test_it_looks_where_shows_are_announced(
    state: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if state is None:
        monkeypatch.delenv("XDG_STATE_HOME")
    else:
        monkeypatch.setenv("XDG_STATE_HOME", state)
    assert folder() == str(key_file.folder())
