"""Bytes divided in every way: laws say that the division does not matter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from hypothesis import strategies as st


def cuts(length: int) -> st.SearchStrategy[list[int]]:
    """Where to divide something of up to `length`; some pieces may be empty."""
    return st.lists(st.integers(0, length), max_size=12)


def chunked(data: bytes, where: Sequence[int]) -> Iterator[bytes]:
    """`data` divided at those of the places that lie within it."""
    within = sorted(at for at in where if at <= len(data))
    for start, end in pairwise([0, *within, len(data)]):
        yield data[start:end]
