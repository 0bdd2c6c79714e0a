"""The README's picture: a real run of the demo, as its terminal showed it, and the avatar's face.

    python tools/make_picture.py

Writes assets/running.svg and assets/face.png.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from micstream.local import face

ASSETS = Path(__file__).resolve().parents[1] / "assets"
LINES = 22
WIDTH = 84


def main() -> None:
    """Run the demo, and draw what it said."""
    command = [sys.executable, "-m", "micstream", "demo", "--play"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LIVEKIT_")}
    ran = subprocess.run(
        command,
        check=True,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = ran.stdout.splitlines()
    shown = [*said[: LINES - 2], "           ...", said[-1]]
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=WIDTH, file=nowhere, force_terminal=True)
        console.print(Text("$ micstream demo", "bold"))
        for line in shown:
            style = "bold" if "heard" in line else "cyan" if "speaks" in line else ""
            console.print(Text(line, style or ("dim" if line.startswith("demo:") else "")))
        drawn = console.export_svg(title="micstream")
        # Fonts from elsewhere are not fetched for a picture: every machine has one of its own.
        drawn = re.sub(r"@font-face \{.*?\}\n", "", drawn, flags=re.DOTALL)
        (ASSETS / "running.svg").write_text(drawn.replace("Fira Code", "monospace"), "utf-8")
    face.prepare()
    face.render(0.7, 0.5, 0.0).save(ASSETS / "face.png", optimize=True)


if __name__ == "__main__":
    main()
