"""Run the tests: as `python -m pytest`, on all cores, and the process ends when they have ended.

What is given goes to pytest after what stands here, so `-n 0` has one process run them in order.

The SDK's threads call into Python up to the end, and abort the process where they meet an
interpreter that is being taken down (seen once in a hundred runs, on a busy machine): then tests
that have passed would count as failed. micstream ends in the same way.
"""

import os
import sys

import pytest

PROCESSES = min(4, max(2, os.cpu_count() or 2))
"""Two at least: what is real mostly waits. Four at most: then one waits for the rest."""
OPTIONS = (
    *("-n", str(PROCESSES)),  # who does what: tests/support/lanes.py
    *("--durations", "15", "--durations-min", "5"),
)

if __name__ == "__main__":
    # As micstream itself; else each process spins on all cores, and what keeps time does not.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    status = pytest.main([*OPTIONS, *sys.argv[1:]])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
