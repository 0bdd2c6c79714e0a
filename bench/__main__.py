"""All benchmarks, each a short run. For figures run them one by one.

segmenter: the cost of finding utterances; segmentation: how well they are found, on labelled
recordings that `--speech` names; cost: of a sender; latency: its delay; avatar_start: until an
avatar is seen; face: what the demo's avatar takes; stage: the page. Endurance takes a quarter of an
hour and is not among them: python -m bench.soak.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bench import avatar_start, cost, face, latency, segmentation, segmenter, stage
from bench.report import parser


def main() -> None:
    options = parser("bench", __doc__)
    options.add_argument("--speech", type=Path, metavar="FOLDER", help="for bench.segmentation")
    given = options.parse_args()
    arguments = ["--quick", *(["--json"] if given.json else [])]
    if given.speech is not None:
        segmentation.main([*arguments, str(given.speech)])
    else:
        print("segmentation is left out: it needs --speech FOLDER", file=sys.stderr)
    for each in (segmenter, cost, latency, avatar_start, face, stage):
        each.main(arguments)


if __name__ == "__main__":
    main()
