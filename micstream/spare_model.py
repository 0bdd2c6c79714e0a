"""A second Silero, loaded in a thread of its own: that takes as long as two frames, and more."""

from __future__ import annotations

import threading

from micstream.speech.silero import Model, load_model


class SpareModel:
    """Gives the second network that a detector asks for; None, at first: it is being loaded."""

    def __init__(self) -> None:
        self._model: Model | None = None
        self._thread: threading.Thread | None = None

    def __call__(self) -> Model | None:
        """The network, as soon as it is there."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._load, name="second network", daemon=True)
            self._thread.start()
        return self._model

    def _load(self) -> None:
        self._model = load_model()
