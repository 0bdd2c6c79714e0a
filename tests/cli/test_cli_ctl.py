"""A show on real parts, controlled from beside it: micstream ctl, HTTP, a cue that is heard."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from micstream.demo.server import LocalServer
from testbed.program import Program, environment, program, run
from testbed.rooms import wire_avatar
from testbed.sound import VirtualMicrophone
from testbed.waiting import wait_until

pytestmark = [pytest.mark.room, pytest.mark.sound, pytest.mark.slow]


async def test_a_show_is_controlled_from_beside_it(
    server: LocalServer, room_name: str, microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    cues = tmp_path / "cues"
    cues.mkdir()
    time = np.arange(24_000) / 16_000
    soundfile.write(cues / "applause.wav", 0.2 * np.sin(2 * np.pi * 440 * time), 16_000)
    (cues / "broken.wav").write_text("no sound")
    env = {
        **microphone.env,
        **{k: v for k, v in environment(server).items() if k.startswith("LIVEKIT_")},
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "MICSTREAM_SHOW": str(cues),
    }

    async def ctl(*words: str) -> tuple[int, Program]:
        return await run(tmp_path / "ctl", "ctl", *words, env=env)

    code, none = await ctl("mute", "on")
    assert code == 5
    assert "micstream live --control" in none.stderr
    options = ("--device", microphone.DEVICE, "--room", room_name, "--json", "--control")
    async with (
        wire_avatar(server, room_name, plays=True) as avatar,
        program(tmp_path, "live", *options, env=env) as ours,
    ):
        await ours.until("ready")
        assert [each["code"] for each in ours.named("warning")] == ["cue_unusable"]
        opened = await ours.until("control_open")
        key = opened["link"].split("/")[-2]

        assert (await ctl("mute", "on"))[1].stdout == "muted\n"
        gate = await ours.until("gate", count=2)  # it was answered before it is written here
        assert (gate["muted"], gate["by"]) == (True, "ctl")
        answer = json.loads((await ctl("cue", "applause", "--json"))[1].stdout)
        assert answer["state"]["cue"]["name"] == "applause"
        await ours.until("cue_ended")
        assert ours.named("cue_ended")[0]["reason"] == "end"
        await ours.until("playback_finished")
        (begun,) = ours.named("utterance_started")
        (ended,) = ours.named("utterance_ended")
        assert abs(ended["duration_s"] - 1.5) < 0.01
        assert begun["avatar"] == avatar.identity
        state = json.loads((await ctl("status", "--json"))[1].stdout)["state"]
        assert (state["cue"], state["muted"]) == (None, True)

        assert (await ctl("explode"))[0] == 2
        assert (await ctl("cue", "nope"))[0] == 2
        assert (await ctl("panic"))[0] == 0
        await wait_until(lambda: avatar.clears >= 1, 5, "the avatar to be told")
        told = "".join(map(str, ours.events[1:])) + ours.stderr
        assert told.count(key) == 1, "in the link alone"
    assert (await ctl("status"))[0] == 5
