"""The SDK writes whole tokens into its log where a server refuses one. Not past this point."""

from __future__ import annotations

import logging
import re
from typing import Final

from micstream.plain_text import printable

_JWT: Final = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*")


def redact(text: str) -> str:
    """The text with every JWT in it masked."""
    return _JWT.sub("***", text)


class _RedactTokens(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
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


_FILTER: Final = _RedactTokens()


def guard_sdk_log() -> None:
    """Mask tokens in whatever the logger `livekit` hands on. May be called again."""
    logging.getLogger("livekit").addFilter(_FILTER)
