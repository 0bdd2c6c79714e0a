"""`micstream live` with two performers: a microphone here, and a participant of the room."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np
import pytest

from micstream.demo.server import LocalServer
from testbed.performing import performing
from testbed.ports import own_port
from testbed.program import program, run
from testbed.rooms import WireAvatar
from testbed.sound import VirtualMicrophone
from testbed.speech import SENTENCES, labels, samples
from testbed.waiting import wait_until
from tests.cli.test_cli_calibrate import on_this
from tests.support.signals import made, speech

pytestmark = [pytest.mark.room, pytest.mark.sound, pytest.mark.slow]


def sentence(number: int) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """One of the bundled ones, with a rest."""
    label = labels()[number]
    said = samples(SENTENCES)[round(label.start * 16_000) : round(label.end * 16_000)]
    return np.concatenate([said, np.zeros(16_000, np.int16)])


async def test_a_hand_over_from_a_microphone_to_a_participant(
    microphone: VirtualMicrophone, server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    env = on_this(microphone, tmp_path / "kept", server) | {"XDG_STATE_HOME": str(tmp_path / "s")}
    talk = made(tmp_path / "talk.wav", speech(0, 60))
    who = ("--performer", f"anna={microphone.DEVICE}", "--performer", "ben=room:ben")
    options = (*who, "--room", room_name, "--avatar", "avatar-wire", "--control", "--json")
    avatar = WireAvatar(server, room_name, publish_tracks=True, plays=True)
    async with AsyncExitStack() as stack:
        await avatar.join()
        stack.push_async_callback(avatar.leave)
        ben = await stack.enter_async_context(performing(server, room_name, "ben"))
        ours = await stack.enter_async_context(
            program(tmp_path / "1", "live", *options, "--control-port", str(own_port()), env=env)
        )
        await ours.until("ready", count=1)
        await stack.enter_async_context(microphone.speaking(talk))
        await ours.until("utterance_started")
        await ben.say(sentence(0))
        assert len(avatar.streams) == len(ours.named("utterance_started"))
        code, done = await run(tmp_path / "2", "ctl", "performer", "ben", env=env)
        assert code == 0, done.stderr
        before = len(ours.named("utterance_started"))
        await ben.say(sentence(1))
        started = await ours.until("utterance_started", count=before + 1)
        assert started["source"] == "ben"
        await wait_until(
            lambda: ours.named("utterance_ended")[-1]["id"] == started["id"], 20, str(ours)
        )
        ours.running.terminate()
        assert await ours.ended() == 0
    voices = [(event["name"], event["by"]) for event in ours.named("performer")]
    assert voices == [("anna", ""), ("ben", "ctl")]
    assert {event["performer"] for event in ours.named("capturing")} == {"anna", "ben"}
    sources = [event["source"] for event in ours.named("utterance_started")]
    assert sources[:before] == ["anna"] * before
    assert set(sources[before:]) == {"ben"}, "nothing of who is held"
    reasons = {event["id"]: event["reason"] for event in ours.named("utterance_ended")}
    assert len(reasons) == len(sources), "each has its end"
