"""OSC over UDP: the verbs in, the state back to whoever has subscribed.

Messages that cannot be read are dropped; errors go back as `/micstream/reply VERB 0 WORD`. A sender
that nobody knows costs nothing: subscriptions are bounded, and end by themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, cast

from micstream import notices
from micstream.bus import Bus
from micstream.controls import Controls
from micstream.errors import MicstreamError, UsageError, reason_of
from micstream.show.levels import Levels
from micstream.show.osc_words import ROOT, STATE, Subscribe, asked, feedback
from micstream.taps import Taps
from micstream.tasks import task_group

Address = tuple[Any, ...]

REPLY: Final = f"{ROOT}reply"
SUBSCRIBERS: Final = 16
HELD_S: Final = 10.0
"""Push-to-talk that is not sent again is let go after so long: a release may be lost on its way."""
_WAITING: Final = 64
"""Verbs under way at once; more are refused."""


class Osc(asyncio.DatagramProtocol):
    """One port: takes messages, and tells subscribers."""

    def __init__(self, controls: Controls, bus: Bus, taps: Taps) -> None:
        self._controls = controls
        self._bus = bus
        self._levels = Levels(taps)
        self._subscribers: dict[Address, float] = {}
        """Whom to tell, and until when in monotonic seconds."""
        self._told: dict[str, int | float] = {}
        self._transport: asyncio.DatagramTransport | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Tell subscribers what changes, until cancelled."""
        subscription = self._bus.subscribe("OSC", 300)
        try:
            async with task_group() as tasks:
                tasks.create_task(self._tell_levels())
                async for _ in subscription:
                    if self._subscribers and not subscription.events:
                        self._tell_changes()
        finally:
            subscription.close()
            self._levels.close()
            for task in self._tasks:
                task.cancel()

    # ---- in ------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: Address) -> None:
        """Take a packet: a message, or a bundle of them."""
        from pythonosc.osc_packet import OscPacket, ParseError

        try:
            messages = [timed.message for timed in OscPacket(data).messages]
        except (ParseError, ValueError, IndexError, RecursionError, OverflowError):
            return
        for message in messages:
            self._take(str(message.address), list(message.params), address)

    def error_received(self, exc: Exception) -> None:
        """Somebody whom we told is gone: what was subscribed ends by itself."""

    def _take(self, where: str, arguments: list[Any], sender: Address) -> None:
        try:
            said = asked(where, arguments, self._controls.cues)
            if isinstance(said, Subscribe):
                self._subscribe(_at(sender, said.port), said.seconds)
            elif said is not None:
                if len(self._tasks) >= _WAITING:
                    raise UsageError("too much at once", code="busy")
                doing = asyncio.ensure_future(self._do(said.verb, said.argument, sender))
                self._tasks.add(doing)
                doing.add_done_callback(self._tasks.discard)
                doing.add_done_callback(self.tell_failure)
        except MicstreamError as error:
            self._refuse(where.removeprefix(ROOT).partition("/")[0], error, sender)

    def tell_failure(self, task: asyncio.Task[None]) -> None:
        """Warn of what a task of ours has failed with: nobody waits for it."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._bus.emit(notices.osc_failed(error))

    async def _do(self, verb: str, argument: str | int | None, sender: Address) -> None:
        try:
            await self._controls.do(
                verb, argument, by="osc", holder=f"osc {sender[0]}", keepalive_s=HELD_S
            )
        except MicstreamError as error:
            self._refuse(verb, error, sender)

    def _subscribe(self, sender: Address, seconds: float | None) -> None:
        now = time.monotonic()
        self._forget(now)
        if seconds == 0:
            self._subscribers.pop(sender, None)
        elif seconds is not None:
            if sender not in self._subscribers and len(self._subscribers) >= SUBSCRIBERS:
                raise UsageError(f"{SUBSCRIBERS} have subscribed already", code="busy")
            self._subscribers[sender] = now + seconds
        self._levels.want(bool(self._subscribers))
        self._tell_changes()  # to the others, of whom some may not know of the last one
        if seconds != 0:
            for where, value in self._told.items():
                self._send(where, [value], sender)

    # ---- out -----------------------------------------------------------------------------------

    def _tell_changes(self) -> None:
        now = feedback(self._bus.state, self._controls.cues)
        changed = {k: v for k, v in now.items() if self._told.get(k) != v}
        self._told = now
        self._tell(changed)

    async def _tell_levels(self) -> None:
        async for levels in self._levels:
            self._tell({STATE + "level": levels["rms_db"], STATE + "peak": levels["peak_db"]})

    def _tell(self, values: dict[str, int | float]) -> None:
        self._forget(time.monotonic())
        for sender in self._subscribers:
            for where, value in values.items():
                self._send(where, [value], sender)

    def _forget(self, now: float) -> None:
        over = [sender for sender, until in self._subscribers.items() if until <= now]
        for sender in over:
            del self._subscribers[sender]
        if over and not self._subscribers:
            self._levels.want(False)

    def _refuse(self, verb: str, error: MicstreamError, sender: Address) -> None:
        """Tell the sender, and those at other ports of its address that have subscribed."""
        for each in {sender, *(other for other in self._subscribers if other[0] == sender[0])}:
            self._send(REPLY, [verb, 0, error.code], each)

    def _send(self, where: str, values: list[str | int | float], to: Address) -> None:
        from pythonosc.osc_message_builder import OscMessageBuilder

        builder = OscMessageBuilder(where)
        for value in values:
            builder.add_arg(value)
        if self._transport is not None and not self._transport.is_closing():
            with contextlib.suppress(OSError):
                self._transport.sendto(builder.build().dgram, to)


def _at(sender: Address, port: int | None) -> Address:
    """The sender's address, at this port of it."""
    return sender if port is None else (sender[0], port, *sender[2:])


@asynccontextmanager
async def serving_osc(
    controls: Controls, bus: Bus, taps: Taps, *, host: str, port: int
) -> AsyncIterator[int]:
    """Serve OSC at this port: the port.

    Raises:
        MicstreamError: the port cannot be had.
        UsageError: python-osc is not installed.
    """
    try:
        import pythonosc.osc_packet  # noqa: F401
    except ImportError:
        raise UsageError(
            "--osc: python-osc is not installed",
            hint="pip install 'micstream[osc]'",
            code="no_osc",
        ) from None
    osc = Osc(controls, bus, taps)
    loop = asyncio.get_running_loop()
    try:
        transport, _ = await loop.create_datagram_endpoint(lambda: osc, local_addr=(host, port))
    except OSError as error:
        raise MicstreamError(
            f"--osc {port}: the port cannot be had: {reason_of(error)}",
            hint="give another, or end what has it",
            code="port_in_use",
        ) from None
    telling = asyncio.create_task(osc.run(), name="osc")
    telling.add_done_callback(osc.tell_failure)
    try:
        yield int(transport.get_extra_info("sockname")[1])
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
        transport.close()
