"""Checks the documentation: its links and pictures, and the make targets and modules it names.

Every relative link leads somewhere, every `make` target is one, every `python -m` of ours is there,
and every page of docs/ can be found from the README.

Usage: make docs, or: python -m tools.check_docs. Prints what is wrong, and exits 1.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)|<img src=\"([^\"]+)\"")
MAKE = re.compile(r"(?:`|^)make ([a-z][a-z-]*)", re.MULTILINE)
TARGET = re.compile(r"^([a-z-]+):", re.MULTILINE)
MODULE = re.compile(r"python -m ((?:micstream|testbed|tests|bench|chaos|rehearsal|tools)[\w.]*)")
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
BUILT = {"build", "dist", "node_modules", "out"}
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def anchor(heading: str) -> str:
    """The anchor that GitHub gives to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def anchors(text: str) -> set[str]:
    """The anchors of all headings of a page."""
    return {anchor(heading) for heading in HEADING.findall(FENCE.sub("", text))}


def broken_links(page: Path, text: str) -> list[str]:
    wrong = []
    for found in LINK.finditer(FENCE.sub("", text)):
        link = found[1] or found[2]
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists():
            wrong.append(f"the link {link} leads nowhere")
        elif anchor and target.suffix == ".md" and anchor not in anchors(target.read_text("utf-8")):
            wrong.append(f"the link {link} names no heading of {target.name}")
    return wrong


def unknown_targets(text: str, targets: set[str]) -> list[str]:
    return [f"`make {name}` is no target" for name in MAKE.findall(text) if name not in targets]


def unknown_modules(text: str) -> list[str]:
    places = {name: ROOT / name.replace(".", "/") for name in MODULE.findall(text)}
    return [
        f"`python -m {name}` is no program"
        for name, place in places.items()
        if not place.with_suffix(".py").exists() and not (place / "__main__.py").exists()
    ]


def unlinked(readme: str) -> list[str]:
    """The pages of docs/ that the README has no link to."""
    known = {name.partition("#")[0] for name, _ in LINK.findall(readme)}
    found = sorted((ROOT / "docs").glob("*.md"))
    return [f"no link to docs/{page.name}" for page in found if f"docs/{page.name}" not in known]


def pages() -> list[Path]:
    """All Markdown files of the project: none from hidden directories or from build results."""
    found = []
    for directory, below, names in os.walk(ROOT):
        below[:] = [name for name in below if not name.startswith(".") and name not in BUILT]
        found += [Path(directory) / name for name in names if name.endswith(".md")]
    return sorted(found)


def main() -> int:
    targets = set(TARGET.findall((ROOT / "Makefile").read_text("utf-8")))
    wrong = 0
    for page in pages():
        text = page.read_text("utf-8")
        findings = broken_links(page, text) + unknown_targets(text, targets) + unknown_modules(text)
        if page == ROOT / "README.md":
            findings += unlinked(text)
        for finding in findings:
            print(f"{page.relative_to(ROOT)}: {finding}", file=sys.stderr)
            wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
