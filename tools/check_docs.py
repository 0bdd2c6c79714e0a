"""Checks the documentation: every relative link leads somewhere, every `make` target named is one.

Usage: make docs, or: python -m tools.check_docs. Prints what is wrong, and exits 1.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
MAKE = re.compile(r"(?:`|^)make ([a-z][a-z-]*)", re.MULTILINE)
TARGET = re.compile(r"^([a-z-]+):", re.MULTILINE)
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
BUILT = {"build", "dist", "node_modules", "out"}
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    headings = HEADING.findall(FENCE.sub("", text))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path, text: str) -> list[str]:
    wrong = []
    for link in LINK.findall(FENCE.sub("", text)):
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
        for finding in broken_links(page, text) + unknown_targets(text, targets):
            print(f"{page.relative_to(ROOT)}: {finding}", file=sys.stderr)
            wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
