"""One client of the control server: a page or a program at the other end of a WebSocket.

It is sent `{"hello": {...}}`, `{"state": {...}}`, then each event as in `--json`, and the state
again whenever it has changed. It sends `{"do": VERB, "argument": ..., "id": ...}` and gets
`{"answer": id, "ok": ...}`; `{"subscribe": ["levels"]}` has it sent levels, ten a second at most;
`{"ping": sign}` gets `{"pong": sign}`: a browser tells its page nothing of a line that is dead.

Push-to-talk is held as long as it is asked for again within a second, and no longer than the socket
is open: whoever is gone holds nothing. `{"do": "talk"}` again is a press; `{"keep": "talk"}` goes
on with one, and is refused where another verb has ended it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from typing import Any, Final

from aiohttp import WSCloseCode, WSMsgType, web

from micstream.bus import Bus, Subscription
from micstream.controls import Controls
from micstream.errors import MicstreamError, UsageError
from micstream.show.asked import argument_for
from micstream.show.levels import Levels
from micstream.taps import Taps
from micstream.tasks import task_group

KEEPALIVE_S: Final = 1.0
"""Push-to-talk is let go when it was not asked for again for so long."""
_WRITE_S: Final = 3.0
"""A client that takes nothing for so long is put out."""
_QUEUE: Final = 300
"""Events kept for a client."""
_HEARTBEAT_S: Final = 2.0
_MESSAGE_BYTES: Final = 16_384
_NUMBERS: Final = itertools.count(1)


class Client:
    """Serves one socket until it is closed, or does not keep up."""

    def __init__(self, controls: Controls, bus: Bus, taps: Taps, *, by: str) -> None:
        self._controls = controls
        self._bus = bus
        self._by = by
        self._holder = f"{by}-{next(_NUMBERS)}"
        self._levels = Levels(taps)
        self._told: dict[str, Any] | None = None
        self._socket = web.WebSocketResponse(
            heartbeat=_HEARTBEAT_S, max_msg_size=_MESSAGE_BYTES, compress=False
        )

    async def serve(self, request: web.Request, greeting: dict[str, Any]) -> web.StreamResponse:
        """Serve it to its end."""
        await self._socket.prepare(request)
        subscription = self._bus.subscribe("a page of the show's control", _QUEUE)
        try:
            async with task_group() as tasks:
                serving = [
                    tasks.create_task(self._tell(subscription, greeting)),
                    tasks.create_task(self._tell_levels()),
                ]
                await self._listen(tasks)
                for task in serving:
                    task.cancel()
        except (ConnectionError, TimeoutError):
            pass  # it does not keep up, or is gone
        finally:
            subscription.close()
            self._levels.close()
            self._controls.let_go(self._holder, by=self._by)
            with contextlib.suppress(Exception):
                async with asyncio.timeout(0.5):
                    await self._socket.close()
        return self._socket

    async def aclose(self) -> None:
        """Say goodbye: the show is over."""
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(0.5):
                await self._socket.close(code=WSCloseCode.GOING_AWAY, message=b"the show is over")

    # ---- to it ---------------------------------------------------------------------------------

    async def _tell(self, subscription: Subscription, greeting: dict[str, Any]) -> None:
        await self._send({"hello": greeting})
        await self._send_state()
        async for event in subscription:
            await self._send(event.as_dict())
            if not subscription.events:  # several at once: the state after the last of them
                await self._send_state()
            if subscription.lost:
                raise TimeoutError("it does not keep up")

    async def _tell_levels(self) -> None:
        async for levels in self._levels:
            await self._send({"levels": levels})

    async def _send_state(self) -> None:
        state = self._bus.state.as_dict()
        if state != self._told:
            self._told = state
            await self._send({"state": state})

    async def _send(self, message: dict[str, Any]) -> None:
        async with asyncio.timeout(_WRITE_S):
            await self._socket.send_str(json.dumps(message, ensure_ascii=False))

    # ---- from it -------------------------------------------------------------------------------

    async def _listen(self, tasks: asyncio.TaskGroup) -> None:
        async for message in self._socket:
            if message.type is not WSMsgType.TEXT:
                continue
            try:
                said = json.loads(message.data)
            except (ValueError, RecursionError):
                said = None
            # A verb that takes its time holds up no other.
            tasks.create_task(self._answer(said))

    async def _answer(self, said: Any) -> None:
        if isinstance(said, dict) and "ping" in said:
            await self._send({"pong": said["ping"]})
            return
        number = said.get("id") if isinstance(said, dict) else None
        answer: dict[str, Any] = {"answer": number, "ok": True}
        try:
            await self._do(said)
        except MicstreamError as error:
            answer |= {
                "ok": False,
                "code": error.code,
                "message": error.message,
                "hint": error.hint,
            }
        if number is not None or not answer["ok"]:
            await self._send(answer)

    async def _do(self, said: Any) -> None:
        match said:
            case {"do": str(verb)}:
                argument = argument_for(verb, {k: v for k, v in said.items() if k != "do"})
                await self._controls.do(
                    verb, argument, by=self._by, holder=self._holder, keepalive_s=KEEPALIVE_S
                )
            case {"keep": "talk"}:
                self._controls.keep(self._holder, KEEPALIVE_S)
            case {"subscribe": list(topics)} if set(map(str, topics)) <= {"levels"}:
                self._levels.want("levels" in topics)
            case _:
                raise UsageError(
                    "that is no message of the show's control",
                    hint='{"do": "mute", "argument": "on", "id": 1} or {"subscribe": ["levels"]}',
                    code="bad_message",
                )
