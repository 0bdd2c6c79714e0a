"""Standard output and standard error that are closed, full, slow, or read by nobody."""

from __future__ import annotations

import errno
import io
import json
import os
import select
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from micstream.cli.streams import Guarded, OutputError, Streams
from micstream.cli.unhurried import UnhurriedRaw
from testbed.program import environment, started_with
from testbed.speech import HELLO
from tests.cli.test_cli_stalled import full_pipe

KEYS = {"LIVEKIT_API_KEY": "key", "LIVEKIT_API_SECRET": "s" * 40, "LIVEKIT_URL": "ws://localhost"}
TOKEN = ("token",)
ONE_DEVICE = """
import sounddevice
sounddevice.query_hostapis = lambda index=None: ({"name": "A\\n\\x1b[2J:warning:"},)
sounddevice.query_devices = lambda *_: sounddevice.DeviceList([{
    "index": 0, "name": "J\\xfcrgen \\N{MICROPHONE}\\udcff\\n* 1 other", "hostapi": 0,
    "max_input_channels": 1, "default_samplerate": 48000.0,
}])
sounddevice.check_input_settings = lambda *_, **__: None
type(sounddevice.default).device = (0, 0)
"""


def shell(
    words: str, *command: str | Path, env: dict[str, str], timeout: float = 30
) -> subprocess.CompletedProcess[bytes]:
    """The command with what the shell makes of `words`, such as `>&-`."""
    line = f'exec "$@" {words}'
    ours = (sys.executable, "-m", "micstream", *map(str, command))
    return subprocess.run(
        ["sh", "-c", line, "sh", *ours], env=env, capture_output=True, timeout=timeout, check=False
    )


CLOSED, FULL = (">&-", "it is closed"), ("> /dev/full", "no space left on device")


@pytest.mark.parametrize(
    ("command", "where", "unbuffered"),
    [
        (TOKEN, CLOSED, ""),
        (TOKEN, FULL, ""),
        (("token", "--json"), FULL, "1"),
        (("cut", HELLO, "--json"), FULL, ""),
        (("cut", HELLO), FULL, "1"),
        (("cut", HELLO), CLOSED, ""),
        (("--help",), FULL, ""),
        (("--version",), CLOSED, ""),
    ],
    ids=str,
)
def test_data_that_cannot_be_written_is_exit_1(
    command: tuple[str, ...], where: tuple[str, str], unbuffered: str
) -> None:
    words, why = where
    env = environment(None, **KEYS, PYTHONUNBUFFERED=unbuffered)
    done = shell(words, *command, env=env)
    assert (done.returncode, done.stdout) == (1, b"")
    said = done.stderr.decode().splitlines()
    assert said[0] == f"micstream: standard output cannot be written: {why}"
    assert len(said) == 2


@pytest.mark.parametrize("words", ["2>&-", "2> /dev/full", "2>&- <&-"])
def test_without_standard_error_all_is_as_with_it(words: str) -> None:
    env = environment(None, **KEYS)
    assert shell(words, *TOKEN, env=env).stdout.startswith(b"eyJ")
    wrong = shell(words, "cut", "nothing.wav", "--json", env=env)
    assert wrong.returncode == 3
    assert json.loads(wrong.stdout)["event"] == "error"
    assert shell(words, "token", "--nonsense", env=env).returncode == 2


@pytest.mark.parametrize("words", [">&- 2>&- <&-", "> /dev/full 2> /dev/full"])
def test_nowhere_to_say_anything_is_its_code_all_the_same(words: str) -> None:
    env = environment(None, **KEYS)
    assert shell(words, *TOKEN, env=env).returncode == 1
    assert shell(words, "cut", "nothing.wav", "--json", env=env).returncode == 3


@pytest.mark.parametrize("encoding", ["ascii", "utf-16", "cp1252:strict"])
def test_json_is_in_utf_8_whatever_standard_output_is_set_to(tmp_path: Path, encoding: str) -> None:
    env = started_with(ONE_DEVICE, tmp_path, environment(None, PYTHONIOENCODING=encoding))
    done = shell("", "devices", "--json", env=env)
    assert done.returncode == 0, done
    line = done.stdout.decode("utf-8")
    assert json.loads(line)["name"] == "J\xfcrgen \N{MICROPHONE}\\xff\n* 1 other"
    assert len(line.splitlines()) == 1
    plain = shell("", "devices", "--plain", env=env)
    assert plain.returncode == 0, plain
    rows = plain.stdout.decode(encoding.partition(":")[0]).splitlines()
    assert len(rows) == 3, "heading, device, legend"
    assert "A\\n\\x1b[2J:warning:" in rows[1]


def test_a_reader_that_is_slow_gets_all_of_it() -> None:
    with full_pipe() as (read, write):
        ours = [sys.executable, "-m", "micstream", *TOKEN]
        running = subprocess.Popen(ours, env=environment(None, **KEYS), stdout=write)
        time.sleep(2.5)  # longer than it starts, and than last words are waited for
        assert running.poll() is None
        got = bytearray()
        while not got.strip().startswith(b"eyJ"):
            part = os.read(read, 65_536)
            assert part, got
            got += part
        assert running.wait(10) == 0


def test_a_reader_that_is_gone_is_exit_1_without_a_word() -> None:
    read, write = os.pipe()
    os.close(read)
    ours = [sys.executable, "-m", "micstream", *TOKEN]
    env = environment(None, **KEYS)
    done = subprocess.run(
        ours, env=env, stdout=write, stderr=subprocess.PIPE, timeout=20, check=False
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (1, b"")


class Failing(io.RawIOBase):
    """A raw stream that cannot be written."""

    def __init__(self, number: int) -> None:
        self._number = number

    def fileno(self) -> int:
        return 2

    def write(self, _: object) -> int:
        raise OSError(self._number, os.strerror(self._number))


def test_on_windows_a_reader_that_is_gone_is_told_as_an_invalid_value() -> None:
    for windows, expected in ((True, errno.EPIPE), (False, errno.EINVAL)):
        stream = Guarded(Failing(errno.EINVAL), windows=windows)
        with pytest.raises(OutputError) as raised:
            stream.write(b"x")
        assert raised.value.errno == expected


@pytest.mark.parametrize(
    "number", [errno.EPIPE, errno.EIO, errno.ENOSPC, errno.EBADF, errno.EINVAL]
)
def test_what_standard_error_cannot_take_is_lost_and_ends_nothing(number: int) -> None:
    out = io.TextIOWrapper(io.BufferedWriter(UnhurriedRaw(Failing(number))), line_buffering=True)
    out.write("one\n" * 10_000)
    out.flush()


@pytest.mark.parametrize("blocking", [True, False])
def test_standard_error_that_is_not_read_holds_up_nobody(blocking: bool) -> None:
    with full_pipe() as (read, write):
        os.set_blocking(write, blocking)
        raw = UnhurriedRaw(io.FileIO(write, "w", closefd=False))
        out = io.TextIOWrapper(io.BufferedWriter(raw), line_buffering=True)
        begun = time.monotonic()
        for number in range(20_000):
            out.write(f"{number}\n")
        assert time.monotonic() - begun < 20, "nobody reads: who waits does so for ever"
        assert not raw.wait_written(0.01)
        got = bytearray()
        while not raw.wait_written(0.01):
            if select.select([read], [], [], 0.01)[0]:  # all may be read, and not yet ticked off
                got += os.read(read, 65_536)
        out.write("last\n")
        while not got.endswith(b"last\n"):
            got += os.read(read, 65_536)
        lines = got.decode().strip().split("\n")
        assert lines == [*(f"{number}" for number in range(len(lines) - 1)), "last"], "no torn line"
        assert len(lines) > 10_000
        out.detach().detach()


def test_a_stream_that_another_program_made_non_blocking_is_waited_for() -> None:
    read, write = os.pipe()
    os.set_blocking(write, False)
    out = io.BufferedWriter(Guarded(io.FileIO(write, "w", closefd=False)))
    data = os.urandom(300_000)
    got = bytearray()

    def take() -> None:
        while part := os.read(read, 65_536):
            got.extend(part)

    reading = threading.Thread(target=take, daemon=True)
    reading.start()
    out.write(data)
    out.close()
    os.close(write)
    reading.join(5)
    os.close(read)
    assert bytes(got) == data


def test_libraries_are_led_away_from_our_own_descriptor_alone() -> None:
    """A program of others, in which nobody has prepared the streams, keeps its standard error."""
    before = os.fstat(2)
    Streams().lead_libraries_away()
    assert os.path.samestat(before, os.fstat(2))


@pytest.mark.parametrize("columns", ["0", "1", "10", "", None])
def test_no_width_of_a_terminal_makes_data_vanish(tmp_path: Path, columns: str | None) -> None:
    env = started_with(ONE_DEVICE, tmp_path, environment(None))
    del env["COLUMNS"]
    if columns is not None:
        env["COLUMNS"] = columns
    done = shell("", "devices", "--plain", env=env)
    assert done.returncode == 0, done
    whole = "".join(done.stdout.decode().split())
    assert "J\xfcrgen\N{MICROPHONE}\\xff" in whole
    assert "48000" in whole
    if not columns:
        assert "J\xfcrgen\N{MICROPHONE}\\xff\\n*1other" in whole
        assert done.stdout.count(b"\n") == 3, "a row is a line to a program"


NOISY = (
    ONE_DEVICE
    + """
import os
_query = sounddevice.query_devices

def query(*given):
    os.write(2, b"ALSA lib pcm.c:2664:(snd_pcm_open_noupdate) Unknown PCM cards.pcm.rear\\n")
    return _query(*given)

def stream(**_):
    os.write(2, b"jack server is not running or cannot be started\\n")
    os.write(2, b"Expression 'ret' failed in 'pa_linux_alsa.c', line: 1736\\n")
    raise sounddevice.PortAudioError("Device unavailable", -9985)

sounddevice.query_devices, sounddevice.RawInputStream = query, stream
"""
)


@pytest.mark.parametrize("command", [("devices",), ("calibrate", "--dry-run"), ("doctor",)])
def test_what_alsa_and_jack_print_is_not_over_our_picture(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    env = started_with(NOISY, tmp_path, environment(None))
    done = shell("", *command, env=env)
    assert done.returncode == {"devices": 0, "calibrate": 4, "doctor": 4}[command[0]], done
    said = done.stderr.decode()
    for word in ("ALSA lib", "jack server", "Expression"):
        assert word not in said
    if command[0] == "calibrate":
        assert said.startswith("micstream: "), "our own words are there"


def test_verbose_shows_what_they_print(tmp_path: Path) -> None:
    env = started_with(NOISY, tmp_path, environment(None))
    done = shell("", "calibrate", "--dry-run", "--verbose", env=env)
    assert done.returncode == 4
    assert b"ALSA lib" in done.stderr
    assert b"jack server" in done.stderr
