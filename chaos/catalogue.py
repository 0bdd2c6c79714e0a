"""All rows, in the order of the fault table."""

from __future__ import annotations

from chaos.faults import server
from chaos.row import Row

ROWS: tuple[Row, ...] = (*server.ROWS,)
BY_NAME = {row.name: row for row in ROWS}
assert len(BY_NAME) == len(ROWS), "two rows of one name"
