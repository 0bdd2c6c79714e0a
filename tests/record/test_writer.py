"""A writer's thread: what is handed over is written; a disk that stands still holds up nobody."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from micstream.record.writer import Writer


class Disk:
    """A sink that can stand still, or break."""

    def __init__(self) -> None:
        self.goes = threading.Event()
        self.goes.set()
        self.begun = threading.Event()
        self.items: list[int] = []
        self.lost = 0
        self.closed = 0
        self.error: Exception | None = None

    def write(self, items: Sequence[int], lost: int) -> None:
        self.begun.set()
        assert self.goes.wait(20)
        if self.error is not None:
            raise self.error
        self.items += items
        self.lost += lost

    def sync(self) -> None:
        pass

    def close(self) -> None:
        self.closed += 1


def test_all_of_it_is_written_in_its_order() -> None:
    disk = Disk()
    writer = Writer("test", disk, 10_000)
    for number in range(100):
        writer.put(number, 100)
    writer.end()
    writer.put(100, 1)
    assert writer.wait_ended(20)
    assert disk.items == list(range(100))
    assert (disk.lost, disk.closed, writer.lost) == (0, 1, 0)


def test_a_disk_that_stands_still_loses_what_is_counted_and_nothing_else() -> None:
    disk = Disk()
    disk.goes.clear()
    writer = Writer("test", disk, 1_000)
    writer.put(0, 100)
    assert disk.begun.wait(20)
    for number in range(1, 101):  # returns at once, whatever the disk does
        writer.put(number, 100)
    assert writer.lost == 91
    disk.goes.set()
    writer.end()
    assert writer.wait_ended(20)
    assert disk.items == list(range(10))
    assert disk.lost == writer.lost


def test_where_nothing_was_handed_over_it_is_completed_all_the_same() -> None:
    disk = Disk()
    writer: Writer[int] = Writer("test", disk, 1_000)
    writer.end()
    assert writer.wait_ended(20)
    assert disk.closed == 1


def test_a_mistake_in_it_ends_it_and_is_known() -> None:
    disk = Disk()
    disk.error = ValueError("a mistake")
    told: list[Exception] = []
    writer = Writer("test", disk, 1_000, told.append)
    writer.put(1, 1)
    assert writer.wait_ended(20)
    assert writer.error is disk.error
    assert told == [disk.error]
    writer.put(2, 1)
