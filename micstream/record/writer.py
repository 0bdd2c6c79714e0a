"""Writer: a thread that writes down what is handed to it; a disk that stalls holds up nobody.

Whoever hands over puts into a bounded queue and goes on. The thread looks four times a second: that
costs next to nothing, and is all that a kill can take. What finds no room in the queue is counted.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Generic, Protocol, TypeVar

Item = TypeVar("Item")
Item_contra = TypeVar("Item_contra", contravariant=True)

_PAUSE_S: Final = 0.25
_SYNC_S: Final = 1.0


class Sink(Protocol[Item_contra]):
    """Where it is written; called in the writer's thread alone. Deals with its own OSErrors."""

    def write(self, items: Sequence[Item_contra], lost: int) -> None:
        """Write them; `lost`: how many others found no room in the queue since the last time."""
        ...

    def sync(self) -> None:
        """Have it on the disk: about once a second."""
        ...

    def close(self) -> None:
        """Complete it: nothing more comes."""
        ...


class Writer(Generic[Item]):
    """Queue and thread of one sink. `capacity`: bytes that may wait."""

    def __init__(
        self,
        name: str,
        sink: Sink[Item],
        capacity: int,
        failed: Callable[[Exception], None] = lambda _: None,
    ) -> None:
        self.error: Exception | None = None
        """A mistake of the sink's, which ended it."""
        self._name = name
        self._sink = sink
        self._capacity = capacity
        self._failed = failed
        self._waiting: deque[tuple[Item, int]] = deque()
        # Each is counted up by one thread alone, so that neither has to wait for a lock.
        self._put, self._taken = 0, 0
        self._lost, self._told = 0, 0
        self._ending = threading.Event()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def lost(self) -> int:
        """Items that found no room, in all."""
        return self._lost

    def put(self, item: Item, size: int) -> None:
        """Hand over an item of so many bytes; never waits."""
        if self._ending.is_set():
            return
        if self._put - self._taken + size > self._capacity:
            self._lost += 1
            return
        self._put += size
        self._waiting.append((item, size))
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()

    def end(self) -> None:
        """Take no more; what waits is written, and the sink closed."""
        self._ending.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()

    def wait_ended(self, timeout: float) -> bool:
        """Wait until all is written: True; False where the disk takes longer than `timeout`."""
        return self._ended.wait(timeout)

    def _work(self) -> None:
        due = time.monotonic() + _SYNC_S
        try:
            while True:
                ending = self._ending.wait(_PAUSE_S)  # before a look: nothing is put after it
                self._write()
                if ending:
                    break
                if time.monotonic() >= due:
                    self._sink.sync()
                    due = time.monotonic() + _SYNC_S
            self._sink.close()
        except Exception as error:  # its own mistake: it ends, and that is told
            self.error = error
            self._failed(error)
        finally:
            self._ending.set()
            self._waiting.clear()
            self._ended.set()

    def _write(self) -> None:
        items, size = [], 0
        for _ in range(len(self._waiting)):
            item, bytes_ = self._waiting.popleft()
            items.append(item)
            size += bytes_
        lost = self._lost - self._told
        if items or lost:
            self._sink.write(items, lost)
        self._told += lost
        self._taken += size
