"""Who is in the show, and its cues: names, pitches, and the show's file."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from rehearsal import tones
from testbed.sound import VirtualMicrophone

ANNA: Final = "avatar-anna"
"""livekit-agents' own avatar worker, which the third participant hears."""
BEN: Final = "avatar-ben"
"""One that takes down what reaches it."""
FRONT: Final = "front"
"""Performer at the microphone in the hall."""
PHONE: Final = "phone"
"""Performer by the page, in a browser of his own."""
MICROPHONES: Final = {FRONT: VirtualMicrophone.DEVICE, PHONE: f"room:{PHONE}"}
"""Whose sound each performer's is."""
PITCHES: Final = {"applause": 700, "door": 1_300, "music": 1_000, "under": 1_700, "finale": 2_100}
"""Hz of each cue that sounds."""
SOUNDS: Final = {"applause": 2.0, "door": 1.5, "music": 20.0, "under": 20.0, "finale": 1.0}
"""Seconds of each."""

_SHOW: Final = """\
[[cue]]
name = "applause"
file = "applause.wav"
colour = "#c04030"
[[cue]]
name = "door"
file = "door.flac"
gain_db = -3
[[cue]]
name = "music"
file = "music.wav"
fade_ms = 300
[[cue]]
name = "under"
file = "under.wav"
microphone = "takeover"
[[cue]]
name = "finale"
file = "finale.wav"
then = "mute"
[[cue]]
name = "bow"
[[cue.message]]
rpc = "gesture"
payload = "bow"
[[cue]]
name = "nod"
[[cue.message]]
rpc = "nod"
"""


def write_show(folder: Path) -> Path:
    """Write the show's file, and its sounds beside it, one of another rate and of two channels."""
    for name, seconds in SOUNDS.items():
        if name == "door":
            tones.write(folder / "door.flac", PITCHES[name], seconds, rate=44_100, channels=2)
        else:
            tones.write(folder / f"{name}.wav", PITCHES[name], seconds)
    place = folder / "show.toml"
    place.write_text(_SHOW, encoding="utf-8")
    return place
