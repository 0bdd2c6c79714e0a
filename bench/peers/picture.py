"""The demo's avatar worker with a part taken out, so that what that part takes is seen.

    python -m bench.peers.picture still     one picture, drawn once and sent 25 times a second
    python -m bench.peers.picture sizes     encoded in three sizes, as the stock runner does

Settings come by environment, as those of the worker.
"""

from __future__ import annotations

import asyncio
import os
import sys

from micstream.demo import worker
from micstream.demo.face import Canvas, Face, Pose


class Still(Face):
    """A face that is drawn once."""

    def draw(self, pose: Pose) -> Canvas:
        """The first picture again."""
        if not hasattr(self, "_first"):
            self._first = super().draw(pose)
        return self._first


def main() -> int:
    match sys.argv[1:]:
        case ["still"]:
            vars(worker)["Face"] = Still
        case ["sizes"]:
            del worker._Runner._publish_track
        case _:
            print("expected one of: still, sizes", file=sys.stderr)
            return 2
    names = ("LIVEKIT_URL", "LIVEKIT_TOKEN", "MICSTREAM_SENDER")
    url, token, sender = (os.environ[name] for name in names)
    reason = asyncio.run(worker.run(url=url, token=token, sender=sender))
    print(reason or "", file=sys.stderr)
    return 0 if reason is None else 1


if __name__ == "__main__":
    sys.exit(main())
