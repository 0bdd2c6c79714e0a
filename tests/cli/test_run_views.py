"""A view that fails is told at once, and holds up nothing."""

from __future__ import annotations

import asyncio

import pytest

from micstream.bus import Bus
from micstream.cli.run import showing
from micstream.events import Event, Ready


class Mistaken:
    """A view that cannot show what it is told."""

    def __call__(self, event: Event) -> None:
        raise ValueError(f"no idea of {event.EVENT}")


async def test_a_view_that_fails_is_told_at_once_and_the_show_goes_on(
    capfd: pytest.CaptureFixture[str],
) -> None:
    bus, stop, said = Bus(), asyncio.Event(), ""
    with pytest.raises(ValueError, match="no idea of ready"):
        async with showing(bus, Mistaken(), stop):
            bus.emit(Ready())
            async with asyncio.timeout(5):
                while not said:
                    await asyncio.sleep(0.01)
                    said = capfd.readouterr().err
            assert not stop.is_set(), "the show goes on"
            bus.emit_summary()
    assert said.startswith("micstream: nothing more is shown: ")
    assert "no idea of ready" in said
