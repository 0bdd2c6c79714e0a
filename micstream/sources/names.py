"""Microphones by their names: which device is meant, and which is the same one when it is back.

Pure. Normal forms of names are in `audio/device_name.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from micstream.audio.device_name import is_cut, is_same, normal, plain
from micstream.errors import AudioDeviceError

_MME: Final = "MME"
_WDM_KS: Final = "Windows WDM-KS"
_WINDOWS: Final = ("Windows WASAPI", "Windows DirectSound", _MME, _WDM_KS)
"""The best first: whole names and the least delay; names of its own, and the device for itself."""
_LISTED: Final = 8
"""Names in a message."""
_SHOWN: Final = 80
"""Characters of each."""


@dataclass(frozen=True, slots=True)
class InputDevice:
    """A device that sound can be captured from."""

    index: int
    name: str
    host_api: str
    channels: int
    default_rate: int
    is_default: bool

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def find(devices: Sequence[InputDevice], wanted: str | None) -> InputDevice:
    """The device of this name, part of a name or index; the default one for None.

    Raises:
        AudioDeviceError: none, or several of which none is meant more than another.
    """
    wanted = wanted.strip() if wanted is not None else None
    if not wanted:
        chosen = [device for device in devices if device.is_default] or list(devices[:1])
        return _only(chosen, "the default", devices)
    for device in devices:
        if _is_index_of(device, wanted):
            return device
    for chosen in _meant(devices, wanted):
        if chosen:
            return _only(chosen, f"'{_shown(wanted)}'", devices)
    raise _absent(wanted, devices)


def preferred(device: InputDevice, devices: Iterable[InputDevice]) -> InputDevice:
    """The same device by the best host API of Windows that has it."""
    if device.host_api not in _WINDOWS:
        return device
    for api in _WINDOWS[: _WINDOWS.index(device.host_api)]:
        same = [each for each in devices if each.host_api == api and _is_listed_as(each, device)]
        if len(same) == 1:
            return same[0]
    return device


class Sought:
    """A microphone that is looked for: as it was asked for, then the same one whenever it is lost.

    Another one is never taken unasked. Where two of one name were there, it is taken again only
    where it is certain which of them it is.
    """

    def __init__(self, wanted: str | None) -> None:
        self._wanted = wanted
        self._found: InputDevice | None = None
        self._known: tuple[InputDevice, ...] = ()
        self._twins: tuple[str, ...] = ()
        self._twins_stayed = True

    def find(self, devices: Sequence[InputDevice], *, again: bool = False) -> InputDevice:
        """Find it among the devices that there are; `again`: the one that was found first.

        Raises:
            AudioDeviceError: it is not there, or it cannot be told which one it is.
        """
        if not again or self._found is None:
            found = find(devices, self._wanted)
            self._found, self._known = found, tuple(devices)
            self._twins = tuple(each.name for each in devices if self._is_twin(each, found))
            self._twins_stayed = True
            return found
        return self._find_again(devices, self._found)

    def _find_again(self, devices: Sequence[InputDevice], lost: InputDevice) -> InputDevice:
        of_its_name = [each for each in devices if _is_named_as(each, lost)]
        names = [each.name for each in of_its_name]
        absent = [name for name in set(self._twins) if names.count(name) < self._twins.count(name)]
        self._twins_stayed = self._twins_stayed and not absent
        new = [each for each in of_its_name if each.name not in self._twins]
        if not self._twins or (self._twins_stayed and lost.name not in self._twins):
            if len(new) == 1:
                return new[0]
            if new:
                raise _ambiguous(f"'{_shown(lost.name)}'", new)
        elif len(of_its_name) > len(self._twins):
            # All are back, after some were away: by their names, where these tell them apart.
            as_before = sorted(names) == sorted([lost.name, *self._twins])
            if as_before and lost.name not in self._twins:
                return next(each for each in of_its_name if each.name == lost.name)
            raise _twins(lost.name, of_its_name)
        elif new:
            raise _twins(lost.name, of_its_name)
        fitting = self._as_asked(devices)
        if fitting is None:
            raise _away(lost.name, devices, of_its_name)
        return fitting

    def _as_asked(self, devices: Sequence[InputDevice]) -> InputDevice | None:
        """Another device that fits what was asked for, and was not there at the beginning."""
        wanted = (self._wanted or "").strip()
        if not wanted or (self._found is not None and _is_index_of(self._found, wanted)):
            return None
        came = [
            device
            for device in devices
            if not any(_is_named_as(device, known) for known in self._known)
        ]
        for chosen in _meant(came, wanted):
            if chosen:
                return chosen[0] if len(chosen) == 1 else None
        return None

    @staticmethod
    def _is_twin(device: InputDevice, found: InputDevice) -> bool:
        return device is not found and _is_named_as(device, found)


def _meant(devices: Sequence[InputDevice], wanted: str) -> Iterable[list[InputDevice]]:
    """Devices that may be meant, in the order of what goes before: each without its doubles."""
    exact = [device for device in devices if device.name == wanted]
    yield [each for each in devices if f"{each.name}, {each.host_api}" == wanted]
    yield _without_doubles(exact, devices)
    yield _without_doubles([each for each in devices if is_same(each.name, wanted)], devices)
    part = plain(wanted)
    yield _without_doubles([each for each in devices if part in plain(each.name)], devices)


def _without_doubles(
    chosen: list[InputDevice], devices: Sequence[InputDevice]
) -> list[InputDevice]:
    """Each device once, by the best of the host APIs that list it."""
    best = list(dict.fromkeys(preferred(device, devices) for device in chosen))
    if any(device.host_api in _WINDOWS[:-1] for device in best):
        best = [device for device in best if device.host_api != _WDM_KS]
    # A name that another system's host APIs share is one device; twins are in one of them.
    firsts: dict[str, str] = {}
    return [each for each in best if firsts.setdefault(each.name, each.host_api) == each.host_api]


def _only(chosen: list[InputDevice], wanted: str, devices: Sequence[InputDevice]) -> InputDevice:
    if not chosen:
        raise _absent(wanted, devices)
    if len(chosen) > 1:
        raise _ambiguous(wanted, chosen)
    return chosen[0]


def _is_index_of(device: InputDevice, wanted: str) -> bool:
    # Not by int(): it takes other scripts' digits, and refuses thousands of them by an error.
    return wanted.isascii() and wanted.isdecimal() and wanted.lstrip("0") == str(device.index or "")


def _is_named_as(device: InputDevice, other: InputDevice) -> bool:
    return device.host_api == other.host_api and plain(normal(device.name)) == plain(
        normal(other.name)
    )


def _is_listed_as(device: InputDevice, other: InputDevice) -> bool:
    """Whether two host APIs of one machine list the same device."""
    if other.host_api == _MME and is_cut(other.name):
        return device.name.startswith(other.name)
    return device.name == other.name


def _shown(name: str) -> str:
    """A name in a message: without what commands a terminal, and not endless."""
    safe = "".join(each if each.isprintable() else repr(each)[1:-1] for each in name)
    return safe if len(safe) <= _SHOWN else f"{safe[: _SHOWN - 1]}…"


def listed(devices: Sequence[InputDevice]) -> str:
    """Names of microphones in a message, each once."""
    names = [f"'{_shown(device.name)}'" for device in _without_doubles(list(devices), devices)]
    more = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {more} more" if more > 0 else "")


def _absent(wanted: str, devices: Sequence[InputDevice]) -> AudioDeviceError:
    return AudioDeviceError(
        f"no input device '{_shown(wanted)}'{_there(devices)}",
        hint="plug it in, or take one of these by --device; see micstream devices",
        code="no_device",
    )


def _away(
    lost: str, devices: Sequence[InputDevice], namesakes: Sequence[InputDevice]
) -> AudioDeviceError:
    names = ", ".join(f"{device.index}: {_shown(device.name)}" for device in namesakes)
    aside = f"; its namesake ({names}) is another one" if names else ""
    return AudioDeviceError(
        f"no input device '{_shown(lost)}'{aside}{_there(devices)}",
        hint="plug it in: it is taken as soon as it is there; for another one start anew with "
        "--device",
        code="no_device",
    )


def _there(devices: Sequence[InputDevice]) -> str:
    return f"; there are {listed(devices)}" if devices else "; there is none at all"


def _ambiguous(wanted: str, chosen: Sequence[InputDevice]) -> AudioDeviceError:
    names = ", ".join(f"{device.index}: {_shown(device.name)}" for device in chosen)
    return AudioDeviceError(
        f"{wanted} fits several devices ({names})",
        hint="give the whole name or the index",
        code="device_ambiguous",
    )


def _twins(name: str, there: Sequence[InputDevice]) -> AudioDeviceError:
    names = ", ".join(f"{device.index}: {_shown(device.name)}" for device in there)
    return AudioDeviceError(
        f"'{_shown(name)}' has a namesake, and it cannot be told which of them is back ({names})",
        hint="end, and start again with --device and the index of the right one",
        code="device_ambiguous",
    )
