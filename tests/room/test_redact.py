"""No token gets past the SDK's log."""

from __future__ import annotations

import datetime
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream.room.redact import Redacting, guard_sdk_log, redact
from micstream.room.token import mint

TOKEN = mint(
    api_key="key",
    api_secret="s" * 40,
    room="show",
    identity="someone",
    ttl=datetime.timedelta(minutes=1),
)


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_token_in_a_text_is_masked(before: str, after: str) -> None:
    masked = redact(f"{before} {TOKEN} {after}")
    assert TOKEN not in masked
    assert TOKEN.split(".")[1] not in masked
    assert TOKEN.split(".")[2] not in masked
    assert "***" in masked


@pytest.mark.parametrize("text", ["", "wss://example.org/rtc?access_token=", "eyJ is no token"])
def test_other_text_stays(text: str) -> None:
    assert redact(text) == text


def test_an_address_keeps_all_but_the_token() -> None:
    said = redact(f"GET wss://example.org/rtc?access_token={TOKEN}&sdk=python failed: 401")
    assert said == "GET wss://example.org/rtc?access_token=***&sdk=python failed: 401"


def test_several_tokens_are_masked() -> None:
    assert redact(f"{TOKEN},{TOKEN}") == "***,***"


def test_the_sdks_log_is_masked(caplog: pytest.LogCaptureFixture) -> None:
    guard_sdk_log()
    guard_sdk_log()
    logger = logging.getLogger("livekit")
    with caplog.at_level(logging.DEBUG, logger="livekit"):
        logger.warning("signal failed: %s (%d)", f"access_token={TOKEN}", 401)
        logger.info(f"joining with {TOKEN}")
    assert [record.getMessage() for record in caplog.records] == [
        "signal failed: access_token=*** (401)",
        "joining with ***",
    ]
    assert TOKEN not in caplog.text


def test_the_sdks_word_of_a_track_that_was_let_go_is_dropped_and_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    guard_sdk_log()
    logger = logging.getLogger("livekit")
    said = "Attempted to drop unknown FFI handle"
    with caplog.at_level(logging.DEBUG, logger="livekit"):
        logger.warning("%s:%s:%s - %s", "livekit_ffi::server", 279, "livekit_ffi::server", said)
        logger.warning("livekit_ffi::server:279:livekit_ffi::server - %s: 62", said)
        logger.warning("livekit_ffi::server:279:livekit_ffi::server - failed to drop %s", "it")
    assert [record.getMessage() for record in caplog.records] == [
        "livekit_ffi::server:279:livekit_ffi::server - failed to drop it"
    ]


def test_a_traceback_in_a_log_is_masked() -> None:
    try:
        raise ValueError(TOKEN)
    except ValueError as error:
        info = (type(error), error, error.__traceback__)
    record = logging.LogRecord("x", logging.ERROR, "", 1, "never %s", ("retrieved",), info)
    said = Redacting(logging.BASIC_FORMAT).format(record)
    assert said.startswith("ERROR:x:never retrieved\n")
    assert said.endswith("ValueError: ***")


def test_a_name_in_the_log_forges_no_record() -> None:
    name = "avatar\nCRITICAL:livekit:the room is closed\x1b[2J"
    record = logging.LogRecord("livekit", logging.INFO, "", 1, "joined: %s", (name,), None)
    said = Redacting(logging.BASIC_FORMAT).format(record)
    assert said == "INFO:livekit:joined: avatar\\nCRITICAL:livekit:the room is closed\\x1b[2J"
