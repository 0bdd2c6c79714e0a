"""The command line: options in, an exit code out.

One file a command, imported on demand; the work is elsewhere. Nothing is imported here: a press
(`press`) is sent before the whole of it (`app`) is loaded.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> "NoReturn":
    """Run the command line; every error of ours becomes a message and an exit code."""
    from micstream.cli.press import press

    code = press(sys.argv[1:])
    if code is not None:
        sys.exit(code)
    from micstream.cli.app import main as whole

    whole()
