"""Fixtures for real rooms, real avatars and a real microphone.

Where a program they need is missing they fail and say which: a test that is left out proves
nothing.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import secrets
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, TypeVar

import hypothesis
import pytest

from micstream.demo.avatar import AvatarProcess, local_avatar
from micstream.demo.avatar_server import avatar_server
from micstream.demo.server import LocalServer, find_server
from micstream.errors import MicstreamError
from testbed.signals import heed_signals
from testbed.sound import VirtualMicrophone, virtual_microphone
from tests.support.avatar_servers import KEY, Avatars
from tests.support.lanes import (  # noqa: F401 - hooks of pytest
    pytest_collection_modifyitems,
    pytest_configure,
)

heed_signals()


SENDER = "external-audio-sender"
T = TypeVar("T")
AvatarFactory = Callable[..., AbstractAsyncContextManager[AvatarProcess]]


# How long an example takes says more about the machine than about the code.
# The tests try the same examples each time; `make fuzz` tries new ones.
hypothesis.settings.register_profile(
    "micstream",
    deadline=None,
    derandomize=True,
    database=None,
    # A second for the first ten examples is a bound on the machine, not on the code.
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.register_profile("fuzz", deadline=None, max_examples=20_000, derandomize=False)
hypothesis.settings.load_profile("micstream")


@pytest.fixture(scope="session")
def server_binary() -> Path:
    """The livekit-server that `make test` has provided."""
    try:
        return _run(find_server(allow_install=False, progress=lambda _: None))
    except MicstreamError as error:
        pytest.fail(f"{error.message}. {error.hint}")


@pytest.fixture(scope="session")
def server(server_binary: Path) -> Iterator[LocalServer]:
    """One livekit-server for all tests; those that harm it start their own."""
    with tempfile.TemporaryDirectory(prefix="micstream-tests-") as folder:
        running = LocalServer(server_binary, Path(folder) / "server.log")
        try:
            _run(running.start())
            yield running
        finally:
            _run(running.stop())


_NUMBERS = itertools.count()


@pytest.fixture(autouse=True)
def no_settings_of_ours(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Environment and calibrations of whoever runs the tests have no say in them."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    state = tmp_path_factory.getbasetemp() / f"state-{next(_NUMBERS)}"  # a folder beside the test's
    monkeypatch.setenv("XDG_STATE_HOME", str(state))
    for name in tuple(os.environ):
        if name.startswith(("LIVEKIT_", "MICSTREAM_", "AVALUMA_", "AVATAR_")):
            monkeypatch.delenv(name)


@pytest.fixture
def room_name() -> str:
    """A room that no other test is in."""
    return f"test-{secrets.token_hex(6)}"


@pytest.fixture
def avatar(server: LocalServer) -> AvatarFactory:
    """`async with avatar(room)`: livekit-agents' own avatar worker, in a process of its own."""

    def start(
        room: str, *, sender: str = SENDER, identity: str = "avatar-test"
    ) -> AbstractAsyncContextManager[AvatarProcess]:
        return local_avatar(server.url, server.api_key, server.api_secret, room, sender, identity)

    return start


@pytest.fixture
async def avatars() -> AsyncIterator[Avatars]:
    """An avatar server, with one avatar getting ready."""
    async with avatar_server(KEY, ["demo", "anna"]) as (running, address):
        yield Avatars(running, address)


@pytest.fixture
async def microphone() -> AsyncIterator[VirtualMicrophone]:
    """A virtual microphone of 48 kHz, mono."""
    async with virtual_microphone() as running:
        yield running


def _run(step: Coroutine[Any, Any, T]) -> T:
    # A loop of its own: the tests' loops come and go, the server stays.
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(step)
    finally:
        loop.close()
