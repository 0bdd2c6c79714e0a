"""Run the tests: as `python -m pytest`, but that the process ends when they have ended.

The SDK's threads call into Python up to the end, and abort the process where they meet an
interpreter that is being taken down (seen once in a hundred runs, on a busy machine): then tests
that have passed would count as failed. micstream ends in the same way.
"""

import os
import sys

import pytest

if __name__ == "__main__":
    status = pytest.main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
