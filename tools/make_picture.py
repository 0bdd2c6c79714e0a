"""The README's pictures: a real run of the demo, as its terminal showed it, the avatar's face, and
a file as `micstream cut` draws it.

    python tools/make_picture.py

Writes assets/running.svg, assets/face.png and assets/cut.png.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.text import Text

from micstream.demo.avatar import IDENTITY as AVATAR
from micstream.demo.face import Face, Pose, character

ASSETS = Path(__file__).resolve().parents[1] / "assets"
LINES = 22
WIDTH = 84


CUT = ("cut", "sentences.flac", "--reference", "sentences.txt", "--mode", "utterance")
COLOURS = 96


def main() -> None:
    """Run the demo and draw what it said; have a file drawn."""
    draw_run()
    draw_face()
    draw_cut()


def draw_cut() -> None:
    """Fewer colours make it a third as large, and are as many as it has but for soft edges."""
    place = ASSETS / "cut.png"
    command = [sys.executable, "-m", "micstream", *CUT, "--plot", place.name, "--quiet"]
    subprocess.run(command, check=True, cwd=ASSETS)
    with Image.open(place) as drawn:
        few = drawn.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    few.save(place, optimize=True)


def draw_face() -> None:
    """The avatar in the middle of a word."""
    drawn = Face(character(AVATAR)).draw(Pose(openness=0.6, width=0.6, brow=0.3)).picture()
    beside = (drawn.width - drawn.height * 4 // 3) // 2
    drawn = drawn.crop((beside, 0, drawn.width - beside, drawn.height))
    drawn.resize((640, 480), Image.Resampling.LANCZOS).save(ASSETS / "face.png", optimize=True)


def draw_run() -> None:
    """The demo, as its terminal showed it."""
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
            style = "bold" if "behind you" in line else ""
            console.print(Text(line, style or ("dim" if line.startswith("demo:") else "")))
        drawn = console.export_svg(title="micstream")
        # Fonts from elsewhere are not fetched for a picture: every machine has one of its own.
        drawn = re.sub(r"@font-face \{.*?\}\n", "", drawn, flags=re.DOTALL)
        (ASSETS / "running.svg").write_text(drawn.replace("Fira Code", "monospace"), "utf-8")


if __name__ == "__main__":
    main()
