"""All rows, in the order of the fault table."""

from __future__ import annotations

from chaos.faults import avatar, ending, load, microphone, network, reader, senders, server
from chaos.row import Row

ROWS: tuple[Row, ...] = (
    *server.ROWS,
    *network.ROWS,
    *avatar.ROWS,
    *senders.ROWS,
    *microphone.ROWS,
    *load.ROWS,
    *reader.ROWS,
    *ending.ROWS,
)
BY_NAME = {row.name: row for row in ROWS}
assert len(BY_NAME) == len(ROWS), "two rows of one name"
