"""`micstream ctl` against a show's control without a room: what it says, and its exit code."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from micstream import events
from micstream.show.cue import Cue, Show
from micstream.show.key_file import RunningShow, announced
from testbed.program import Program, environment, program, run
from testbed.waiting import wait_until
from tests.support.desk import KEY, Desk, desk

SHOW = Show((Cue("applause", bytes(64_000)), Cue("the end", bytes(64_000))))


class Crew:
    """Shows that are announced, and the command beside them."""

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self.folder, self.stack = folder, stack
        self.env = environment() | {"XDG_STATE_HOME": str(folder / "state")}
        self.count = 0

    async def open(self, room: str = "show", *, pid: int = 0, since: float = 0.0) -> Desk:
        """A show that runs, by the process `pid`, else our own."""
        ours, _ = await self.stack.enter_async_context(desk(SHOW))
        self.announce(ours.url, room, pid=pid, since=since)
        return ours

    def announce(self, url: str, room: str, *, pid: int = 0, since: float = 0.0) -> None:
        show = RunningShow(url=url, key=KEY, room=room, pid=pid or os.getpid(), since=since)
        self.stack.enter_context(announced(show))

    async def ctl(self, *words: str) -> tuple[int, Program]:
        self.count += 1
        return await run(self.folder / str(self.count), "ctl", *words, env=self.env)


@pytest.fixture
async def crew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Crew]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    async with AsyncExitStack() as stack:
        yield Crew(tmp_path, stack)


async def test_what_it_does_is_said_and_who_did_it_is_known(crew: Crew) -> None:
    ours = await crew.open()
    told = ours.bus.subscribe("test", 100).events
    assert (await crew.ctl("mute", "on"))[1].stdout == "muted\n"
    assert (await crew.ctl("auto"))[1].stdout == "gate detector\n"
    code, done = await crew.ctl("mark", "act two", "--json")
    assert code == 0
    assert json.loads(done.stdout)["state"]["mark"]["text"] == "act two"
    named = [
        (event.EVENT, event.by) for event in told if isinstance(event, events.Gate | events.Marked)
    ]
    assert named == [("gate", "ctl"), ("gate", "ctl"), ("marked", "ctl")]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("explode",), 2, "one of mute, talk"),
        (("mute", "loud"), 2, "expected mute on, off or toggle"),
        (("cue", "nope"), 2, "one of applause, the end"),
        (("cue",), 2, "expected cue with a name"),
        (("route", "7"), 2, "expected route 0 (all of them) to 2"),
        (("status", "--room", "elsewhere"), 5, "micstream live --control"),
    ],
)
async def test_what_cannot_be_done_is_refused_in_words(
    crew: Crew, words: tuple[str, ...], code: int, said: str
) -> None:
    await crew.open()
    found, done = await crew.ctl(*words)
    assert found == code, done
    assert said in done.stderr
    assert KEY not in done.stderr


async def test_push_to_talk_is_refused_while_muted(crew: Crew) -> None:
    ours = await crew.open()
    ours.controls.mute("on")
    code, done = await crew.ctl("talk", "on")
    assert code == 2
    assert "mute off, then talk" in done.stderr


async def test_one_show_of_several_has_to_be_named(crew: Crew) -> None:
    one, _ = await crew.open("one", pid=os.getppid()), await crew.open("two")
    code, done = await crew.ctl("mute", "on")
    assert code == 2
    assert "one, two" in done.stderr
    assert "--room one" in done.stderr
    assert (await crew.ctl("mute", "on", "--room", "one"))[0] == 0
    assert one.controls.muted


async def test_a_show_that_is_gone_without_a_word_is_told(crew: Crew) -> None:
    crew.announce("http://127.0.0.1:1", "show")
    for words in (("status",), ("watch",), ("panic",)):
        code, done = await crew.ctl(*words)
        assert code == 5, done
        assert "does not answer" in done.stderr


async def test_the_file_of_a_program_that_was_killed_is_taken_away(crew: Crew) -> None:
    gone = await asyncio.create_subprocess_exec("true")
    await gone.wait()
    crew.announce("http://127.0.0.1:1", "show", pid=gone.pid)
    assert (await crew.ctl("status"))[0] == 5
    assert not list((crew.folder / "state/micstream/control").glob("*.json"))


async def watched(watching: Program) -> list[dict[str, Any]]:
    whole = watching.stdout.rpartition("\n")[0]
    return [json.loads(line) for line in whole.splitlines()]


async def test_watch_tells_the_state_and_every_event_until_ctrl_c(crew: Crew) -> None:
    ours = await crew.open()
    async with program(crew.folder / "watch", "ctl", "watch", env=crew.env) as watching:
        await wait_until(lambda: '"state"' in watching.stdout, 15, lambda: str(watching))
        ours.controls.mark("act two", by="page")
        await wait_until(lambda: "act two" in watching.stdout, 5, lambda: str(watching))
        watching.send(signal.SIGINT)
        assert await watching.ended(10) == 0, str(watching)
        lines = await watched(watching)
    assert "hello" in lines[0]
    assert "state" in lines[1]
    (marked,) = [line for line in lines if line.get("event") == "marked"]
    assert (marked["text"], marked["by"]) == ("act two", "page")


async def test_watch_ends_with_the_show(crew: Crew) -> None:
    async with AsyncExitStack() as stack:
        ours, _ = await stack.enter_async_context(desk(SHOW))
        crew.announce(ours.url, "show")
        watching = await crew.stack.enter_async_context(
            program(crew.folder / "watch", "ctl", "watch", env=crew.env)
        )
        await wait_until(lambda: '"state"' in watching.stdout, 15, lambda: str(watching))
    assert await watching.ended(10) == 0, str(watching)


async def test_whoever_reads_no_more_ends_watch(crew: Crew) -> None:
    ours = await crew.open()
    reading, writing = os.pipe()
    async with program(
        crew.folder / "watch", "ctl", "watch", env=crew.env, stdout=writing
    ) as watching:
        os.close(writing)
        await asyncio.to_thread(os.read, reading, 10)
        os.close(reading)
        for number in range(50):
            ours.controls.mark(str(number))
            await asyncio.sleep(0.02)
        assert await watching.ended(10) == 1, str(watching)
        assert not watching.stderr
