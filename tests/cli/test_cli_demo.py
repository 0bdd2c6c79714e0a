"""`micstream demo`: everything on one machine, and nothing of it left."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from micstream.demo.server import LocalServer
from testbed.program import NO_DEVICES, Program, environment, program, started_with
from testbed.speech import labels
from testbed.waiting import has_ended, wait_until

pytestmark = [pytest.mark.room, pytest.mark.slow]


@pytest.fixture
def family() -> Iterator[list[psutil.Process]]:
    """What the demo has started, noted while it ran: all of it must be gone afterwards."""
    started: list[psutil.Process] = []
    yield started
    left = [each for each in started if not has_ended(each)]
    assert not left


def note(ours: Program, family: list[psutil.Process]) -> list[str]:
    """The demo's children: the server and the avatar, as they are called."""
    children = psutil.Process(ours.running.pid).children(recursive=True)
    family += children
    lines = []
    for child in children:
        with suppress(psutil.NoSuchProcess):  # a helper of a moment
            lines.append(" ".join(child.cmdline()))
    for hidden in ("secret", "eyJ"):
        assert not any(hidden in line for line in lines), "arguments are seen by everybody"
    return lines


@pytest.mark.usefixtures("server_binary")
async def test_the_bundled_speech_on_a_server_of_its_own(
    tmp_path: Path, family: list[psutil.Process]
) -> None:
    async with program(tmp_path, "demo", "--play", "--json", env=environment()) as ours:
        await ours.until("playback_started", 40)
        names = note(ours, family)
        assert any("livekit-server" in name for name in names)
        assert any("micstream.demo.avatar" in name for name in names)
        assert await ours.ended(90) == 0
    bye = ours.events[-1]
    assert (bye["event"], bye["utterances"], bye["faults"]) == ("bye", len(labels()), 0)
    assert bye["dropped"] == 0
    assert bye["delay_median_ms"] < 1_000
    finished = ours.named("playback_finished")
    assert len(finished) == len(labels())
    assert not any(event["interrupted"] for event in finished)
    assert ours.named("warning", "error") == []
    assert "playing bundled speech" in ours.stderr


@pytest.mark.usefixtures("server_binary")
async def test_ended_in_the_middle_it_leaves_nothing_behind(
    tmp_path: Path, family: list[psutil.Process]
) -> None:
    async def ended_at(moment: str, number: signal.Signals) -> Program:
        folder = tmp_path / moment
        async with program(folder, "demo", "--play", "--json", env=environment()) as ours:
            if moment == "avatar":
                await wait_until(lambda: "starting the avatar" in ours.stderr, 40, "the avatar")
            else:
                await ours.until(moment, 40)
                # Just begun, and seconds long: between two of them there would be none to end.
                await ours.until("utterance_started", count=2)
            note(ours, family)
            ours.send(number)
            assert await ours.ended() == 0, ours
        return ours

    spoke, _ = await asyncio.gather(
        ended_at("playback_started", signal.SIGTERM), ended_at("avatar", signal.SIGINT)
    )
    assert spoke.events[-1]["event"] == "bye"
    assert spoke.named("utterance_ended")[-1]["reason"] == "shutdown"


VENUE = "wss://venue.example"


@pytest.mark.usefixtures("server_binary")
async def test_it_stays_on_this_machine_whatever_the_settings_name(
    tmp_path: Path, family: list[psutil.Process]
) -> None:
    """Settings of a venue are not used, and need not even be of use."""
    folder = tmp_path / "show"
    folder.mkdir()
    (folder / ".env.local").write_text(
        f"LIVEKIT_URL={VENUE}?key=hidden\nLIVEKIT_API_KEY=theirs\nLIVEKIT_TOKEN=no-token\n"
        "LIVEKIT_ROOM=theirs\nMICSTREAM_AVATAR=avatar-theirs\nMICSTREAM_ROUTE=3\n"
    )
    async with program(folder, "demo", "--play", "--json", env=environment()) as ours:
        await ours.until("playback_started", 60)
        names = note(ours, family)
        assert any("livekit-server" in name for name in names)
        ours.send(signal.SIGTERM)
        assert await ours.ended() == 0
    assert f"{VENUE}, which LIVEKIT_URL in .env.local names, is not used" in ours.stderr
    assert "hidden" not in ours.stderr + ours.stdout
    assert ours.named("warning", "error") == []


async def test_another_server_is_used_where_it_is_named_and_no_microphone_needed(
    server: LocalServer, tmp_path: Path, family: list[psutil.Process]
) -> None:
    env = started_with(NO_DEVICES, tmp_path / "double", environment(server))

    async def ended(*options: str) -> None:
        words = ("demo", *options, "--url", server.url)
        async with program(tmp_path / options[0], *words, env=env) as ours:
            await wait_until(lambda: "there is no microphone" in ours.stderr, 40, "its speech")
            names = note(ours, family)
            assert not any("livekit-server" in name for name in names)
            assert f"using the server at {server.url}" in ours.stderr
            if "--json" in options:
                await ours.until("playback_started")
            ours.send(signal.SIGTERM)
            assert await ours.ended() == 0
        assert "utterance" in ours.stdout, "the summary"
        assert server.api_secret not in ours.stdout + ours.stderr

    await asyncio.gather(ended("--json"), ended("--plain", "--quiet", "--mode", "utterance"))


async def test_a_server_without_its_secret_is_refused(tmp_path: Path) -> None:
    words = ("demo", "--play", "--url", "ws://127.0.0.1:1")
    async with program(tmp_path, *words, env=environment(LIVEKIT_API_KEY="ours")) as ours:
        assert await ours.ended() == 2
    assert "LIVEKIT_API_SECRET" in ours.stderr
    assert "leave --url out" in ours.stderr


async def test_a_server_that_is_not_there_or_not_ours_is_told_at_once(
    server: LocalServer, tmp_path: Path
) -> None:
    for name, url, words in (
        ("nobody", "ws://127.0.0.1:1", "was not reached"),
        ("refused", server.url, "does not accept the token"),
    ):
        env = environment(LIVEKIT_API_KEY="key", LIVEKIT_API_SECRET="s" * 40)
        async with program(tmp_path / name, "demo", "--play", "--url", url, env=env) as ours:
            assert await ours.ended() == 5
        assert f"{url} {words}" in ours.stderr
        assert "avatar" not in ours.stderr, "it is not to blame"
        assert len(ours.stderr.splitlines()) == 2


@pytest.mark.usefixtures("server_binary")
async def test_killed_it_leaves_nothing_running(
    tmp_path: Path, family: list[psutil.Process]
) -> None:
    async with program(tmp_path, "demo", "--play", "--json", env=environment()) as ours:
        await ours.until("playback_started", 60)
        note(ours, family)
        ours.send(signal.SIGKILL)
        ours.running.wait()
        await wait_until(lambda: all(map(has_ended, family)), 10, "the end of all")
