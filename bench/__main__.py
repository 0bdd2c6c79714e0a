"""Benchmarks: `python -m bench NAME [OPTIONS]` runs one, without a name all of them, shortly.

For figures run them one by one. segmenter: the cost of finding utterances; segmentation: how well
they are found, on labelled recordings that `--speech` names; cost: of a sender; latency: its delay;
avatar_start: until an avatar is seen; face: what the demo's avatar takes; stage: the page.

Not among all: sets, how well utterances are found in each kind of speech; presence, which fits the
weights of the second opinion; runs_dry, when a receiver does; paths, over a way that is late and
loses; cleaning, long_speech; hall_performers, hand-overs and a performer by page; hall_record, what
a record costs; show, the control from press to effect; lipsync, what the lab finds of errors put
in; hall_echo, the echo guard in a closed loop; compare, two commits in one run; soak, which takes
a quarter of an hour.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.report import parser

ALL = ("segmenter", "cost", "latency", "avatar_start", "face", "stage")
OTHERS = (
    "segmentation",
    "sets",
    "presence",
    "runs_dry",
    "paths",
    "cleaning",
    "long_speech",
    "show",
    "hall_performers",
    "lipsync",
    "hall_record",
    "hall_echo",
    "compare",
    "soak",
)


def run(name: str, arguments: Sequence[str]) -> int | None:
    """Run one, imported only now; its exit code."""
    module = "bench.soak.__main__" if name == "soak" else f"bench.{name}"
    code: int | None = importlib.import_module(module).main(list(arguments))
    return code


def main() -> int | None:
    if sys.argv[1:] and sys.argv[1] in (*ALL, *OTHERS):
        return run(sys.argv[1], sys.argv[2:])
    options = parser("bench", __doc__)
    options.add_argument("--speech", type=Path, metavar="FOLDER", help="for bench.segmentation")
    options.epilog = f"NAME: {', '.join((*ALL, *OTHERS))}"
    given = options.parse_args()
    arguments = ["--quick", *(["--json"] if given.json else [])]
    if given.speech is not None:
        run("segmentation", [*arguments, str(given.speech)])
    else:
        print("segmentation is left out: it needs --speech FOLDER", file=sys.stderr)
    for name in ALL:
        run(name, arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
