"""The rehearsal's settings file: found by every command, private, and never in another's place."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from micstream.demo.rehearsal import HEAD, settings_file
from micstream.errors import UsageError
from micstream.settings import load
from micstream.settings.variables import ENVIRONMENT, from_file, unquoted

VALUES = {
    "LIVEKIT_URL": "ws://127.0.0.1:47111",
    "LIVEKIT_API_KEY": "APIrehearsal",
    "LIVEKIT_API_SECRET": "a-secret-of-this-rehearsal-alone-_-",
    "LIVEKIT_ROOM": "show",
    "MICSTREAM_IDENTITY": "external audio sender",
    "AVALUMA_LICENSE_KEY": "rehearsal-key",
    "AVALUMA_AVATAR_ID": "anna",
    "AVATAR_SERVER_URL": "http://127.0.0.1:47112",
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def port() -> Iterator[int]:
    """At which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def assert_leads_to_the_rehearsal() -> None:
    found = load()
    assert found.url == VALUES["LIVEKIT_URL"]
    assert found.connection().keys() == (
        VALUES["LIVEKIT_API_KEY"],
        VALUES["LIVEKIT_API_SECRET"],
    )
    assert (found.room, found.identity) == ("show", VALUES["MICSTREAM_IDENTITY"])
    start = found.start()
    assert start.license_key is not None
    assert start.license_key.get_secret_value() == VALUES["AVALUMA_LICENSE_KEY"]
    assert (start.avatar_id, start.server) == ("anna", VALUES["AVATAR_SERVER_URL"])
    assert found.avatar == ("avatar-anna",)


def sourced(line: str) -> dict[str, str]:
    """The environment of a shell after a line was pasted into it."""
    shown = subprocess.run(
        ["sh", "-c", f"{line}; env -0"], capture_output=True, text=True, check=True
    ).stdout
    return dict(entry.split("=", 1) for entry in shown.split("\0") if entry)


def test_commands_of_a_folder_without_settings_find_it_by_themselves(here: Path) -> None:
    with settings_file(VALUES) as file:
        assert file.is_found
        assert file.path == here / ".env.local"
        assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
        assert_leads_to_the_rehearsal()
    assert list(here.iterdir()) == []


def test_settings_of_other_things_are_not_in_its_way(here: Path) -> None:
    (here / ".env").write_text("MICSTREAM_DEVICE=USB\nPORT=8000\n")
    with settings_file(VALUES) as file:
        assert file.is_found
        assert_leads_to_the_rehearsal()
        assert load().device == "USB"


VENUE = {
    "environment": {"LIVEKIT_URL": "wss://venue.example"},
    "another name": {"AVALUMA_API_KEY": "the venue's", "AVALUMA_API_URL": "https://venue.example"},
    "avatar": {"MICSTREAM_AVATAR": "avatar-venue", "MICSTREAM_IDENTITY": "theirs"},
}


@pytest.mark.parametrize("venue", VENUE.values(), ids=VENUE)
@pytest.mark.parametrize("place", ["environment", ".env", ".env.local"])
def test_what_is_there_for_another_server_stays_and_a_pasted_line_goes_before_it(
    venue: dict[str, str], place: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "".join(f'{name}="{value}"\n' for name, value in venue.items())
    if place == "environment":
        for name, value in venue.items():
            monkeypatch.setenv(name, value)
    else:
        (here / place).write_text(text)
    before = {each: each.read_bytes() for each in here.iterdir()}
    with settings_file(VALUES) as file:
        assert not file.is_found
        assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700
        for name, value in sourced(file.paste).items():
            monkeypatch.setenv(name, value)
        assert_leads_to_the_rehearsal()
    assert not file.path.parent.exists()
    assert {each: each.read_bytes() for each in here.iterdir()} == before


def test_a_file_that_is_there_is_kept_whatever_is_in_it(here: Path) -> None:
    (here / ".env.local").write_text("# nothing yet\n")
    with settings_file(VALUES) as file:
        assert not file.is_found
    assert (here / ".env.local").read_text() == "# nothing yet\n"


def test_a_token_goes_before_it_and_is_told(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / ".env").write_text("LIVEKIT_TOKEN=theirs\n")
    with settings_file(VALUES) as file:
        assert (file.is_found, file.token_in) == (False, ".env")
    monkeypatch.setenv("LIVEKIT_TOKEN", "theirs")
    with settings_file(VALUES) as file:
        assert file.token_in == ENVIRONMENT
        assert "LIVEKIT_TOKEN" not in sourced(file.paste)


def test_where_nothing_may_be_written_it_lies_elsewhere(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / ".env.local").symlink_to(here / "nowhere")
    with settings_file(VALUES) as file:
        assert not file.is_found
        for name, value in sourced(file.paste).items():
            monkeypatch.setenv(name, value)
        assert_leads_to_the_rehearsal()
    assert not (here / "nowhere").exists()


def test_what_a_killed_rehearsal_has_left_is_replaced(here: Path) -> None:
    (here / ".env.local").write_text(f"{HEAD}LIVEKIT_URL=ws://127.0.0.1:1\n")
    with settings_file(VALUES) as file:
        assert file.is_found
        assert_leads_to_the_rehearsal()
    assert not (here / ".env.local").exists()


def test_that_of_another_rehearsal_which_runs_is_kept(here: Path, port: int) -> None:
    text = f"{HEAD}LIVEKIT_URL=ws://127.0.0.1:{port}\n"
    (here / ".env.local").write_text(text)
    with settings_file(VALUES) as file:
        assert not file.is_found
    assert (here / ".env.local").read_text() == text


def test_one_that_somebody_has_changed_meanwhile_is_kept(here: Path) -> None:
    with settings_file(VALUES) as file, file.path.open("a") as text:
        text.write("MICSTREAM_DEVICE=USB\n")
    assert "MICSTREAM_DEVICE=USB" in file.path.read_text()


@settings(max_examples=30)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1))
@example("O'Brien")
@example(r"a\b'c")
@example('say "yes" to Anna')
@example("$HOME is `here`")
@example("\\")
def test_a_shell_and_the_settings_read_the_same(name: str) -> None:
    with suppress(UsageError), settings_file(VALUES | {"MICSTREAM_IDENTITY": name}) as file:
        (path,) = [file.path]
        read = from_file(path)["MICSTREAM_IDENTITY"]
        assert read == sourced(file.paste)["MICSTREAM_IDENTITY"]
        assert read == unquoted(name)


def test_what_cannot_be_written_for_both_is_refused() -> None:
    with (
        pytest.raises(UsageError, match="cannot be written"),
        settings_file(VALUES | {"MICSTREAM_IDENTITY": "it's $5"}),
    ):
        pass
    assert not Path(".env.local").exists()


def test_on_windows_the_line_is_powershells(monkeypatch: pytest.MonkeyPatch) -> None:
    (Path.cwd() / ".env.local").touch()
    with settings_file(VALUES) as file, monkeypatch.context() as patch:
        patch.setattr(os, "name", "nt")
        line = file.paste
    assert line.startswith("Get-Content '")
    assert "Set-Item" in line
