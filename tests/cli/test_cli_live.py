"""`micstream live`: spoken into a microphone, heard from the avatar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

import pytest
import soundfile

from micstream.demo.server import LocalServer
from testbed.program import Program, environment, program
from testbed.rooms import Bystander, ReceivedStream, bystander, wire_avatar
from testbed.sound import VirtualMicrophone
from testbed.speech import RATE, SENTENCES, Samples, labels, place, samples, stretches
from testbed.takes import delivered_stretches, in_full_scale, take
from testbed.waiting import wait_until
from tests.conftest import AvatarFactory

pytestmark = [pytest.mark.room, pytest.mark.sound, pytest.mark.slow]


TAKES = 5
"""How often it is said where the microphone or the avatar stutters, as on a busy machine."""
STOOD_S = 0.2
"""An avatar that stands still for longer breaks a sentence in two, however well it was sent."""


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
        said = await said_to_three(
            server, f"{room_name}-{number}", avatar, microphone, tmp_path / f"{number}"
        )
        if (said.whole and said.kept_time) or number == TAKES:
            said.judge()
            break


class SaidToThree(NamedTuple):
    """What became of one saying: streams by mode, what the programs recorded, what was heard."""

    programs: Mapping[str, Program]
    captured: Mapping[str, Samples]
    """What the microphone delivered to each program, by its own record."""
    streams: Mapping[str, Sequence[ReceivedStream]]
    viewer: Bystander
    made_up_s: float

    @property
    def whole(self) -> bool:
        """Whether the microphone delivered all of it to each."""
        said = in_full_scale(samples(SENTENCES))
        return all(take(said, in_full_scale(each)).whole for each in self.captured.values())

    @property
    def kept_time(self) -> bool:
        """Whether the stock avatar played each sentence in one, by its own account."""
        return max(stood_still_s(self.programs["stock"]), default=0.0) <= STOOD_S

    def judge(self) -> None:
        """Nothing lost, nothing else sent, nothing else heard."""
        for each in self.programs.values():
            assert_summary(each)
        for name, streams in self.streams.items():
            assert_sentences(streams, self.captured[name], until_end=name == "live")
        assert_heard(self.viewer, self.programs["stock"], self.made_up_s)
        assert self.viewer.strays == []


async def said_to_three(
    server: LocalServer,
    room_name: str,
    avatar: AvatarFactory,
    microphone: VirtualMicrophone,
    folder: Path,
) -> SaidToThree:
    """Three programs listen to one microphone; all leave in order, and the avatar lives on."""
    env = microphone.env | {
        name: value for name, value in environment(server).items() if name.startswith("LIVEKIT_")
    }
    rooms = {name: f"{room_name}-{name}" for name in ("live", "utterance", "stock")}
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        wires = {
            name: await enter(wire_avatar(server, rooms[name], plays=True))
            for name in ("live", "utterance")
        }
        viewer = await enter(bystander(server, rooms["stock"]))
        worker = await enter(avatar(rooms["stock"]))
        programs: dict[str, Program] = {}
        for name, room in rooms.items():
            mode = "utterance" if name == "utterance" else "live"
            options = ("--device", microphone.DEVICE, "--mode", mode, "--room", room, "--json")
            record = ("--record", str(folder / name / "record"))
            programs[name] = await enter(program(folder / name, "live", *options, *record, env=env))
        for each in programs.values():
            await each.until("capturing")
            await each.until("ready")
        await microphone.speak(folder.parent / "spoken.wav")
        for each in programs.values():
            await each.until("playback_finished", count=len(labels()))
        await wait_until(lambda: viewer.silent_for() > 0.5, 5, "silence after it")
        made_up_s = await viewer.made_up_s()
        for each in programs.values():
            each.running.terminate()
        for each in programs.values():
            assert await each.ended() == 0
            assert each.stderr == ""
        assert worker.alive
    captured = {name: captured_by(folder / name / "record") for name in programs}
    streams = {name: wire.streams for name, wire in wires.items()}
    return SaidToThree(programs, captured, streams, viewer, made_up_s)


def captured_by(record: Path) -> Samples:
    """All that a program captured, by its record."""
    (file,) = record.rglob("microphone-*.wav")
    return samples(file)


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


def assert_sentences(
    streams: Sequence[ReceivedStream], captured: Samples, *, until_end: bool
) -> None:
    """Each stream is captured sound, sample for sample: its sentence, from before its first sound
    to after its last."""
    assert len(streams) == len(labels())
    assert all(stream.closed for stream in streams)
    spoken = [(label.start, label.end) for label in labels()]
    places = delivered_stretches(in_full_scale(samples(SENTENCES)), in_full_scale(captured), spoken)
    begins: list[float] = []
    for stream, (start, end), label in zip(streams, places, labels(), strict=True):
        begin, _ = place(stream.payload, captured)
        length = len(stream.payload) // 2
        at = round(begin * RATE)
        assert stream.payload == captured[at : at + length].tobytes(), label
        # After the exact zeros of a microphone at rest the file's own hiss may pass for a voice.
        earliest = start - 0.15 if begins else start - 0.7
        assert earliest <= begin <= start + 0.02, (label, start, begin)
        begins.append(begin)
        until = begin + length / RATE
        assert end - 0.02 <= until, (label, end, until)
        # The hangover's silence belongs to it where it was sent as it was spoken; else the tail.
        assert until <= end + (0.7 if until_end else 0.45), (label, end, until)
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
    stood_s = stood_still_s(ours)
    rest = [each - stood for each, stood in zip(longer, stood_s, strict=True)]
    assert max(rest) < 0.3 + made_up_s, (heard, spoken, stood_s, made_up_s)


def stood_still_s(ours: Program) -> list[float]:
    """For how long the avatar stood still within each sentence, by its own account."""
    return [(event["stutter_ms"] or 0) / 1000 for event in ours.named("playback_finished")]
