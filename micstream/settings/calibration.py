"""Calibrations: what `micstream calibrate` measured of each device, in the user's configuration.

One JSON file: `{"version": 1, "devices": {name: {channel: what was measured}}}`. A device is known
by the normal form of its name, so that it is found again wherever it is plugged in.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final, get_args

import platformdirs

from micstream.audio.advice import CLIPPED_LIMIT, Preset
from micstream.audio.device_name import is_same, normal
from micstream.errors import MicstreamError, reason_of
from micstream.private_files import replacing

_VERSION: Final = 1
_MOST_BYTES: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Calibration:
    """One microphone, measured. Levels in dBFS, of what lies above 100 Hz."""

    preset: Preset
    gain_db: int
    """Recommended, up or down."""
    floor_db: float
    speech_db: float
    peak_db: float
    clipped_share: float
    """Share of pieces of 20 ms that were cut off at full scale."""
    hum_hz: int | None
    hum_db: float | None
    """Over the frequencies beside it."""
    measured_at: str
    """ISO 8601, UTC."""


def store_path() -> Path:
    """`calibration.json` in micstream's folder of the user's configuration."""
    return Path(platformdirs.user_config_dir("micstream", appauthor=False)) / "calibration.json"


def load(device: str, channel: int) -> Calibration | None:
    """Calibration of this channel of this device (0: all mixed); None where there is none.

    Raises:
        MicstreamError: the file is there and cannot be used.
    """
    known = _known(_read(), device).get(str(channel))
    if known is None:
        return None
    try:
        ours = {field.name: known[field.name] for field in fields(Calibration)}
    except (KeyError, TypeError):
        raise _unusable(f"what it says of {device!r} is not complete") from None
    if ours["preset"] not in get_args(Preset):
        raise _unusable(f"there is no preset {ours['preset']!r}")
    if not isinstance(ours["floor_db"], int | float):
        raise _unusable(f"the noise floor {ours['floor_db']!r} is no number of dBFS")
    clipped = ours["clipped_share"]
    if not isinstance(clipped, int | float):
        raise _unusable(f"what it says of {device!r} is not complete")
    if clipped > CLIPPED_LIMIT:
        raise MicstreamError(
            f"the calibration of {device!r} is not used: its sound was cut off at full scale for "
            f"{clipped:.0%} of the time",
            hint="turn the microphone's gain down, then run micstream calibrate",
            code="clipped_calibration",
        )
    return Calibration(**ours)


def save(device: str, channel: int, calibration: Calibration) -> Path:
    """Keep it, in place of what was known; for the user's eyes only. Returns where.

    Raises:
        MicstreamError: the file there is not ours, or cannot be written.
    """
    devices = _read()
    ours = _known(devices, device) | {str(channel): asdict(calibration)}
    devices = {name: kept for name, kept in devices.items() if normal(name) != normal(device)}
    devices[normal(device)] = ours
    text = json.dumps({"version": _VERSION, "devices": devices}, ensure_ascii=False, indent=2)
    place = store_path()
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with replacing(place) as fresh:
            fresh.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise MicstreamError(
            f"{place} cannot be written: {reason_of(error)}",
            hint="check the folder and its permissions, or use --dry-run",
            code="unwritable",
        ) from None
    return place


def _known(devices: dict[str, dict[str, Any]], device: str) -> dict[str, Any]:
    """What is kept of a device by channel, under whatever form of its name."""
    kept: dict[str, Any] = {}
    # The best form last: its entries win.
    for name in sorted(devices, key=lambda name: (normal(name) == normal(device), name == device)):
        if is_same(name, device):
            kept |= devices[name]
    return kept


def _read() -> dict[str, dict[str, Any]]:
    place = store_path()
    try:
        with place.open("rb") as file:
            data = file.read(_MOST_BYTES)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _unusable(reason_of(error)) from None
    try:
        whole = json.loads(data)
    except (ValueError, RecursionError):
        raise _unusable("it is no JSON") from None
    if not isinstance(whole, dict) or whole.get("version") != _VERSION:
        raise _unusable(f"expected version {_VERSION} of what micstream writes")
    devices = whole.get("devices")
    if not isinstance(devices, dict) or not all(isinstance(d, dict) for d in devices.values()):
        raise _unusable("expected devices in it")
    return devices


def _unusable(why: str) -> MicstreamError:
    return MicstreamError(
        f"the calibration in {store_path()} cannot be used: {why}",
        hint="remove the file, then run micstream calibrate",
        code="bad_calibration",
    )
