"""A livekit-server for this machine, on loopback alone, with random keys."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from micstream.demo import process
from micstream.demo.binary import find_server
from micstream.errors import MicstreamError, reason_of

__all__ = ["LocalServer", "find_server", "local_server"]

START_TIMEOUT_S = 15.0
_ANSWER_S = 5.0
PORT_ATTEMPTS = 5
LOOPBACK = "127.0.0.1"

# All else stays out: the server takes settings from many variables of the environment.
_INHERITED = ("PATH", "HOME", "TMPDIR", "TEMP", "SYSTEMROOT", "LANG")


@dataclass(frozen=True)
class _Ports:
    http: int
    udp: int

    @classmethod
    def free(cls) -> _Ports:
        """Ports that are free now; another program may still be quicker."""
        kinds = (socket.SOCK_STREAM, socket.SOCK_DGRAM)
        sockets = [socket.socket(socket.AF_INET, kind) for kind in kinds]
        try:
            for each in sockets:
                each.bind((LOOPBACK, 0))
            return cls(*(each.getsockname()[1] for each in sockets))
        finally:
            for each in sockets:
                each.close()


@dataclass
class LocalServer:
    """One livekit-server process. It can be stopped, killed and started again on its ports."""

    binary: Path
    log_path: Path
    api_key: str = field(default_factory=lambda: "API" + secrets.token_hex(8))
    api_secret: str = field(default_factory=lambda: secrets.token_urlsafe(36), repr=False)
    address: str = LOOPBACK
    """Address it listens at; anything but loopback is for a network that nobody else is in."""
    empty_timeout_s: int = 86_400
    """Seconds a room without a viewer stays open; a server's own default is 300, agents or not."""
    _ports: _Ports = field(default_factory=_Ports.free, repr=False)
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _started_before: bool = field(default=False, repr=False)

    @property
    def url(self) -> str:
        """Address for clients, such as `ws://127.0.0.1:<port>`."""
        return f"ws://{self.address}:{self._ports.http}"

    @property
    def ports(self) -> tuple[int, int]:
        """The port of its API (TCP) and that of its media and data (UDP)."""
        return self._ports.http, self._ports.udp

    @property
    def running(self) -> bool:
        """The process is there."""
        return self._process is not None and self._process.poll() is None

    async def start(self) -> None:
        """Start and wait until it answers. Raises MicstreamError (code "server_failed").

        The first start goes to other ports when its own were taken in between; a later one keeps
        them, for clients that come back.
        """
        if self.running:
            return
        for _ in range(PORT_ATTEMPTS):
            before = self.log_path.stat().st_size if self.log_path.exists() else 0
            if await self._start_once():
                self._started_before = True
                return
            said = self.log_path.read_text(errors="replace")[before:]
            if self._started_before or "address already in use" not in said:
                break
            self._ports = _Ports.free()
        raise MicstreamError(
            f"livekit-server did not start: {process.tail(self.log_path) or 'it printed nothing'}",
            hint=f"try {self.binary} --version; is it for this machine?",
            code="server_failed",
        )

    async def stop(self) -> None:
        """End it in order; killed when it does not end within three seconds."""
        if self._process is None:
            return
        # Asked once it waits until every participant has left; asked twice it ends now.
        self._process.terminate()
        try:
            async with asyncio.timeout(0.3):
                await process.ended(self._process)
        except TimeoutError:
            pass
        finally:
            await process.end(self._process)

    async def kill(self) -> None:
        """End it as a crash would: SIGKILL, nobody is told."""
        if self._process is not None:
            self._process.kill()
            await process.ended(self._process)

    def signal(self, number: int) -> None:
        """Send it a signal, if it runs."""
        if self._process is not None:
            self._process.send_signal(number)

    async def ended(self) -> MicstreamError:
        """Wait until it has ended; what it said last, as an error."""
        if self._process is not None:
            await process.ended(self._process)
        said = process.tail(self.log_path).rpartition("\n")[2] or "it printed nothing"
        return MicstreamError(f"livekit-server has ended: {said}", code="server_failed")

    async def restart(self) -> None:
        """Stop, then start on the same ports."""
        await self.stop()
        await self.start()

    async def _start_once(self) -> bool:
        environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        environment["LIVEKIT_CONFIG"] = self._configuration()
        try:
            self._process = process.start([self.binary], environment=environment, log=self.log_path)
        except OSError as error:
            raise MicstreamError(
                f"{self.binary} cannot be run: {reason_of(error)}", code="server_failed"
            ) from error
        answered = False
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                while self.running and not answered:
                    answered = await self._answers()
                    await asyncio.sleep(process.POLL_S)
        except TimeoutError:
            pass
        finally:
            if not answered:
                await process.end(self._process)
        return answered and self.running

    def _configuration(self) -> str:
        # By environment, as arguments are shown to everybody. JSON is YAML.
        return json.dumps(
            {
                "port": self._ports.http,
                "bind_addresses": [self.address],
                "keys": {self.api_key: self.api_secret},
                "rtc": {
                    "tcp_port": 0,  # none: this one would listen on every interface
                    "udp_port": self._ports.udp,
                    "node_ip": self.address,
                    "use_external_ip": False,
                    "enable_loopback_candidate": True,
                    "ips": {"includes": [f"{self.address}/32"]},
                },
                "room": {
                    "empty_timeout": self.empty_timeout_s,
                    "departure_timeout": self.empty_timeout_s,
                },
                "logging": {"level": "info", "json": False},
            }
        )

    async def _answers(self) -> bool:
        """Tell whether the server there takes our keys: on a port that was lost it is another's."""
        import aiohttp
        from google.protobuf.message import DecodeError
        from livekit import api

        from micstream.room import web

        url = self.url.replace("ws://", "http://")
        try:
            async with (
                web.session(url, aiohttp.ClientTimeout(total=_ANSWER_S)) as session,
                api.LiveKitAPI(url, self.api_key, self.api_secret, session=session) as client,
            ):
                await client.room.list_rooms(api.ListRoomsRequest())
        except (api.TwirpError, DecodeError, *web.ODD):
            return False
        return True


@asynccontextmanager
async def local_server(binary: Path) -> AsyncIterator[LocalServer]:
    """A running server on free loopback ports; it ends with the context, whatever happens."""
    with tempfile.TemporaryDirectory(prefix="micstream-server-") as folder:
        server = LocalServer(binary, Path(folder) / "server.log")
        try:
            await server.start()
            yield server
        finally:
            await server.stop()
