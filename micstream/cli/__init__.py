"""The command line: options in, an exit code out.

One file a command, imported on demand; the work is elsewhere. Nothing is imported here: a press
(`press`) is sent before the whole of it (`app`) is loaded.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> "NoReturn":
    """Run the command line; every error of ours becomes a message and an exit code."""
    # numpy's linear algebra (OpenBLAS) has a thread for each core, which spins while it waits for
    # the others. Our matrices are small: alone on two cores two threads take 1.25 times as long as
    # one, and beside a busy program five times. It is read when numpy is loaded.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from micstream.cli.press import press

    code = press(sys.argv[1:])
    if code is not None:
        sys.exit(code)
    from micstream.cli.app import main as whole

    whole()
