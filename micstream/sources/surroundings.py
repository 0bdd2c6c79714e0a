"""Surroundings: what stands between a program and the microphone on each system, as hints.

One seam: `Surroundings` is all that is asked of the system, and the hints are functions of it.

    Linux    the sound server belongs to whoever is logged in, and is found by XDG_RUNTIME_DIR:
             `sudo`, `su`, a system unit of systemd and a bare `ssh` do not have it
    macOS    without the permission a terminal hears exact zeros, and no error is told
    Windows  without it the device cannot be opened, or delivers zeros
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from micstream.errors import AudioDeviceError

_PERMISSION: Final = {
    "darwin": "allow the terminal to use it: System Settings > Privacy & Security > Microphone, "
    "then start the terminal anew",
    "win32": "allow it: Settings > Privacy & security > Microphone, also "
    '"Let desktop apps access your microphone"',
}
_RESTART: Final = {
    "darwin": "start it anew: sudo killall coreaudiod; or plug the device out and in",
    "win32": 'start it anew: the service "Windows Audio"; or plug the device out and in',
}
_RESTART_ELSE: Final = (
    "start it anew: systemctl --user restart pipewire pipewire-pulse wireplumber, or "
    "pulseaudio --kill; or plug the device out and in"
)
_SERVERS: Final = ("PULSE_SERVER", "PIPEWIRE_REMOTE", "JACK_DEFAULT_SERVER")
"""Where one is named, it is found without a runtime folder."""
_UNREACHED: Final = {"no_device", "device_busy", "device_format", "device_lost", "portaudio"}
"""Codes of what is different for whom the system lets through to it."""


@dataclass(frozen=True)
class Surroundings:
    """What a hint may depend on."""

    platform: str
    """As `sys.platform`."""
    environ: Mapping[str, str] = field(default_factory=dict)
    uid: int = 1000
    """The user's number; of no meaning on Windows."""
    runtime_owner: int | None = None
    """Owner of the folder XDG_RUNTIME_DIR; None: there is no such folder."""
    sound_devices: bool | None = None
    """Whether /dev/snd may be used; None: there is none."""

    @classmethod
    def here(cls) -> Surroundings:
        """Of this program."""
        uid = os.getuid() if sys.platform != "win32" else 0
        owner: int | None = None
        with contextlib.suppress(KeyError, OSError, ValueError):
            owner = Path(os.environ["XDG_RUNTIME_DIR"]).stat().st_uid
        usable = None
        if sys.platform == "linux" and Path("/dev/snd").is_dir():
            cards = [*Path("/dev/snd").glob("pcm*c")]  # those that capture
            usable = all(os.access(card, os.R_OK | os.W_OK) for card in cards) if cards else None
        return cls(sys.platform, os.environ, uid, owner, usable)


def permission_hint(around: Surroundings | None = None) -> str:
    """What may forbid the microphone by a switch of the system; empty where there is none."""
    return _PERMISSION.get((around or Surroundings.here()).platform, "")


def restart_hint(around: Surroundings | None = None) -> str:
    """What to do about a sound system that does not answer."""
    around = around or Surroundings.here()
    named = next((name for name in _SERVERS if around.environ.get(name)), None)
    if named is not None and around.platform not in _RESTART:
        return f"{named} is {around.environ[named]}: does the sound server there answer?"
    return _RESTART.get(around.platform, _RESTART_ELSE)


def reach_hint(around: Surroundings | None = None) -> str:
    """Why this program may not reach a microphone that others can; empty where nothing is known."""
    around = around or Surroundings.here()
    if around.platform != "linux":
        return permission_hint(around)
    if any(around.environ.get(name) for name in _SERVERS):
        return ""
    return _without_runtime(around) or _without_group(around)


def advised(error: AudioDeviceError, around: Surroundings | None = None) -> AudioDeviceError:
    """The error, its hint saying also why this program may not reach a microphone."""
    if error.code in _UNREACHED and (more := reach_hint(around)) and more not in error.hint:
        error.hint = f"{error.hint}; {more}" if error.hint else more
    return error


def _without_runtime(around: Surroundings) -> str:
    environ, folder = around.environ, around.environ.get("XDG_RUNTIME_DIR")
    if environ.get("SUDO_USER") and around.uid == 0:
        return "the sound server belongs to the user who is logged in: run it without sudo"
    if folder and around.runtime_owner == around.uid:
        return ""
    if not folder:
        why = "XDG_RUNTIME_DIR is not set, so no sound server is found"
    elif around.runtime_owner is None:
        why = f"XDG_RUNTIME_DIR is {folder}, which is not there, so no sound server is found"
    else:
        why = f"XDG_RUNTIME_DIR is {folder}, another user's, whose sound server takes nobody else"
    if around.runtime_owner is not None and folder:
        return f"{why}: run it as the user who is logged in"
    if environ.get("INVOCATION_ID"):
        return f"{why}: make it a user unit (systemctl --user), and loginctl enable-linger"
    where = "over ssh: " if environ.get("SSH_CONNECTION") else ""
    return f"{why}: {where}export XDG_RUNTIME_DIR=/run/user/$(id -u)"


def _without_group(around: Surroundings) -> str:
    if around.sound_devices is not False:
        return ""
    return "/dev/snd may not be used: sudo usermod -aG audio $USER, then log in anew"
