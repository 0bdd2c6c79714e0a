"""`micstream live`: spoken into a microphone, heard from the avatar."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import soundfile

from micstream.demo.server import LocalServer
from testbed.program import Program, environment, program
from testbed.rooms import Bystander, ReceivedStream, bystander, wire_avatar
from testbed.sound import VirtualMicrophone
from testbed.speech import RATE, SENTENCES, labels, likeness_near, place, samples, stretches
from testbed.waiting import wait_until
from tests.conftest import AvatarFactory

pytestmark = [pytest.mark.room, pytest.mark.sound, pytest.mark.slow]


TAKES = 5
"""How often it is said where the microphone itself stutters, as beside a busy machine it may."""


@pytest.mark.timeout(600)
async def test_ten_sentences_are_ten_segments_complete_and_in_order(
    server: LocalServer,
    room_name: str,
    avatar: AvatarFactory,
    microphone: VirtualMicrophone,
    tmp_path: Path,
) -> None:
    """One person speaks to three at once: each mode on the wire, and the stock avatar."""
    soundfile.write(tmp_path / "spoken.wav", samples(SENTENCES), RATE)
    for number in range(1, TAKES + 1):
        whole = await said_to_three(
            *(server, f"{room_name}-{number}", avatar, microphone, tmp_path / f"{number}"),
            judged=number == TAKES,
        )
        if whole:
            break


async def said_to_three(
    server: LocalServer,
    room_name: str,
    avatar: AvatarFactory,
    microphone: VirtualMicrophone,
    folder: Path,
    *,
    judged: bool,
) -> bool:
    """Whether the microphone delivered all of it; only then, or where told, what came is judged."""
    env = microphone.env | {
        name: value for name, value in environment(server).items() if name.startswith("LIVEKIT_")
    }
    rooms = {name: f"{room_name}-{name}" for name in ("live", "utterance", "stock")}
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        at_once = await enter(wire_avatar(server, rooms["live"], plays=True))
        whole = await enter(wire_avatar(server, rooms["utterance"], plays=True))
        viewer = await enter(bystander(server, rooms["stock"]))
        worker = await enter(avatar(rooms["stock"]))
        programs: dict[str, Program] = {}
        for name, room in rooms.items():
            mode = "utterance" if name == "utterance" else "live"
            options = ("--device", microphone.DEVICE, "--mode", mode, "--room", room, "--json")
            programs[name] = await enter(program(folder / name, "live", *options, env=env))
        for each in programs.values():
            await each.until("capturing")
            await each.until("ready")
        take = await microphone.take(folder.parent / "spoken.wav")
        if not (take.whole or judged):
            return False
        for each in programs.values():
            await each.until("playback_finished", count=len(labels()))
        await wait_until(lambda: viewer.silent_for() > 0.5, 5, "silence after it")
        made_up_s = await viewer.made_up_s()
        for each in programs.values():
            each.running.terminate()
        for each in programs.values():
            assert await each.ended() == 0
            assert each.stderr == ""
            assert_summary(each)
        assert worker.alive
    assert_sentences(at_once.streams, until_end=True)
    assert_sentences(whole.streams, until_end=False)
    assert_heard(viewer, programs["stock"], made_up_s)
    assert viewer.strays == []
    return True


def assert_summary(ours: Program) -> None:
    """Ten utterances, nothing lost, in the order of one after the other."""
    ids = [f"u{number}" for number in range(1, len(labels()) + 1)]
    for name in ("utterance_started", "utterance_ended", "playback_started", "playback_finished"):
        assert [event["id"] for event in ours.named(name)] == ids, ours
    assert {event["reason"] for event in ours.named("utterance_ended")} == {"silence"}
    bye = ours.events[-1]
    assert bye["event"] == "bye"
    # Before and after speech this microphone delivers zeros, and how long is the machine's affair.
    zeros = [event for event in ours.named("microphone") if event["state"] == "zeros"]
    assert (bye["utterances"], bye["dropped"], bye["faults"]) == (len(ids), 0.0, len(zeros))
    assert {event["state"] for event in ours.named("microphone")} <= {"zeros", "back"}
    assert ours.named("warning", "error", "dropped") == []
    started = ours.named("utterance_started")
    for event in started:
        assert event["lead_ms"] >= 100
        assert 0.02 <= event["decided_s"] - event["onset_s"] <= 0.4


def assert_sentences(streams: Sequence[ReceivedStream], *, until_end: bool) -> None:
    """Each stream holds its sentence from before its first sound to after its last."""
    assert len(streams) == len(labels())
    assert all(stream.closed for stream in streams)
    source = samples(SENTENCES)
    begins: list[float] = []
    for stream, label in zip(streams, labels(), strict=True):
        begin, likeness = place(stream.payload, source)
        length = len(stream.payload) / 2 / RATE
        assert likeness > 0.95, label
        # After the exact zeros of a microphone at rest the file's own hiss may pass for a voice.
        earliest = label.start - 0.15 if begins else -0.2
        assert earliest <= begin <= label.start + 0.02, (label, begin)
        begins.append(begin)
        assert label.end - 0.02 <= begin + length, (label, begin + length)
        # The hangover's silence belongs to it where it was sent as it was spoken; else the tail.
        assert begin + length <= label.end + (0.7 if until_end else 0.45), (label, begin + length)
        start = round((label.start - begin) * RATE) * 2
        first = stream.payload[max(0, start) : start + RATE // 5]
        assert likeness_near(first, source, label.start) > 0.7, f"the onset of {label}"
    assert begins == sorted(begins)


def assert_heard(viewer: Bystander, ours: Program, made_up_s: float) -> None:
    """Ten stretches of sound, each as long as its sentence, and what the viewer made up besides."""
    sent = sum(event["duration_s"] for event in ours.named("utterance_ended"))
    played = sum(event["position_s"] for event in ours.named("playback_finished"))
    assert played == pytest.approx(sent, abs=0.2)
    spoken = [
        stretches(samples(SENTENCES)[round(label.start * RATE) : round(label.end * RATE)])[0]
        for label in labels()
    ]
    heard = stretches(viewer.sound)
    assert len(heard) == len(spoken), (heard, spoken)
    longer = [said - each for said, each in zip(heard, spoken, strict=True)]
    assert min(longer) > -0.3, (heard, spoken)
    # What an avatar on a slow machine has itself stood still is told, and is as much longer.
    stood_s = [(event["stutter_ms"] or 0) / 1000 for event in ours.named("playback_finished")]
    rest = [each - stood for each, stood in zip(longer, stood_s, strict=True)]
    assert max(rest) < 0.3 + made_up_s, (heard, spoken, stood_s, made_up_s)
