"""Blocks of any length in, frames of one length out."""

from __future__ import annotations

from collections.abc import Iterator


class Framer:
    """Cuts a byte stream into frames of `frame_bytes`; what does not fill one waits for more."""

    def __init__(self, frame_bytes: int) -> None:
        if frame_bytes <= 0:
            raise ValueError("a frame holds at least one byte")
        self._frame_bytes = frame_bytes
        self._rest = b""

    def push(self, block: bytes) -> Iterator[bytes]:
        """Every frame that `block` completes, in order."""
        data = self._rest + block if self._rest else block
        size = self._frame_bytes
        whole = len(data) - len(data) % size
        self._rest = data[whole:]
        for start in range(0, whole, size):
            yield data[start : start + size]

    @property
    def rest(self) -> bytes:
        """What waits for more."""
        return self._rest

    def silence_rest(self) -> None:
        """What waits for more becomes zeros, so that the frames stay where they are."""
        self._rest = bytes(len(self._rest))

    def take_rest(self) -> bytes:
        """The tail shorter than a frame, handed out once."""
        rest, self._rest = self._rest, b""
        return rest
