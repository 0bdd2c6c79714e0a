"""Runs compose.yaml's profile `demo`, or `agent2`, without docker, in bare Debian roots.

Usage: make compose-check ARGS="[--profile agent2] [--image DIR]", as root on Debian, with
debootstrap. The ports that compose.yaml names have to be free.

The image is built as tools/image_check does it, with EXTRAS=demo. Each service's own command then
runs in its root, as its user, with its environment, sealed as compose.yaml says: nothing to write
to but /tmp, no capabilities, no new privileges. Each is waited for by its own health check before
those begin that depend on it. A viewer has to hear the file through the avatar, twice; then each
service is ended by SIGTERM and must exit with 0 within its grace. The LiveKit server is this
machine's, with busybox beside it as in its image. What it cannot show: the official images
themselves, docker's isolation, and what docker does about a service that ends.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import secrets
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from micstream.demo import process
from micstream.demo.server import find_server
from testbed.rooms import viewing
from testbed.speech import HELLO, samples, stretches
from tools import image_check
from tools.compose import Service, in_order, services
from tools.image_check import Stage

HEALTHY_S = 120.0
CHECK_EVERY_S = 0.5
HEARD_S = 120.0
PAUSE_S = 1.5  # longer than any within the file, shorter than those between
ROOM, AVATAR = "micstream", "avatar-demo"


@dataclass
class Running:
    """A service in its root."""

    service: Service
    stage: Stage
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start it, and wait until it is healthy."""
        begun = time.monotonic()
        entrypoint = self.service.entrypoint
        words = (self.stage.entrypoint if entrypoint is None else entrypoint) + self.service.command
        self.process = process.start(
            self._sealed(words), environment={"PATH": os.environ["PATH"]}, log=self.log
        )
        if self.service.check is None:
            raise SystemExit(f"compose-check: {self.service.name} has no health check")
        healthy = False
        while not healthy:
            healthy = await self._is_healthy(self.service.check)
            if self.process.poll() is not None:  # whose health it was then, who knows
                raise SystemExit(f"compose-check: {self.service.name} has ended")
            if time.monotonic() - begun > HEALTHY_S:
                raise SystemExit(f"compose-check: {self.service.name} is not healthy")
            await asyncio.sleep(CHECK_EVERY_S)
        say(f"{self.service.name} is healthy after {time.monotonic() - begun:.1f} s")

    async def _is_healthy(self, check: list[str]) -> bool:
        checking = process.start(
            self._sealed(check),
            environment={"PATH": os.environ["PATH"]},
            log=self.log.with_suffix(".check"),
        )
        return await process.ended(checking) == 0

    async def stop(self) -> None:
        """SIGTERM; it has to end well within its grace."""
        assert self.process is not None
        begun = time.monotonic()
        await process.end(self.process, grace_s=self.service.grace_s)
        took, code = time.monotonic() - begun, self.process.returncode
        say(f"{self.service.name} ended with {code} after {took:.1f} s")
        if code != 0:
            raise SystemExit(f"compose-check: {self.service.name} ended with {code}\n{self.said}")

    @property
    def said(self) -> str:
        """The end of what it and its health check printed."""
        return f"{process.tail(self.log)}\n{process.tail(self.log.with_suffix('.check'))}"

    def _sealed(self, words: list[str]) -> list[str]:
        """The command line that runs this in the root, as the service's user."""
        root, said = self.stage.root, self.service.said
        user, _, group = str(said.get("user", self.stage.user)).partition(":")
        who = [f"--reuid={user}", f"--regid={group or user}", "--clear-groups"]
        steps = [f"mount --bind {root} {root}", self.stage.mounts]
        steps += [f"mount -t tmpfs tmpfs {root}{place}" for place in said.get("tmpfs", ())]
        for source, target, _ in (volume.split(":") for volume in said.get("volumes", ())):
            place = root / target.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
            steps.append(f"mount --bind {image_check.ROOT / source} {place}")
            steps.append(f"mount -o remount,bind,ro {place}")
        if said.get("read_only"):
            steps.append(f"mount -o remount,bind,ro {root}")
        if said.get("cap_drop") == ["ALL"]:
            who += ["--bounding-set=-all", "--inh-caps=-all"]
        if "no-new-privileges:true" in said.get("security_opt", ()):
            who.append("--no-new-privs")
        environment = {"HOME": self.stage.workdir} | self.stage.environment | self.environment
        inner = ["chroot", str(root), "setpriv", *who, *self.stage.clean(words, environment)]
        script = " && ".join([*steps, f"exec {shlex.join(inner)}"])
        return ["unshare", "--mount", "sh", "-c", script]


@dataclass(frozen=True)
class Keys:
    """What .env.local would say, and the address that compose.yaml says."""

    api_key: str = field(default_factory=lambda: secrets.token_hex(24))
    api_secret: str = field(default_factory=lambda: secrets.token_hex(24), repr=False)
    license_key: str = field(default_factory=lambda: secrets.token_hex(24), repr=False)
    url: str = field(default_factory=lambda: services()["play"].environment["LIVEKIT_URL"])

    @property
    def file(self) -> dict[str, str]:
        """As variables."""
        return {
            "LIVEKIT_API_KEY": self.api_key,
            "LIVEKIT_API_SECRET": self.api_secret,
            "AVALUMA_LICENSE_KEY": self.license_key,
        }


async def livekit_stage(bare: Path) -> Stage:
    """A root with the LiveKit server as its image has it: at the top, with busybox's programs."""
    stage = Stage(bare, {})
    wget = bare / "usr/bin/wget"
    if not wget.is_symlink():
        install = "apt-get update && apt-get install --yes busybox"
        stage.run(["/bin/sh", "-c", install], building=True)
        wget.symlink_to("/bin/busybox")
    shutil.copy2(await find_server(progress=say), bare / "livekit-server")
    return stage


@contextlib.asynccontextmanager
async def started(
    profile: str, image: Path, stage: Stage, keys: Keys
) -> AsyncIterator[list[Running]]:
    """A profile's services, all healthy; they end with the context, whatever happens."""
    server = await livekit_stage(image / "bare")
    running: list[Running] = []
    with tempfile.TemporaryDirectory(prefix="micstream-compose-") as folder:
        try:
            for service in in_order(services(), profile):
                ours = Running(
                    service,
                    server if service.name == "livekit" else stage,
                    keys.file | service.environment,
                    Path(folder) / f"{service.name}.log",
                )
                running.append(ours)
                await ours.start()
            yield running
        except (AssertionError, SystemExit):
            for ours in running:
                say(f"the end of {ours.service.name}'s log:\n{ours.said}")
            raise
        finally:
            for ours in reversed(running):
                if ours.process is not None:
                    await process.end(ours.process)


async def check(profile: str, image: Path, stage: Stage) -> None:
    keys = Keys()
    async with started(profile, image, stage, keys) as running:
        async with viewing(keys, ROOM) as viewer:
            sound = viewer.record_sound(AVATAR)

            def heard() -> list[float]:
                return stretches(sound.sound, gap_s=PAUSE_S)

            # The first may have begun before the viewer came, and the last may go on.
            try:
                async with asyncio.timeout(HEARD_S):
                    await sound.until(lambda: len(heard()) >= 4)
            except TimeoutError:
                raise SystemExit(f"compose-check: not heard within {HEARD_S:g} s") from None
            whole = stretches(samples(HELLO), gap_s=PAUSE_S)[0]
            times = heard()[1:3]
            say(f"heard for {times[0]:.2f} and {times[1]:.2f} s; the file's sound is {whole:.2f} s")
            if any(abs(each - whole) > 0.2 for each in times):
                raise SystemExit("compose-check: that is not the file")
        for ours in reversed(running):
            await ours.stop()
    say(f"{profile} speaks, and ends in order")


def say(text: str) -> None:
    print(f"compose-check: {text}", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", choices=["demo", "agent2"], default="demo")
    words = "one that `make image-check ARGS='--extras demo --keep DIR'` has built"
    parser.add_argument("--image", type=Path, metavar="DIR", help=words)
    options = parser.parse_args()
    image_check.need_debootstrap()
    with contextlib.ExitStack() as stack:
        if options.image:
            image = options.image.resolve()
            stage = image_check.build(image, {"EXTRAS": "demo"}, anew=False)
        else:
            image = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            image.chmod(0o755)  # the image's user has to get through
            stage = image_check.build(image, {"EXTRAS": "demo"})
        asyncio.run(check(options.profile, image, stage))


if __name__ == "__main__":
    main()
