"""The late policy and the backlog, as they are received."""

from __future__ import annotations

import asyncio
import time

import numpy as np
import pytest

from micstream import FileSource, UtteranceClosed
from micstream.demo.server import LocalServer
from micstream.speech.events import End, EndReason, Speech
from testbed.rooms import WireAvatar, wire_avatar
from testbed.speech import HELLO, samples
from testbed.waiting import stays, wait_until
from tests.conftest import SENDER
from tests.support.live import RATE, Live, live
from tests.support.senders import voice
from tests.support.tones import tone

pytestmark = pytest.mark.room

LENGTH_S = samples(HELLO).size / RATE


def words(*seconds: float) -> bytes:
    """Words as tones that no other has, each with a pause of 200 ms after it."""
    pause = np.zeros(RATE // 5, dtype=np.int16)
    said = [(tone(300 + 100 * n, RATE, length), pause) for n, length in enumerate(seconds)]
    return np.concatenate([part for word in said for part in word]).tobytes()


async def all_received(avatar: WireAvatar, count: int) -> list[bytes]:
    await wait_until(
        lambda: sum(stream.closed for stream in avatar.streams) == count, 10, f"{count} streams"
    )
    return [stream.payload for stream in avatar.streams]


async def until_accounted(ours: Live) -> None:
    await wait_until(
        lambda: ours.accounted_s == pytest.approx(ours.said_s, abs=0.01),
        10,
        f"{ours.said_s} s in {ours.events}",
    )


async def test_dropped_is_what_was_said_too_long_before_the_avatar_came(
    server: LocalServer, room_name: str
) -> None:
    async with live(server, room_name, late_after=0.5) as ours:
        await ours.say(words(0.8))
        await ours.say(words(0.8))
        async with wire_avatar(server, room_name, plays=True) as avatar:
            await ours.until("avatar_ready")
            last = words(0.3)
            await ours.say(last)
            await until_accounted(ours)
            # What was not late of the words before it may have come too.
            await wait_until(lambda: last in [s.payload for s in avatar.streams], 10, "the last")
            assert (await all_received(avatar, len(avatar.streams)))[-1] == last
            assert sum(e.seconds for e in ours.named("dropped")) > 1.0


async def test_an_utterance_goes_on_from_a_pause_in_it(server: LocalServer, room_name: str) -> None:
    async with live(server, room_name, late_after=0.5) as ours:
        said = words(*[0.3] * 20)
        saying = asyncio.create_task(ours.say(said))
        await ours.until("dropped")
        async with wire_avatar(server, room_name, plays=True) as avatar:
            await ours.until("utterance_ended", 30)
            await saying
            (heard,) = await all_received(avatar, 1)
            assert said.endswith(heard)
            assert heard[: RATE // 20 * 2] == bytes(RATE // 20 * 2), "50 ms of the pause"
            begins = len(said) - len(heard)
            assert begins // 2 % (RATE // 2) > RATE * 3 // 10, "not in a word"
            await until_accounted(ours)


async def test_queued_is_sent_in_order_once_the_avatar_is_ready(
    server: LocalServer, room_name: str
) -> None:
    async with live(server, room_name, late="queue", late_after=0.1) as ours:
        said = [words(0.3), words(0.2, 0.2), words(0.4)]
        for each in said:
            await ours.say(each)
        async with wire_avatar(server, room_name, plays=True) as avatar:
            assert await all_received(avatar, 3) == said
            await until_accounted(ours)
            assert not ours.named("dropped")


async def test_of_the_latest_the_newest_whole_one_is_sent(
    server: LocalServer, room_name: str
) -> None:
    async with live(server, room_name, late="latest", late_after=0.2) as ours:
        for seconds in (0.3, 0.4, 0.5):
            await ours.say(words(seconds))
        await wait_until(lambda: ours.avatar.held_s < 0.8, 5, "the older ones dropped")
        async with wire_avatar(server, room_name, plays=True) as avatar:
            assert await all_received(avatar, 1) == [words(0.5)]
            await until_accounted(ours)


async def test_past_the_backlog_nothing_is_sent_until_the_avatar_has_caught_up(
    server: LocalServer, room_name: str
) -> None:
    async with (
        wire_avatar(server, room_name) as avatar,
        live(server, room_name, max_backlog=1.0, late_after=0.3) as ours,
    ):
        await ours.until("avatar_ready")
        # Four times as fast as it is played: as if the avatar played that slowly.
        await ours.say(words(*[0.3] * 8), pace=0.25)
        assert (await ours.until("warning")).code == "backlog"
        await ours.until("utterance_ended")
        (ended,) = ours.named("utterance_ended")
        assert ended.reason == "avatar"
        assert ended.duration_s < 2.0
        await until_accounted(ours)
        await wait_until(lambda: ours.room.backlog_s < 0.3, 5, "it to be played")
        await ours.say(words(0.3))
        assert (await all_received(avatar, 2))[1] == words(0.3)
        assert len(ours.named("warning")) == 1


@pytest.mark.parametrize("mode", ["live", "utterance"])
async def test_a_source_that_can_wait_loses_nothing(
    server: LocalServer, room_name: str, mode: str
) -> None:
    async with (
        wire_avatar(server, room_name) as avatar,
        voice(server, room_name, max_backlog=1.0, mode=mode) as ours,
    ):
        speaking = asyncio.create_task(ours.sender.speak(FileSource(HELLO, pace="fast")))
        await ours.until("utterance_started")
        while not speaking.done():
            assert ours.sender.backlog < 1.05
            await asyncio.sleep(0.01)
        assert await all_received(avatar, 1) == [samples(HELLO).tobytes()]
        assert not ours.named("dropped", "warning")


async def test_and_waits_for_the_avatar_where_it_is_told_to(
    server: LocalServer, room_name: str
) -> None:
    async with voice(server, room_name, ready=False, wait_avatar=20) as ours:
        speaking = asyncio.create_task(ours.sender.speak(FileSource(HELLO, pace="fast")))
        await stays(lambda: not ours.named("dropped") and not speaking.done(), 0.5, "it waits")
        async with wire_avatar(server, room_name, plays=True) as avatar:
            await speaking
            assert await all_received(avatar, 1) == [samples(HELLO).tobytes()]
        assert not ours.named("dropped")


async def test_writing_waits_while_the_avatar_has_enough(
    server: LocalServer, room_name: str
) -> None:
    async with (
        wire_avatar(server, room_name) as avatar,
        voice(server, room_name, max_backlog=1.0) as ours,
    ):
        said = bytes(range(1, 101)) * 960  # three seconds
        async with ours.sender.utterance() as utterance:
            writing = asyncio.create_task(utterance.write(said))
            while not writing.done():
                assert ours.sender.backlog < 2.05
                await asyncio.sleep(0.01)
            await writing
        assert await all_received(avatar, 1) == [said]


async def test_an_interrupt_closes_what_another_task_writes(
    server: LocalServer, room_name: str
) -> None:
    async with (
        wire_avatar(server, room_name, plays=True) as avatar,
        voice(server, room_name) as ours,
    ):
        clears = avatar.clears
        async with ours.sender.utterance() as utterance:
            await utterance.write(words(0.5))
            await ours.sender.interrupt()
            with pytest.raises(UtteranceClosed, match="open another"):
                await utterance.write(words(0.5))
        assert avatar.clears > clears
        assert ours.named("utterance_ended")[0].reason == "interrupt"
        async with ours.sender.utterance() as another:
            await another.write(words(0.4))
        assert (await all_received(avatar, 2))[1] == words(0.4)


async def test_the_lead_grows_with_a_stutter_and_goes_back(
    server: LocalServer, room_name: str
) -> None:
    async with (
        wire_avatar(server, room_name) as avatar,
        voice(server, room_name) as ours,
    ):

        async def lead_ms(stutter_s: float) -> int:
            """That of an utterance which is then reported as played, with this stutter."""
            number = len(avatar.streams) + 1
            async with ours.sender.utterance() as utterance:
                for _ in range(50):
                    await utterance.write(bytes(640))
            await avatar.report_started(SENDER)
            await asyncio.sleep(1.0 + stutter_s)  # its second, and time in which nothing plays
            await avatar.report_finished(SENDER, 1.0)
            started = await ours.until("utterance_started", count=number)
            return int(started.lead_ms)

        assert await lead_ms(0.4) == 120, "the default, in whole writes"
        grown = await lead_ms(0.0)
        assert grown >= 500
        most = grown  # a report that comes late on this machine is a stutter too
        for _ in range(30):
            if (now := await lead_ms(0.0)) < most:
                break
            most = now
        assert 120 <= now <= most / 2 + 120


async def test_what_gave_way_in_the_middle_is_closed_and_the_next_is_heard(
    server: LocalServer, room_name: str
) -> None:
    """Nothing reaches the avatar while one talks on, beyond what may wait: its end never comes."""
    async with (
        wire_avatar(server, room_name) as avatar,
        live(server, room_name, late="queue", late_bound=1.0) as ours,
    ):
        await ours.until("avatar_ready")
        await ours.begin(words(0.3))
        await ours.until("utterance_started")
        playback = ours.avatar._delivery._playback
        playback.estimate.asked(time.monotonic() - 5)
        at = ours.said
        for _ in range(40):
            ours.avatar.put(Speech(ours.said, bytes(1_280)), 0.0)
            ours.said += 640
        assert at + 40 * 640 == ours.said
        ended = await ours.until("utterance_ended")
        assert ended.reason == "avatar"
        playback.estimate.answered(playback.ledger.sent_s, time.monotonic())
        ours.avatar.put(End(at, at, at, at, True, EndReason.SILENCE), 0.0)
        await ours.say(words(0.3))
        assert (await all_received(avatar, 2))[1] == words(0.3)
        await until_accounted(ours)


async def test_what_comes_after_the_end_is_told_as_dropped_and_nobody_waits(
    server: LocalServer, room_name: str
) -> None:
    async with live(server, room_name) as ours:
        await asyncio.sleep(0.1)
    async with asyncio.timeout(5):
        await ours.say(words(0.1), pace=0.0)
        await ours.avatar.join()
        for _ in range(200):
            piece = Speech(ours.said, bytes(6_400))
            await ours.avatar.put_in_turn(piece, 0.0, wait_avatar=1.0)
            ours.said += 3_200
    assert ours.accounted_s == pytest.approx(ours.said_s)
