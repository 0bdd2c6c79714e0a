"""A record of a real session: what was sent, sample for sample; performed again; and killed."""

from __future__ import annotations

import signal
import stat
import statistics
from pathlib import Path

import numpy as np
import pytest
import soundfile

from micstream.demo.server import LocalServer
from micstream.record.plan import plan
from micstream.record.reading import Record, read_record
from testbed.program import environment, program, run
from testbed.rooms import wire_avatar
from testbed.sound import VirtualMicrophone
from testbed.speech import HELLO, RATE, SENTENCES, place, samples
from testbed.takes import delivered_stretches, in_full_scale
from testbed.waiting import wait_until
from tests.conftest import AvatarFactory

pytestmark = pytest.mark.room


def sent(record: Record) -> list[bytes]:
    """Each utterance's bytes, in order."""
    return [
        b"".join(record.pcm(piece) for _, piece in each.writes)
        for part in plan(record.pieces, record.events).parts
        for each in part.utterances
    ]


def heard(record: Record, kind: str) -> bytes:
    """All sound of a kind that is recorded."""
    return b"".join(record.pcm(piece) for piece in record.pieces if piece.kind == kind)


@pytest.mark.sound
async def test_what_is_spoken_is_recorded_performed_again_and_told(
    server: LocalServer,
    room_name: str,
    microphone: VirtualMicrophone,
    tmp_path: Path,
) -> None:
    """One page of the whole way: microphone, wire, record, replay, report."""
    spoken = samples(HELLO)
    soundfile.write(tmp_path / "spoken.wav", spoken, RATE)
    own = {k: v for k, v in environment(server).items() if k.startswith("LIVEKIT_")}
    records, again = tmp_path / "records", tmp_path / "again"
    async with wire_avatar(server, room_name, plays=True) as avatar:
        options = ("--device", microphone.DEVICE, "--room", room_name, "--json")
        live = ("live", "--record", records, *options)
        async with program(tmp_path / "live", *live, env=microphone.env | own) as ours:
            await ours.until("capturing")
            await ours.until("ready")
            await microphone.speak(tmp_path / "spoken.wav")
            await ours.until("playback_finished")
            ours.send(signal.SIGTERM)
            assert await ours.ended() == 0
            told = ours.events
    record = read_record(records)
    payloads = [stream.payload for stream in avatar.streams]
    assert sent(record) == payloads
    assert record.notes == ()
    assert [event["event"] for event in record.events] == [event["event"] for event in told]
    captured = heard(record, "microphone")
    _, likeness = place(spoken.tobytes(), np.frombuffer(captured, dtype=np.int16))
    assert likeness > 0.6, "a microphone that stutters tears it: at worst in two"
    said, came = (in_full_scale(each) for each in (spoken, np.frombuffer(captured, np.int16)))
    whole = (0.0, said.size / RATE)
    ((begin, end),) = delivered_stretches(said, came, [whole])
    assert end - begin == pytest.approx(whole[1], abs=0.3)
    for path in [record.folder, *record.folder.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    with soundfile.SoundFile(record.folder / "microphone-1.wav") as file:
        assert (file.samplerate, file.channels, 2 * file.frames) == (RATE, 1, len(captured))

    async with wire_avatar(server, f"{room_name}-2", plays=True) as other:
        replay = ("replay", records, "--room", f"{room_name}-2", "--record", again)
        code, ours = await run(tmp_path / "replay", *replay, env=environment(server))
    assert code == 0, ours
    assert [stream.payload for stream in other.streams] == payloads
    assert sent(read_record(again)) == payloads

    code, ours = await run(tmp_path / "report", "report", records, env=environment())
    assert code == 0, ours
    page = (record.folder / "report.html").read_text("utf-8")
    assert ours.stdout.strip() == str(record.folder / "report.html")
    ids = {event["id"] for event in told if "id" in event}
    assert ids
    assert all(f">{each}</td>" in page for each in ids)


async def test_a_kill_takes_less_than_two_seconds(
    server: LocalServer, room_name: str, avatar: AvatarFactory, tmp_path: Path
) -> None:
    """Of a stock avatar's own sound too, which is asked for."""
    records = tmp_path / "records"
    async with wire_avatar(server, room_name, plays=True) as wire, avatar(f"{room_name}-2"):
        play = ("play", SENTENCES, "--record", records, "--room", room_name)
        async with program(tmp_path / "one", *play, env=environment(server)) as ours:
            await wait_until(
                lambda: wire.streams and len(wire.streams[0].payload) > 4 * 2 * RATE,
                30,
                "4 s of it",
            )
            ours.send(signal.SIGKILL)
            await wait_until(lambda: ours.running.poll() is not None, 10, "its end")
        record = read_record(records)
        (kept,) = sent(record)
        payload = wire.streams[0].payload
        assert payload.startswith(kept) or kept.startswith(payload)
        assert len(payload) - len(kept) < 2 * 2 * RATE
        assert not record.has_ended
        assert any("not completed" in note for note in record.notes)

        heard_too = ("play", HELLO, "--record", records, "--record-avatar", "-r", f"{room_name}-2")
        code, ours = await run(tmp_path / "two", *heard_too, env=environment(server))
    assert code == 0, ours
    record = read_record(records)
    assert record.has_ended
    published = np.frombuffer(heard(record, "avatar"), dtype=np.int16)
    # Piece by piece: what its viewer's jitter buffer stretches on a busy machine lies between.
    pieces = np.array_split(samples(HELLO), 6)
    alike = [place(piece.tobytes(), published)[1] for piece in pieces]
    assert statistics.median(alike) > 0.8, alike
