"""A network that goes, as the server's silence shows it."""

from __future__ import annotations

import pytest

from micstream.local.server import LocalServer
from tests.support.rooms import bystander, wire_avatar
from tests.support.senders import voice
from tests.support.waiting import stays, wait_until

pytestmark = pytest.mark.room


async def test_a_server_that_stands_still_is_told_and_that_it_is_back(server_binary, tmp_path):
    ...
