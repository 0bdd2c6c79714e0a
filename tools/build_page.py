"""Builds the pages: page/ becomes micstream/stage/static, page/control micstream/show/static,
page/performer micstream/performers/static, and what both need to join a room micstream/web/static.

What is built is kept in the repository.

Usage: make page, or: python -m tools.build_page. Needs node and npm; a wheel, and an installation
from a checkout, need neither, as the result is there. A test builds it anew and compares.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "page"
STATIC = ROOT / "micstream/stage/static"
CONTROL_STATIC = ROOT / "micstream/show/static"
CLIENT_STATIC = ROOT / "micstream/web/static"
PERFORMER_STATIC = ROOT / "micstream/performers/static"
# What shows a page: OBS 29 and newer, vMix, phones and tablets of the last years.
BROWSERS = "chrome103,firefox102,safari15.4"
# Under these names a package says what may be done with it.
LICENCES = ("LICEN[CS]E*", "NOTICE*", "CopyrightNotice*")


@dataclass(frozen=True)
class Built:
    """A page: its one script, and what is copied beside it."""

    script: str
    """Of the folder page; it becomes `output`. Empty: what the pages that join a room share."""
    output: str
    copied: tuple[str, ...]
    static: Path
    packages: bool
    """It joins a room, by `client.js`; where it does not, packages of others make building fail."""


STAGE = Built("src/main.ts", "stage.js", ("index.html", "stage.css"), STATIC, True)
PERFORMER = Built(
    "performer/main.ts",
    "performer.js",
    ("performer/index.html", "performer/performer.css"),
    PERFORMER_STATIC,
    True,
)
CONTROL = Built(
    "control/main.ts",
    "control.js",
    ("control/index.html", "control/control.css"),
    CONTROL_STATIC,
    False,
)
CLIENT = Built("", "client.js", (), CLIENT_STATIC, True)
JOINING = (STAGE, PERFORMER)
"""Built together: LiveKit's client, in both of them, would be half the wheel."""
PAGES = (*JOINING, CONTROL)
ALL = (*PAGES, CLIENT)


def main() -> int:
    install()
    for page in ALL:
        build(page.static, page)
        size = sum(file.stat().st_size for file in page.static.iterdir())
        print(f"{page.static.relative_to(ROOT)}: {size / 1024:.0f} KiB", file=sys.stderr)
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


def build(into: Path, page: Built = STAGE) -> None:
    """Make the page in the folder `into`: always the same from the same sources."""
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        foreign = bundle(Path(folder), JOINING if page.packages else (page,))
        shutil.copyfile(Path(folder) / page.output, into / page.output)
    for name in page.copied:
        shutil.copyfile(PAGE / name, into / Path(name).name)
    if page is CLIENT:
        told = licences()
    elif page.packages:
        told = f"{page.output} contains no packages of others: they are in client.js.\n"
    elif foreign:
        raise SystemExit(f"build_page: {page.script} contains {foreign[0]}")
    else:
        told = f"{page.output} contains no packages of others.\n"
    (into / "LICENCES.txt").write_text(told, "utf-8")


def bundle(into: Path, pages: tuple[Built, ...]) -> list[str]:
    """Make the scripts of these pages, and of what they share `client.js`: the packages in them."""
    about = into / "about.json"
    subprocess.run(
        [
            str(PAGE / "node_modules/.bin/esbuild"),
            *(f"{page.output.removesuffix('.js')}={page.script}" for page in pages),
            "--bundle",
            "--minify",
            "--format=esm",
            "--splitting",
            "--chunk-names=client",
            f"--target={BROWSERS}",
            "--charset=utf8",
            "--legal-comments=none",
            "--log-level=warning",
            f"--metafile={about}",
            f"--outdir={into}",
        ],
        cwd=PAGE,
        check=True,
    )
    inputs = json.loads(about.read_text("utf-8"))["inputs"]
    return sorted(name for name in inputs if "node_modules" in name)


def licences() -> str:
    """Name, version and licence of each package that goes into the page, or may."""
    lock = json.loads((PAGE / "package-lock.json").read_text("utf-8"))
    parts = ["client.js contains these packages, or parts of them."]
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
