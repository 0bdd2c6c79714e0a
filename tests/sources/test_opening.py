"""Live sources by what `--device` says."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from micstream.errors import UsageError
from micstream.sources import opening
from micstream.sources.microphone import MicrophoneOpener


@pytest.mark.parametrize("device", [None, "", "3", "USB", "HDA Intel: ALC257 Analog (hw:0,0)"])
def test_a_name_or_an_index_is_a_microphone(device: str | None) -> None:
    assert isinstance(opening.opener(device), MicrophoneOpener)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(UsageError, match="no source of the kind gopher://") as caught:
        opening.live("gopher://somewhere")
    assert caught.value.code == "no_source"
    assert caught.value.hint


def test_a_kind_is_added_by_its_file_and_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class Opener:
        def __init__(self, device: str, *, channel: int) -> None:
            self.given = device, channel

    module = ModuleType("micstream.sources.rtp")
    module.__dict__["RtpOpener"] = Opener
    monkeypatch.setitem(sys.modules, "micstream.sources.rtp", module)
    monkeypatch.setitem(opening._KINDS, "rtp", ("rtp", "RtpOpener"))
    made = opening.opener("rtp://0.0.0.0:5004", channel=2)
    assert isinstance(made, Opener)
    assert made.given == ("rtp://0.0.0.0:5004", 2)
    with pytest.raises(UsageError) as caught:
        opening.opener("gopher://somewhere")
    assert "rtp://" in caught.value.hint
