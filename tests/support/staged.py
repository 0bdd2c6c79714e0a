"""Settings of a stage that no test needs a server for, and where its page is asked for."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from micstream.settings import Settings, load
from micstream.settings.pieces import ConnectionSettings
from testbed.staged import Staged

SECRET = "a-secret-that-nobody-else-has-ever-had"
EVERYWHERE = "0.0.0.0"


def connection(**more: Any) -> ConnectionSettings:
    return settings(**more).connection()


def settings(**more: Any) -> Settings:
    return load(**{"url": "ws://127.0.0.1:7880", "api_key": "key", "api_secret": SECRET, **more})


def here(running: Staged) -> str:
    """The root of its server, asked for on this machine."""
    return f"http://127.0.0.1:{urlsplit(running.address).port}"
