"""Builds the stage's page: page/ becomes micstream/stage/static, which is kept in the repository.

Usage: make page, or: python -m tools.build_page. Needs node and npm; a wheel, and an installation
from a checkout, need neither, as the result is there. A test builds it anew and compares.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "page"
STATIC = ROOT / "micstream/stage/static"
COPIED = ("index.html", "stage.css")
# What shows a page: OBS 29 and newer, vMix, phones and tablets of the last years.
BROWSERS = "chrome103,firefox102,safari15.4"
# Under these names a package says what may be done with it.
LICENCES = ("LICEN[CS]E*", "NOTICE*", "CopyrightNotice*")


def main() -> int:
    install()
    build(STATIC)
    size = sum(file.stat().st_size for file in STATIC.iterdir())
    print(f"{STATIC.relative_to(ROOT)}: {size / 1024:.0f} KiB", file=sys.stderr)
    return 0


def install() -> None:
    """The locked packages; none of them may run a script of its own."""
    stamp = PAGE / "node_modules/.lock"
    lock = (PAGE / "package-lock.json").read_text("utf-8")
    if stamp.exists() and stamp.read_text("utf-8") == lock:
        return
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("build_page: npm is missing: apt-get install nodejs npm")
    subprocess.run([npm, "ci", "--ignore-scripts", "--silent"], cwd=PAGE, check=True)
    stamp.write_text(lock, "utf-8")


def build(into: Path) -> None:
    """Make the page in the folder `into`: always the same from the same sources."""
    into.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [
            str(PAGE / "node_modules/.bin/esbuild"),
            "src/main.ts",
            "--bundle",
            "--minify",
            "--format=esm",
            f"--target={BROWSERS}",
            "--charset=utf8",
            "--legal-comments=none",
            "--log-level=warning",
            f"--outfile={into / 'stage.js'}",
        ],
        cwd=PAGE,
        check=True,
    )
    for name in COPIED:
        shutil.copyfile(PAGE / name, into / name)
    (into / "LICENCES.txt").write_text(licences(), "utf-8")


def licences() -> str:
    """Name, version and licence of each package that goes into the page, or may."""
    lock = json.loads((PAGE / "package-lock.json").read_text("utf-8"))
    parts = ["stage.js contains these packages, or parts of them."]
    for place, entry in sorted(lock["packages"].items()):
        folder = PAGE / place
        if not place or entry.keys() & {"dev", "optional"} or not folder.is_dir():
            continue
        about = json.loads((folder / "package.json").read_text("utf-8"))
        texts = [file for name in LICENCES for file in sorted(folder.glob(name))]
        parts.append(f"==== {about['name']} {about['version']}: {about['license']}")
        parts += [text.read_text("utf-8").strip() for text in texts]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.exit(main())
