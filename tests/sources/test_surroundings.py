"""Why this program may not reach a microphone that others can: each system's ways, in words."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream.errors import AudioDeviceError
from micstream.sources.surroundings import (
    Surroundings,
    advised,
    permission_hint,
    reach_hint,
    restart_hint,
)

RUNTIME = {"XDG_RUNTIME_DIR": "/run/user/1000"}


def linux(uid: int = 1000, owner: int | None = None, **environ: str) -> Surroundings:
    return Surroundings("linux", environ, uid, owner)


@pytest.mark.parametrize(
    ("around", "said"),
    [
        (linux(0, None, SUDO_USER="anna"), "run it without sudo"),
        (linux(0, 0, SUDO_USER="anna", XDG_RUNTIME_DIR="/run/user/0"), "run it without sudo"),
        (linux(0, 1000, SUDO_USER="anna", **RUNTIME), "run it without sudo"),
        (linux(1000, None, INVOCATION_ID="ab12"), "make it a user unit"),
        (
            linux(1000, None, SSH_CONNECTION="10.0.0.1 2 10.0.0.2 22"),
            "over ssh: export XDG_RUNTIME_DIR",
        ),
        (linux(1000, None), "XDG_RUNTIME_DIR is not set"),
        (linux(1000, None, **RUNTIME), "/run/user/1000, which is not there"),
        (linux(1001, 1000, **RUNTIME), "another user's"),
        (Surroundings("linux", RUNTIME, 1000, 1000, sound_devices=False), "usermod -aG audio"),
        (Surroundings("darwin"), "Privacy & Security > Microphone"),
        (Surroundings("win32"), "Let desktop apps access your microphone"),
    ],
)
def test_what_stands_in_the_way_is_named(around: Surroundings, said: str) -> None:
    assert said in reach_hint(around)


@pytest.mark.parametrize(
    "around",
    [
        linux(1000, 1000, **RUNTIME),
        linux(0, 0, XDG_RUNTIME_DIR="/run/user/0"),
        # A server that is named is found without a runtime folder: a container, a virtual one.
        linux(0, None, PULSE_SERVER="unix:/run/pulse/native"),
        linux(0, None, PIPEWIRE_REMOTE="pipewire-0"),
        Surroundings("freebsd14"),
    ],
)
def test_where_nothing_stands_in_the_way_nothing_is_said(around: Surroundings) -> None:
    assert reach_hint(around) == ""


def test_a_sound_server_that_is_named_is_the_one_to_look_at() -> None:
    named = linux(1000, 1000, PULSE_SERVER="tcp:10.0.0.7", **RUNTIME)
    assert (
        restart_hint(named) == "PULSE_SERVER is tcp:10.0.0.7: does the sound server there answer?"
    )
    assert "systemctl --user restart" in restart_hint(linux(1000, 1000, **RUNTIME))
    assert "coreaudiod" in restart_hint(Surroundings("darwin"))
    assert "Windows Audio" in restart_hint(Surroundings("win32"))


NAMES = st.sampled_from(
    ["XDG_RUNTIME_DIR", "SUDO_USER", "INVOCATION_ID", "SSH_CONNECTION", "PULSE_SERVER", "HOME"]
)


@given(
    st.sampled_from(["linux", "darwin", "win32", "cygwin"]),
    st.dictionaries(NAMES, st.text()),
    st.integers(0, 2000),
    st.none() | st.integers(0, 2000),
    st.none() | st.booleans(),
)
def test_a_hint_is_one_line_whatever_is_found(
    platform: str,
    environ: dict[str, str],
    uid: int,
    owner: int | None,
    devices: bool | None,
) -> None:
    around = Surroundings(platform, environ, uid, owner, devices)
    for hint in (reach_hint, permission_hint, restart_hint):
        assert hint(around).strip() == hint(around)
    assert restart_hint(around)


def test_an_error_of_a_microphone_that_is_not_reached_says_so_once() -> None:
    around = linux(0, None, SUDO_USER="anna")
    error = AudioDeviceError("no microphone", hint="plug one in", code="no_device")
    assert advised(advised(error, around), around).hint == (
        "plug one in; the sound server belongs to the user who is logged in: run it without sudo"
    )
    assert advised(AudioDeviceError("none", code="no_device"), around).hint.startswith("the sound")
    other = AudioDeviceError("it has no channel 7", hint="0 mixes all", code="no_channel")
    assert advised(other, around).hint == "0 mixes all"


def test_this_system_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    here = Surroundings.here()
    assert here.platform == sys.platform
    if sys.platform != "win32":
        assert here.runtime_owner == here.uid == os.getuid()
    for nothing in (str(tmp_path / "gone"), ""):
        monkeypatch.setenv("XDG_RUNTIME_DIR", nothing)
        assert Surroundings.here().runtime_owner is None or nothing == ""
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert Surroundings.here().runtime_owner is None
