"""The places inside micstream into which faults are put are there."""

from __future__ import annotations

import datetime
import importlib
import inspect
from pathlib import Path

import pytest

from chaos import inside
from micstream.link import connection
from micstream.room import connect


@pytest.mark.parametrize("place", [inside.CAPTURE, inside.SENDING], ids=lambda place: place.owner)
def test_each_place_is_there_and_raises_once_its_file_is(
    place: inside.Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = getattr(importlib.import_module(place.module), place.owner)
    method = getattr(owner, place.method)
    assert list(inspect.signature(method).parameters) == place.arguments.split(", ")
    monkeypatch.setattr(owner, place.method, method)
    flag = tmp_path / "now"
    exec(place.raising(str(flag)))
    provoked = getattr(owner, place.method)
    assert provoked is not method
    flag.touch()
    with pytest.raises(RuntimeError, match="provoked"):
        provoked(*place.arguments.split(", "))


def test_a_tokens_life_can_be_shortened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "TOKEN_LIFE", connect.TOKEN_LIFE)
    exec(inside.short_life(-45.0))
    assert datetime.timedelta(seconds=-45) == connect.TOKEN_LIFE


def test_the_next_joining_can_be_given_up_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "CONNECT_S", connection.CONNECT_S)
    flag = tmp_path / "now"
    exec(inside.late_join(str(flag)))
    joining = connection.Connection("me", "ws://server")
    flag.touch()
    joining.start(1_000.0)
    given_up = joining.next_timer()
    assert given_up is not None
    assert given_up < 1_000.1
    other = connection.Connection("me", "ws://server")
    other.start(1_000.0)
    assert other.next_timer() == 1_015.0
