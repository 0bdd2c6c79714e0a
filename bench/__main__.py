"""All benchmarks, each a short run: segmentation, cost, delay. For figures run them one by one."""

from __future__ import annotations

from bench import cost, latency, segmenter
from bench.report import parser


def main() -> None:
    given = parser("bench", __doc__).parse_args()
    arguments = ["--quick", *(["--json"] if given.json else [])]
    for each in (segmenter, cost, latency):
        each.main(arguments)


if __name__ == "__main__":
    main()
