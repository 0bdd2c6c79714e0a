"""Bus: hands each event to every consumer, and never waits for one.

`emit` folds the event into the state, puts it into the bounded queue of each subscription, and
returns. Who takes them does so in a task (`async for event in subscription`) or, where writing
may block, in a thread of its own (`ThreadConsumer`). One that stalls loses the newest events;
they are counted, and told (warning `events_lost`) as soon as half of its queue is free again. The
summary `Bye` is never lost: it comes last, whatever has to give way.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable
from typing import Final, Self

from micstream import notices
from micstream.events import Bye, Event
from micstream.state import State, fold

_CAPACITY: Final = 1_000
"""Events kept for one consumer: minutes of them."""


class Subscription:
    """Queue of one consumer: an async iterator that ends after `Bye`, or when it is closed."""

    def __init__(self, name: str, capacity: int = _CAPACITY) -> None:
        if capacity < 3:
            raise ValueError(f"expected a capacity of 3 or more, not {capacity}")
        self.name = name
        self.capacity = capacity
        self.events: deque[Event] = deque()
        """What waits to be taken, the oldest first."""
        self.lost = 0
        """Events that were not taken in time, in all."""
        self._untold = 0
        self._closed = False
        self._arrived = asyncio.Event()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while not self.events:
            if self._closed:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        return self.events.popleft()

    @property
    def is_closed(self) -> bool:
        """Closed: nothing more comes; what waits can still be taken."""
        return self._closed

    def close(self) -> None:
        """Take no more."""
        self._closed = True
        self._wake()

    # ---- from the bus' side --------------------------------------------------------------------

    def due(self, event: Event) -> int:
        """Count of lost events to be told of before this one, now that there is room again."""
        last = isinstance(event, Bye)
        if self._closed or not self._untold:
            return 0
        return self._untold if last or len(self.events) <= self.capacity // 2 else 0

    def offer(self, event: Event) -> None:
        """Put the event into the queue, or count it as lost."""
        if self._closed:
            return
        last = isinstance(event, Bye)
        if not last and (self._untold or len(self.events) >= self.capacity):
            self.lost += 1
            self._untold += 1
            return
        self._put(event)
        if last:
            self.close()

    def tell(self, notice: Event) -> None:
        """Put in the notice of what was lost, and go on."""
        self._untold = 0
        self._put(notice)

    def make_room(self) -> None:
        """Give up the newest events for the last one, and for the notice of what was lost."""
        if not self._untold and len(self.events) < self.capacity:
            return
        with contextlib.suppress(IndexError):  # its thread has just taken them
            while len(self.events) > self.capacity - 2:
                self.events.pop()
                self.lost += 1
                self._untold += 1

    def _put(self, event: Event) -> None:
        self.events.append(event)
        self._wake()

    def _wake(self) -> None:
        self._arrived.set()


class Bus:
    """Every event on its way from those it happened to, to those who want to know.

    Belongs to the thread of the loop, as everything that emits.
    """

    def __init__(self) -> None:
        self._state = State()
        self._subscriptions: list[Subscription] = []

    @property
    def state(self) -> State:
        """State after the last event."""
        return self._state

    @property
    def subscriptions(self) -> tuple[Subscription, ...]:
        """Those that events are handed to."""
        return tuple(each for each in self._subscriptions if not each.is_closed)

    def subscribe(self, name: str, capacity: int = _CAPACITY) -> Subscription:
        """Queue for every event from now on; the newest are lost to whoever does not take them."""
        return self.add(Subscription(name, capacity))

    def add(self, subscription: Subscription) -> Subscription:
        """Hand events to this one too."""
        self._subscriptions.append(subscription)
        return subscription

    def emit(self, event: Event) -> None:
        """Tell everyone. Never waits."""
        if isinstance(event, Bye):
            for each in self._subscriptions:
                each.make_room()
        for each in tuple(self._subscriptions):
            lost = each.due(event)
            if lost:
                self._tell_lost(each, lost)
        self._state = fold(self._state, event)
        for each in self._subscriptions:
            each.offer(event)
        self._subscriptions = [each for each in self._subscriptions if not each.is_closed]

    def emit_summary(self) -> None:
        """Tell the counts: last of all."""
        self.emit(self._state.summary())

    def _tell_lost(self, consumer: Subscription, count: int) -> None:
        notice = notices.events_lost(consumer.name, count)
        self._state = fold(self._state, notice)
        for each in self._subscriptions:
            if each is consumer:
                each.tell(notice)
            else:
                each.offer(notice)


class _ThreadSubscription(Subscription):
    """Queue whose consumer is a thread."""

    def __init__(self, name: str, capacity: int) -> None:
        super().__init__(name, capacity)
        self._tokens = threading.Semaphore(0)  # one or more for each event, and one at the end

    def wait(self) -> bool:
        """Wait for the next event; whether more can come."""
        self._tokens.acquire()
        return bool(self.events) or not self._closed

    def take(self) -> Event | None:
        """Take the next event; None where it was given up for the last one."""
        try:
            return self.events.popleft()
        except IndexError:
            return None

    def _wake(self) -> None:
        self._tokens.release()


class ThreadConsumer:
    """Writes events in a thread of its own, where a writer that blocks holds up nothing.

    Ends after `Bye`, or with the writer's first error, of which `wait_ended` tells.
    """

    def __init__(
        self, bus: Bus, name: str, write: Callable[[Event], None], capacity: int = _CAPACITY
    ) -> None:
        self._error: Exception | None = None
        self._write = write
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self.subscription = _ThreadSubscription(name, capacity)
        bus.add(self.subscription)
        threading.Thread(target=self._work, name=f"events to {name}", daemon=True).start()

    async def wait_ended(self) -> OSError | None:
        """Wait until nothing more is written: the OSError that ended it, or None.

        Other errors of the writer are raised.
        """
        await self._ended.wait()
        if self._error is not None and not isinstance(self._error, OSError):
            raise self._error
        return self._error

    async def aclose(self, timeout: float) -> bool:
        """Take no more, and wait `timeout` seconds at most for the rest to be written.

        Whether it was: a writer that is blocked is left to its daemon thread.
        """
        self.subscription.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._ended.wait()
        return self._ended.is_set()

    def _work(self) -> None:
        """Write until there is no more, in the thread."""
        taken = self.subscription
        try:
            while taken.wait():
                event = taken.take()
                if event is not None:
                    self._write(event)
        except Exception as error:
            self._error = error
            taken.close()
        finally:
            with contextlib.suppress(RuntimeError):  # the loop has closed
                self._loop.call_soon_threadsafe(self._ended.set)
