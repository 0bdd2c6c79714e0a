"""`micstream stage` as a process: its link, its words, its end."""

from __future__ import annotations

import signal
import socket
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from micstream.demo.server import LocalServer
from testbed.program import Program, environment, program, run, started_with
from testbed.waiting import wait_until

SECRET = "a-secret-that-nobody-else-has-ever-had"
KNOWN = {
    "LIVEKIT_URL": "ws://127.0.0.1:7880",
    "LIVEKIT_API_KEY": "key",
    "LIVEKIT_API_SECRET": SECRET,
}


async def answered(address: str) -> int:
    async with aiohttp.ClientSession() as client, client.get(address) as answer:
        return answer.status


async def link_in(ours: Program) -> str:
    """The link that a run without --json prints, waited for."""
    await wait_until(
        lambda: "http://" in ours.stdout.rpartition("\n")[0], 20, lambda: f"the link\n{ours}"
    )
    return next(word for word in ours.stdout.split() if word.startswith("http://"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_serves_until_it_is_ended(tmp_path: Path, number: signal.Signals) -> None:
    options = ("stage", "--json", "--port", "0", "--room", "show")
    async with program(tmp_path, *options, env=environment(None, **KNOWN)) as ours:
        opened = await ours.until("stage_open")
        assert opened["room"] == "show"
        address = opened["link"]
        assert urlsplit(address).hostname == "127.0.0.1"
        assert urlsplit(address).path == "/"
        assert await answered(address) == 200
        assert await answered(address + "healthz") == 200
        async with aiohttp.ClientSession() as client, client.post(address + "session") as answer:
            given = (await answer.json())["token"]
        assert (await ours.until("stage_page"))["address"] == "127.0.0.1"
        ours.send(number)
        assert await ours.ended() == 0
    for hidden in (SECRET, given, "eyJ"):
        assert hidden not in ours.stdout + ours.stderr
    with pytest.raises(aiohttp.ClientConnectionError):
        await answered(address)


async def test_a_link_with_a_key_and_a_code_for_others(tmp_path: Path) -> None:
    known = KNOWN | {"LIVEKIT_URL": "ws://192.168.7.7:7880", "PYTHONIOENCODING": "utf-8"}
    options = ("stage", "--lan", "--port", "0", "--plain", "--room", "show")
    links = set()
    for attempt in ("first", "second"):
        async with program(tmp_path / attempt, *options, env=environment(None, **known)) as ours:
            link = urlsplit(await link_in(ours))
            assert len(link.path) == 34
            links.add(link.path)
            port = link.port
            assert await answered(f"http://127.0.0.1:{port}{link.path}") == 200
            assert await answered(f"http://127.0.0.1:{port}/") == 403
            await wait_until(lambda: ours.stdout.count("█") > 100, 10, "its code")
            ours.send(signal.SIGTERM)
            assert await ours.ended() == 0
    assert len(links) == 1, "a link stays good"
    assert "is not encrypted" in ours.stdout


async def test_what_others_could_not_reach_is_told(tmp_path: Path) -> None:
    options = ("stage", "--host", "0.0.0.0", "--port", "0", "--json", "--link-host", "hall.local")
    async with program(tmp_path, *options, env=environment(None, **KNOWN)) as ours:
        opened = await ours.until("stage_open")
        assert urlsplit(opened["link"]).hostname == "hall.local"
        assert [event["code"] for event in ours.named("warning")] == ["loopback_url"]
        ours.send(signal.SIGTERM)
        assert await ours.ended() == 0


async def test_quiet_still_tells_the_link(tmp_path: Path) -> None:
    options = ("stage", "--quiet", "--port", "0")
    async with program(tmp_path, *options, env=environment(None, **KNOWN)) as ours:
        assert await answered(await link_in(ours)) == 200
        ours.send(signal.SIGTERM)
        assert await ours.ended() == 0


async def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, ours = await run(
            tmp_path, "stage", "--port", port, "--json", env=environment(None, **KNOWN)
        )
    assert code == 1
    assert [(each["event"], each["code"]) for each in ours.events] == [("error", "port_in_use")]
    assert f"port {port} is in use" in ours.stderr
    assert "--port" in ours.stderr


@pytest.mark.parametrize(
    ("arguments", "variables", "code", "words"),
    [
        ((), {"LIVEKIT_URL": ""}, 2, "LIVEKIT_URL is not set"),
        ((), {"LIVEKIT_API_SECRET": ""}, 2, "LIVEKIT_API_SECRET is not set"),
        ((), {"LIVEKIT_URL": "ws://example.org"}, 2, "is not encrypted"),
        (("--lan", "--host", "127.0.0.1"), {}, 2, "cannot both be given"),
        (("--host", "192.0.2.250"), {}, 2, "--host"),
        (("--background", "url(x)"), {}, 2, "--background"),
        (("--background", "notacolour"), {}, 2, "'notacolour' is no colour"),
        (("--poster", "nowhere.png"), {}, 3, "nowhere.png"),
        (("--port", "70000"), {}, 2, "--port"),
    ],
)
async def test_what_cannot_be_served(
    tmp_path: Path,
    arguments: tuple[str, ...],
    variables: dict[str, str],
    code: int,
    words: str,
) -> None:
    env = environment(None, **(KNOWN | variables))
    ended, ours = await run(tmp_path, "stage", *arguments, env=env)
    assert ended == code, ours
    assert words in ours.stderr
    assert ours.stdout == ""


async def test_its_help_speaks_of_what_a_page_may(tmp_path: Path) -> None:
    code, ours = await run(tmp_path, "stage", "--help-all", env=environment(None))
    words = " ".join(ours.stdout.split())
    assert code == 0
    assert "kind agent" not in words
    assert "of kind standard" in words
    assert "speak through" not in words


async def test_the_key_is_not_in_what_a_browser_is_started_with(tmp_path: Path) -> None:
    """Everybody on this machine sees a process list; the browser writes over none of our lines."""
    browser, seen = tmp_path / "browser", tmp_path / "seen"
    browser.write_text(f'#!/bin/sh\necho "opening $1"\necho "$1" > "{seen}"\nexec sleep 40\n')
    browser.chmod(0o700)
    env = environment(None, **KNOWN, DISPLAY=":77", BROWSER=f"{browser} %s")
    options = ("stage", "--lan", "--open", "--json", "--port", "0")
    async with program(tmp_path / "run", *options, env=env) as ours:
        key = urlsplit((await ours.until("stage_open"))["link"]).path.strip("/")
        await wait_until(lambda: seen.exists() and seen.read_text(), 20, "a browser that is opened")
        ticket = seen.read_text().strip()
        assert key not in ticket
        async with aiohttp.ClientSession() as client, client.get(ticket) as answer:
            assert answer.status == 200
            assert answer.url.path == f"/{key}/"
        assert await answered(ticket) == 403, "once"
        assert "opening" not in ours.stdout + ours.stderr
        ours.send(signal.SIGTERM)
        assert await ours.ended(20) == 0, "it waits for no browser that stays for 40 s"


async def test_no_browser_of_letters_comes_up_in_the_terminal(tmp_path: Path) -> None:
    letters = tmp_path / "w3m"
    letters.write_text("#!/bin/sh\nexec cat\n")
    letters.chmod(0o700)
    env = environment(None, **KNOWN, DISPLAY=":77", BROWSER=f"{letters} %s")
    options = ("stage", "--open", "--json", "--port", "0")
    async with program(tmp_path / "run", *options, env=env) as ours:
        assert (await ours.until("warning"))["code"] == "no_browser"
        ours.send(signal.SIGTERM)
        assert await ours.ended() == 0


async def test_no_browser_to_open(tmp_path: Path) -> None:
    nobody = "import webbrowser\nwebbrowser.open = lambda address: False\n"
    env = started_with(nobody, tmp_path / "site", environment(None, **KNOWN, DISPLAY=":77"))
    options = ("stage", "--open", "--json", "--port", "0")
    async with program(tmp_path / "run", *options, env=env) as ours:
        assert (await ours.until("warning"))["code"] == "no_browser"
        ours.send(signal.SIGTERM)
        assert await ours.ended() == 0


@pytest.mark.room
@pytest.mark.slow
async def test_the_demo_tells_where_the_avatar_is_to_be_seen(
    server: LocalServer, tmp_path: Path
) -> None:
    async def ended(*options: str) -> Program:
        folder = tmp_path / str(len(options))
        async with program(folder, "demo", "--play", *options, env=environment(server)) as ours:
            await wait_until(
                lambda: "playing bundled speech" in ours.stderr, 60, lambda: f"speech\n{ours}"
            )
            if "--no-stage" not in options:
                words = ours.stderr.split()
                link = next(word for word in words if urlsplit(word).path == "/")
                assert await answered(link) == 200
            ours.send(signal.SIGTERM)
            assert await ours.ended() == 0
        return ours

    shown, hidden = await ended(), await ended("--no-stage")
    assert "watch the avatar at http://127.0.0.1:" in shown.stderr
    assert "watch the avatar" not in hidden.stderr
