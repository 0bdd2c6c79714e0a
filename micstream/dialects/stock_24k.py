"""The stock protocol with sound of 24 kHz.

So the plugins of livekit-agents 1.8.9 for Anam, Avatario, Boson, LemonSlice and Tavus have it.
"""

from __future__ import annotations

from typing import Final

from micstream.delivery.dialect import Dialect

STOCK_24K: Final = Dialect(sample_rate=24_000)
