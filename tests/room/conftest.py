"""Rooms of the tests here are joined from a folder without settings files."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def no_settings_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `.env` of whoever runs the tests has no say in them."""
    monkeypatch.chdir(tmp_path)
