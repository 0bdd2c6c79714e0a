"""The show's control beside a session: its server, its link, its file for `micstream ctl`."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final

from micstream.errors import reason_of
from micstream.events import ControlOpen, Warned

if TYPE_CHECKING:
    from micstream.session import Session
    from micstream.settings import Settings

_ANYWHERE: Final = "0.0.0.0"  # noqa: S104 - asked for, and then by key


@asynccontextmanager
async def controlled(session: Session, settings: Settings) -> AsyncIterator[None]:
    """Serve the session's controls where the settings say so.

    Raises:
        MicstreamError: the port cannot be had.
    """
    async with AsyncExitStack() as serving:
        if settings.control or settings.control_lan:
            await serving.enter_async_context(_page(session, settings))
        if settings.osc is not None:
            from micstream.show.osc import serving_osc
            from micstream.web.serving import LOOPBACK

            host = _ANYWHERE if settings.control_lan else LOOPBACK
            await serving.enter_async_context(
                serving_osc(
                    session.controls, session.bus, session.taps, host=host, port=settings.osc
                )
            )
        yield


@asynccontextmanager
async def _page(session: Session, settings: Settings) -> AsyncIterator[None]:
    from micstream.show.key_file import RunningShow, announced
    from micstream.show.server import PORT, ControlServer
    from micstream.stage.link import link
    from micstream.web.admission import key_for
    from micstream.web.serving import LOOPBACK, serving

    key = key_for(settings.connection(), "control")
    host = _ANYWHERE if settings.control_lan else LOOPBACK
    server = ControlServer(
        session.controls,
        session.bus,
        session.taps,
        session.show,
        key=key,
        names=None if settings.control_lan else (),
    )
    asked = settings.control_port if "control_port" in settings.model_fields_set else None
    async with serving(server.app(), host=host, port=asked, usual=PORT) as port:
        session.bus.emit(ControlOpen(link=link(host, port, server.path)))
        show = RunningShow(
            url=f"http://{LOOPBACK}:{port}",
            key=key,
            room=settings.room,
            pid=os.getpid(),
            since=time.time(),
        )
        async with AsyncExitStack() as telling:
            try:
                telling.enter_context(announced(show))
            except OSError as error:
                session.bus.emit(
                    Warned(
                        code="no_key_file",
                        message="micstream ctl will not find this show: its file cannot be "
                        f"written: {reason_of(error)}",
                        hint="look at the permissions of micstream's folder in the user's state",
                    )
                )
            yield
