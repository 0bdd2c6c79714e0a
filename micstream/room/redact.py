"""Filter of the SDK's log: no token gets past it, nor what says nothing to anybody.

The SDK writes whole tokens into its log where a server refuses one. And at the end of a room it
drops the handle of each track that we have ever subscribed to, also of those that it has let go of
when we unsubscribed, as we do of an avatar's sound once it plays: a warning for each, which every
program without a log of its own would print (rust-sdks, `livekit-ffi/src/server/room.rs`, `close`:
`track_handle_lookup` keeps what is gone).
"""

from __future__ import annotations

import logging
import re
from typing import Final

from micstream.plain_text import printable

_TRACK_WAS_LET_GO: Final = "Attempted to drop unknown FFI handle"
_JWT: Final = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*")


def redact(text: str) -> str:
    """The text with every JWT in it masked."""
    return _JWT.sub("***", text)


class _Guard(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if _TRACK_WAS_LET_GO in message:
            return False
        record.msg, record.args = redact(message), None
        return True


class Redacting(logging.Formatter):
    """Formats a record as others do, tracebacks too, and masks every JWT in it.

    A name in a message cannot forge a record of its own, nor command a terminal.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The record as text."""
        return redact(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """The message as a line."""
        record.message = printable(record.message)
        return super().formatMessage(record)


_FILTER: Final = _Guard()


def guard_sdk_log() -> None:
    """Guard whatever the logger `livekit` hands on. May be called again."""
    logging.getLogger("livekit").addFilter(_FILTER)
