"""Plays the Dockerfile through without docker, in bare Debian roots made by debootstrap.

Usage: make image-check ARGS="[--extras demo] [--keep DIR] [-- ARGUMENTS...]", as root on Debian.

Each stage gets a root of its own: Debian 12 with its python3, in place of the official image. The
instructions are read from the Dockerfile and carried out in order, each RUN in a chroot. At the
end the entry point runs as the image's user, with CMD or the ARGUMENTS given. What it cannot
show: the official image's own Python, and docker's isolation.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SUITE = "bookworm"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# How this machine reaches the network goes in with each RUN, as docker's build would pass it.
NETWORK = re.compile(r"PIP_.*|.*_PROXY|.*_proxy|SSL_CERT_FILE")


@dataclass
class Stage:
    """A root under construction, with the settings that docker would keep for it."""

    root: Path
    arguments: dict[str, str]
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": PATH})
    workdir: str = "/"
    user: str = ""
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)

    def run(self, command: list[str], *, building: bool) -> None:
        """Run `command` in the root, with its own /proc, and mounts that end with it.

        While building it gets the arguments and the network's settings, and is heard only where
        it fails.
        """
        passed = {name: value for name, value in os.environ.items() if NETWORK.fullmatch(name)}
        environment = (self.arguments | passed if building else {}) | self.environment
        identity = ["--userspec", self.user] if self.user else []
        inner = ["chroot", *identity, str(self.root), *self.clean(command, environment)]
        namespace = ["unshare", "--mount", "--pid", "--fork"]
        done = subprocess.run(
            [*namespace, "sh", "-c", f"{self.mounts} && exec {shlex.join(inner)}"],
            stdout=subprocess.PIPE if building else None,
            stderr=subprocess.STDOUT if building else None,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.stderr.write(done.stdout or "")
            raise SystemExit(f"image-check: {shlex.join(command)} ended with {done.returncode}")

    @property
    def mounts(self) -> str:
        """What every process in the root finds there, as a shell's command."""
        return f"mount -t proc proc {self.root}/proc && mount --rbind /dev {self.root}/dev"

    def clean(self, command: list[str], environment: Mapping[str, str]) -> list[str]:
        """`command` in the working directory, with this environment and no other."""
        assignments = [f"{name}={value}" for name, value in environment.items()]
        return ["/usr/bin/env", "-i", "-C", self.workdir, *assignments, *command]

    def inside(self, path: str) -> Path:
        """Where `path`, as the instructions see it, is on this machine."""
        return self.root / (Path(self.workdir) / path).as_posix().lstrip("/")

    def copy(self, words: list[str], source: Path) -> None:
        *names, destination = words
        target = self.inside(destination)
        for name in names:
            origin = source / name.lstrip("/")
            if origin.is_dir():
                ignore = shutil.ignore_patterns("__pycache__")
                shutil.copytree(origin, target, symlinks=True, dirs_exist_ok=True, ignore=ignore)
            else:
                into = target / origin.name if destination.endswith("/") else target
                into.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(origin, into)


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions: their names and the rest, continued lines joined."""
    lines = (ROOT / "Dockerfile").read_text("utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    joined = text.replace("\\\n", " ").splitlines()
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in joined if line.strip()]


def bare_root(target: Path) -> None:
    """A Debian with nothing but python3, and with this machine's certificates and resolver."""
    packages = "--include=python3,python3-venv,ca-certificates"
    subprocess.run(
        ["debootstrap", "--variant=minbase", packages, SUITE, str(target)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    for name in ("/etc/resolv.conf", "/etc/ssl/certs/ca-certificates.crt"):
        shutil.copyfile(name, target / name.lstrip("/"))


def build(directory: Path, arguments: dict[str, str], *, anew: bool = True) -> Stage:
    """Carry out all instructions; the last stage. Not `anew`: they have been, in `directory`."""
    bare = directory / "bare"
    if anew:
        say("debootstrap: a bare root")
        bare_root(bare)
    stages: dict[str, Stage] = {}
    stage: Stage | None = None
    for name, rest in instructions():
        if anew:
            say(f"{name} {' '.join(rest.split())}")
        if name == "FROM":
            label = rest.split(" AS ")[1] if " AS " in rest else "final"
            root = directory / label
            if anew:
                subprocess.run(["cp", "--archive", str(bare), str(root)], check=True)
            stage = stages[label] = Stage(root, {})
            continue
        if stage is None:
            raise SystemExit(f"image-check: {name} stands before FROM")
        match name:
            case "ARG":
                key, _, value = rest.partition("=")
                stage.arguments[key] = arguments.get(key, value)
            case "ENV":
                for word in shlex.split(rest):
                    key, _, value = word.partition("=")
                    stage.environment[key] = value.replace("$PATH", stage.environment["PATH"])
            case "WORKDIR":
                stage.workdir = rest
                stage.inside(".").mkdir(parents=True, exist_ok=True)
            case "RUN" | "COPY" if not anew:
                pass
            case "RUN":
                stage.run(["/bin/sh", "-c", rest], building=True)
            case "COPY":
                words = rest.split()
                source = ROOT
                if words[0].startswith("--from="):
                    source = stages[words.pop(0).removeprefix("--from=")].root
                stage.copy(words, source)
            case "USER":
                stage.user = rest
            case "ENTRYPOINT":
                stage.entrypoint = json.loads(rest)
            case "CMD":
                stage.command = json.loads(rest)
            case _:
                raise SystemExit(f"image-check: does not know the instruction {name}")
    if stage is None:
        raise SystemExit("image-check: the Dockerfile has no stage")
    return stage


def need_debootstrap() -> None:
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        raise SystemExit("image-check: needs root and debootstrap: apt-get install debootstrap")


def say(text: str) -> None:
    print(f"image-check: {text}", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--extras", default="", help="as the Dockerfile's ARG EXTRAS")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="build there, and leave it there")
    parser.add_argument("arguments", nargs="*", help="of the entry point at the end (default: CMD)")
    options = parser.parse_args()
    need_debootstrap()
    with contextlib.ExitStack() as stack:
        if options.keep:
            directory: Path = options.keep.resolve()
            directory.mkdir(parents=True)
        else:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        directory.chmod(0o755)  # the image's user has to get through
        begun = time.monotonic()
        stage = build(directory, {"EXTRAS": options.extras})
        full, bare = (megabytes(path) for path in (stage.root, directory / "bare"))
        say(f"built in {time.monotonic() - begun:.0f} s, {full - bare} MB above the bare system")
        stage.run(stage.entrypoint + (options.arguments or stage.command), building=False)


def megabytes(path: Path) -> int:
    return int(subprocess.check_output(["du", "-sm", str(path)], text=True).split()[0])


if __name__ == "__main__":
    main()
