"""Variables: only those of the table, as they stand, and a file that cannot be read is told."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream.errors import UsageError
from micstream.settings import load
from micstream.settings.loading import mixed_origins
from micstream.settings.table import KNOBS
from micstream.settings.variables import ENVIRONMENT, FILES, KNOWN, from_file, layered, tidied

FOREIGN = ("dev", "cuda", "1", "true", "stable", "wss://elsewhere.example", "999")


@pytest.fixture(autouse=True)
def empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("value", FOREIGN)
@pytest.mark.parametrize("place", ["environment", "file"])
def test_the_variables_of_other_programs_change_nothing(
    place: str, value: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A bare field name in either case is a variable of somebody else's."""
    expected = load()
    names = [f"{knob.name}{more}" for knob in KNOBS for more in ("", "_also")]
    for name in (*names, *(name.upper() for name in names)):
        if name.upper() in KNOWN:
            continue
        if place == "environment":
            monkeypatch.setenv(name, value)
    if place == "file":
        lines = "".join(f"{name.upper()}={value}\n{name}={value}\n" for name in names)
        (tmp_path / ".env").write_text(lines)
    assert load() == expected


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("'show'", "show"),
        ('"show"', "show"),
        (" show ", "show"),
        ("show\n", "show"),
        ("\r\nshow\r\n", "show"),
        ("' show '", "show"),
        ("main hall", "main hall"),
        ("Anna's", "Anna's"),
        ("\u201cshow\u201d", "show"),
        ("\"Anna\" and 'Ben'", "\"Anna\" and 'Ben'"),
    ],
)
def test_quotes_and_blanks_around_a_value_are_taken_off(
    written: str, meant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `docker run --env-file` leaves them."""
    monkeypatch.setenv("LIVEKIT_ROOM", written)
    assert load().room == meant


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("LIVEKIT_API_SECRET", "two words", "blank"),
        ("LIVEKIT_API_SECRET", "two\nlines", "blank or a line break"),
        ("LIVEKIT_API_SECRET", "'half", "quote at one end"),
        ("LIVEKIT_API_KEY", 'half"', "quote at one end"),
        ("LIVEKIT_TOKEN", "eyJ a b", "blank"),
        ("LIVEKIT_URL", "wss://a b", "blank"),
        ("LIVEKIT_ROOM", "a\nb", "line break"),
        ("AVALUMA_LICENSE_KEY", "x y", "blank"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_variable(
    variable: str, value: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError) as refused:
        load()
    assert variable in refused.value.message
    assert words in refused.value.message
    if "ROOM" not in variable and "URL" not in variable:
        assert value not in refused.value.message + refused.value.hint


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("LIVEKIT_ROOM=a\nLIVEKIT_API_SECRET='open\nMICSTREAM_MODE=live\n", 2),
        ("LIVEKIT_ROOM=a\n\nthis is no assignment\n", 3),
        ("# a comment\nLIVEKIT_ROOM\n", 2),
        ('LIVEKIT_ROOM="a\n', 1),
    ],
)
def test_a_line_that_is_none_is_named(text: str, line: int, tmp_path: Path) -> None:
    (tmp_path / ".env.local").write_text(text)
    with pytest.raises(UsageError, match=rf"\.env\.local, line {line}: ") as refused:
        load()
    assert refused.value.exit_code == 2
    assert "open" not in refused.value.message


@pytest.mark.parametrize("value", ["ab${HOME}cd", "ab$HOME", "${}", "a$$b", "100%"])
def test_values_stand_as_they_are(value: str, tmp_path: Path) -> None:
    for quoted in (f"'{value}'", value):
        (tmp_path / ".env.local").write_text(f"LIVEKIT_API_SECRET={quoted}\n")
        secret = load().api_secret
        assert secret is not None
        assert secret.get_secret_value() == value


@given(st.text(max_size=20))
def test_whatever_a_value_is_tidied_once_is_tidied(value: str) -> None:
    for variable in ("LIVEKIT_API_SECRET", "LIVEKIT_ROOM"):
        try:
            tidy = tidied(variable, value)
        except ValueError:
            continue
        assert tidy == tidy.strip()
        assert tidy in value
        assert not set(tidy) & set("\n\r\0\t\u2028")


@pytest.mark.parametrize("empty", ['""', "''", " ", '" "', ""])
def test_nothing_in_quotes_is_nothing(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `--env-file` hands on what was left open there."""
    expected = load()
    for variable in KNOWN:
        monkeypatch.setenv(variable, empty)
    assert load() == expected


def test_the_avatars_name_too_stands_without_its_quotes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVALUMA_AVATAR_ID", '"anna"')
    assert load().avatar == ("avatar-anna",)
    monkeypatch.setenv("MICSTREAM_AVATAR", '"avatar-a","avatar-b"')
    assert load().avatar == ("avatar-a", "avatar-b")


@pytest.mark.parametrize(
    "name", ["\U0001f469\u200d\U0001f3a4 show", "\u821e\u53f0\u30001", "de\xa0Jean"]
)
def test_names_in_any_script_are_names(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEKIT_ROOM", name)
    assert load().room == name


def test_a_settings_file_may_be_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".env")
    writer = threading.Thread(target=lambda: (tmp_path / ".env").write_text("LIVEKIT_ROOM=piped\n"))
    writer.start()
    assert load().room == "piped"
    writer.join()


def test_a_query_of_an_address_is_not_repeated() -> None:
    with pytest.raises(UsageError) as refused:
        load(url="wss://x.example/?access_token=hidden abc")
    assert "hidden" not in refused.value.message


def test_where_each_comes_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("LIVEKIT_URL=ws://a\nLIVEKIT_ROOM=a\nLIVEKIT_API_KEY=k\n")
    (tmp_path / ".env.local").write_text("LIVEKIT_ROOM=b\n")
    monkeypatch.setenv("LIVEKIT_API_KEY", "other")
    assert layered(FILES) == {
        "LIVEKIT_URL": ("ws://a", ".env"),
        "LIVEKIT_ROOM": ("b", ".env.local"),
        "LIVEKIT_API_KEY": ("other", ENVIRONMENT),
    }


@pytest.mark.parametrize("credential", ["LIVEKIT_API_SECRET", "LIVEKIT_TOKEN"])
def test_an_address_from_here_and_a_secret_from_elsewhere_are_told(
    credential: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("LIVEKIT_URL=ws://here\n")
    assert mixed_origins(load()) is None
    monkeypatch.setenv(credential, "x" * 40)
    assert mixed_origins(load()) == (".env", ENVIRONMENT)
    assert mixed_origins(load(url="ws://given")) is None, "who gives it knows it"
    (tmp_path / ".env.local").write_text(f"LIVEKIT_URL=ws://there\n{credential}=y\n")
    monkeypatch.delenv(credential)
    assert mixed_origins(load()) is None


@pytest.mark.parametrize(
    ("data", "says_so"),
    [
        ("LIVEKIT_ROOM=a\n".encode("utf-16"), "in UTF-16"),
        ("LIVEKIT_ROOM=\u00e4\n".encode("latin-1"), "not UTF-8 text"),
        (b"\x00\x01" * 600_000, "more than 1000000 bytes"),
    ],
)
def test_a_file_of_another_kind_is_named(tmp_path: Path, data: bytes, says_so: str) -> None:
    """PowerShell's `echo ... > .env.local` writes UTF-16, for example."""
    place = tmp_path / ".env.local"
    place.write_bytes(data)
    with pytest.raises(UsageError, match=says_so) as caught:
        from_file(place)
    assert str(place) in caught.value.message
    assert caught.value.hint
    assert caught.value.code == "bad_env"


def test_a_file_that_never_ends_is_given_up(tmp_path: Path) -> None:
    (tmp_path / ".env").symlink_to("/dev/zero")
    with pytest.raises(UsageError, match="more than"):
        from_file(tmp_path / ".env")


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_lines_end_in_each_way(tmp_path: Path, ending: str) -> None:
    place = tmp_path / ".env"
    place.write_bytes(ending.join(["\ufeffLIVEKIT_ROOM=a", "LIVEKIT_URL=ws://b", ""]).encode())
    assert from_file(place) == {"LIVEKIT_ROOM": "a", "LIVEKIT_URL": "ws://b"}
