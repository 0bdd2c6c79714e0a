"""PortAudio at a standstill: a call of the double's that does not return before it is let go."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from micstream.sources import audio_thread
from tests.support.portaudio import FakePortAudio


class Standstill:
    """Calls of these names do not return before `let_go`; a test ends with it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self._go = threading.Event()
        self.entered = threading.Event()
        """Set with the first of them."""

    def of(self, fake: FakePortAudio, *names: str) -> None:
        """Let them stand still from now on."""
        for name in names:
            self._monkeypatch.setattr(fake, name, self._hanging(getattr(fake, name)))

    def of_streams(self, owner: type[object], name: str) -> None:
        """Let a method of every object of this class stand still from now on."""
        inner = getattr(owner, name)

        def hanging(own: object, *args: Any, **kwargs: Any) -> Any:
            self.wait()
            return inner(own, *args, **kwargs)

        self._monkeypatch.setattr(owner, name, hanging)

    def let_go(self) -> None:
        """Return, all of them, and what waits behind them: while the double is still in place."""
        self._go.set()
        idle = threading.Event()
        audio_thread._THREAD.submit(idle.set)
        assert idle.wait(20), "the audio thread is stuck"

    def _hanging(self, inner: Any) -> Any:
        def hanging(*args: Any, **kwargs: Any) -> Any:
            self.wait()
            return inner(*args, **kwargs)

        return hanging

    def wait(self) -> None:
        """Do not return before `let_go`."""
        self.entered.set()
        assert self._go.wait(20), "a test has let nothing go"
