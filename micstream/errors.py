"""What can go wrong, and whose turn it is to act.

    MicstreamError            1  failed otherwise
    ├── UsageError            2  an option or a setting cannot be used
    ├── InputError            3  an input file or standard input cannot be used
    ├── AudioDeviceError      4  no PortAudio, no such device, or a device that delivers nothing
    ├── ConnectionFailed      5  server, network or token
    └── AvatarUnavailable     6  no avatar that listens, in time

The number is the exit code of the command line. Every error says what is wrong, and its `hint`
says what to do about it. No error ever carries a secret.
"""

from __future__ import annotations

from typing import ClassVar


def reason_of(error: Exception) -> str:
    """The reason of an error in the system's words, in lower case: `no such file or directory`."""
    return (getattr(error, "strerror", None) or str(error) or "no reason given").lower()


class MicstreamError(Exception):
    """The root: `message` says what is wrong and what was expected, `hint` what to do."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "", code: str = "failed") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code
        self.told = False
        """Whether it has been reported as an event already."""
        self.said = False
        """Whether people have been told in words already."""


class UsageError(MicstreamError):
    """An option, an environment variable or a settings file holds what cannot be used."""

    exit_code = 2


class InputError(MicstreamError):
    """A file or standard input is missing, empty, truncated or not sound."""

    exit_code = 3


class AudioDeviceError(MicstreamError):
    """PortAudio is missing, or the device is missing, busy or silent."""

    exit_code = 4


class ConnectionFailed(MicstreamError):
    """The server was not reached, did not accept the token, or put us out."""

    exit_code = 5


class AvatarUnavailable(MicstreamError):
    """No avatar joined, or none listened, within the time given."""

    exit_code = 6
