"""Where faults are put inside micstream: all names of its parts that chaos knows, in one place."""

from __future__ import annotations

from dataclasses import dataclass

from micstream.room.token import mint

__all__ = ["CAPTURE", "SENDING", "Place", "late_join", "mint", "short_life"]


@dataclass(frozen=True)
class Place:
    """A method that can be made to raise while a file exists."""

    module: str
    owner: str
    method: str
    arguments: str

    def raising(self, flag: str) -> str:
        """Python that makes it raise once the file `flag` is there."""
        return f"""
from pathlib import Path
from {self.module} import {self.owner} as owner
inner = owner.{self.method}
def provoked({self.arguments}):
    if Path({flag!r}).exists():
        raise RuntimeError("provoked")
    return inner({self.arguments})
owner.{self.method} = provoked
"""


CAPTURE = Place("micstream.sound_path", "SoundPath", "push", "self, block")
"""Where the sound comes in."""
SENDING = Place("micstream.room.streams", "Streams", "write", "self, stream, pcm, nudges")
"""Where the sound goes out."""


def short_life(seconds: float) -> str:
    """Python that lets our tokens be good for so long, and no more."""
    return f"""
import datetime
from micstream.room import connect
connect.TOKEN_LIFE = datetime.timedelta(seconds={seconds})
"""


def late_join(flag: str) -> str:
    """Python that gives the next joining up at once, after the file `flag` is there.

    It succeeds all the same: as where the server answers only after that.
    """
    return f"""
from pathlib import Path
from micstream.link import connection
class Bound(float):
    def __radd__(self, now):
        flag = Path({flag!r})
        if not flag.exists():
            return now + float(self)
        flag.unlink()
        return now + 0.001
connection.CONNECT_S = Bound(connection.CONNECT_S)
"""
