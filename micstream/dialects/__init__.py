"""Dialects by name: the one table of them. Pure.

To add one: its own file here with a `Dialect`, and its line in `DIALECTS`; `--dialect` has it then.
"""

from __future__ import annotations

from typing import Final

from micstream.delivery.dialect import STOCK, Dialect
from micstream.dialects.stock_24k import STOCK_24K

DIALECTS: Final[dict[str, Dialect]] = {"stock": STOCK, "stock-24k": STOCK_24K}
"""Each by the name that `--dialect` gives it."""
