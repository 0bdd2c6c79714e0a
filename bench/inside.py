"""All that benchmarks take from inside micstream, in one place: what its commands do not show.

Everything else here runs the command line, or is a participant of the room.
"""

from __future__ import annotations

from micstream.pipeline import make_cutter, make_path
from micstream.room.token import mint_avatar

__all__ = ["make_cutter", "make_path", "mint_avatar"]
