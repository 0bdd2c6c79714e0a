"""Fuzz what servers, tokens, addresses and the environment say, guided by coverage.

    python -m tools.fuzz_network tokens|addresses|answers|calls|variables [-max_total_time=600]

Needs atheris (`pip install atheris`; Linux, Python up to 3.13), which is nobody's dependency. What
is not used and not refused in words ends it with the input in a file `crash-...`.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import atheris

with atheris.instrument_imports(include=["micstream", "jwt", "dotenv"]):
    from micstream.avatars import start
    from micstream.delivery import wire
    from micstream.errors import ConnectionFailed, UsageError
    from micstream.room import address, proxy, token
    from micstream.room.connect import explain
    from micstream.settings import given_token, load, variables

_FILE = Path(tempfile.mkdtemp(prefix="fuzz-")) / ".env"
_KEY = "license-key-that-nobody-else-has"
_ORDER = start.Order(
    server="http://127.0.0.1",
    avatar_id="anna",
    identity="avatar-anna",
    speaks_for="sender",
    livekit_url="ws://127.0.0.1",
    key=_KEY,
    livekit_token=lambda: "",
)


def _text(data: bytes) -> str:
    return data.decode(errors="surrogateescape")


def tokens(data: bytes) -> None:
    """A token given: its text, or its claims."""
    given = atheris.FuzzedDataProvider(data)
    whole = given.ConsumeBool()
    said = given.ConsumeBytes(sys.maxsize)
    part = urlsafe_b64encode(said).rstrip(b"=").decode()
    text = _text(said) if whole else f"eyJhbGciOiJIUzI1NiJ9.{part}.c2ln"
    checks: tuple[Callable[[], object], ...] = (
        lambda: given_token.check_sender(text, room="show", identity="me"),
        lambda: given_token.check_watcher(text, room="show"),
        lambda: token.expired_at(text),
    )
    for check in checks:
        with contextlib.suppress(UsageError):
            check()
    for name in given_token.names(text).values():
        assert name.strip()


def addresses(data: bytes) -> None:
    """Addresses of servers and proxies, as somebody may have typed them."""
    given = atheris.FuzzedDataProvider(data)
    url = given.ConsumeUnicode(given.ConsumeIntInRange(0, 60))
    if given.ConsumeBool():
        url = f"{given.PickValueInList(['ws', 'wss', 'http', 'https'])}://{url}"
    names = ["HTTP_PROXY", "https_proxy", "ALL_PROXY", "NO_PROXY", "no_proxy"]
    environment = {name: given.ConsumeUnicode(given.ConsumeIntInRange(0, 30)) for name in names}
    try:
        connection = load(url=url, api_key="k", api_secret="s" * 40, _env_file=None).connection()
    except UsageError as error:
        assert error.hint
        return
    assert connection.url is not None
    address.warnings(connection)
    with contextlib.suppress(UsageError):
        address.server_url(connection)
    with contextlib.suppress(UsageError):
        way = proxy.way_to(connection.url, environment)
        assert "@" not in way.shown
        assert address.reach(connection.url) is not address.Reach.SELF or way.proxy is None


def answers(data: bytes) -> None:
    """What an avatar's server answers, and what the SDK says of LiveKit's."""
    given = atheris.FuzzedDataProvider(data)
    status = given.ConsumeIntInRange(200, 599)
    explain("ws://127.0.0.1", given.ConsumeUnicode(given.ConsumeIntInRange(0, 60)))
    said = given.ConsumeBytes(sys.maxsize)
    try:
        start._judge(_ORDER, status, said)
    except ConnectionFailed as error:
        assert error.hint
        assert _KEY not in error.message


def calls(data: bytes) -> None:
    """The payload of a report."""
    payload = _text(data)
    report = wire.parse_finished(payload)
    if report is not None:
        assert json.loads(payload)["interrupted"] is report.interrupted
        assert 0 <= report.position_s < float("inf")


def files(data: bytes) -> None:
    """A `.env` file."""
    _FILE.write_bytes(data)
    try:
        found = variables.from_file(_FILE)
    except UnicodeDecodeError:
        return
    except UsageError as error:
        assert error.code == "bad_env"
        return
    assert found.keys() <= variables.KNOWN
    with contextlib.suppress(UsageError):
        load(_env_file=(_FILE,))


SEEDS = {
    "tokens": [
        b'{"video": {"room": "show", "roomJoin": true, "canPublish": false}, "kind": "agent"}\x00',
        b'{"exp": 1e9, "sub": "me", "roomConfig": {"name": ["x"]}, "video": {"hidden": null}}\x00',
        b"eyJhbGciOiJIUzI1NiJ9.e30.c2ln\x01",
    ],
    "calls": [b'{"playback_position": 1.5, "interrupted": false, "synchronized_transcript": null}'],
    "answers": [b'{"session_id": "s"}', b'{"error": "no ' + _KEY.encode() + b'"}'],
    "variables": [
        b"LIVEKIT_URL=ws://a\nexport MICSTREAM_LEAD_MS='100' # x\n",
        b'LIVEKIT_ROOM="a\nb"',
    ],
    "addresses": [b"ws://[fe80::1%25eth0]:7880\x05", b"wss://example.org:443/x?y#z\x10"],
}


def main() -> None:
    """Fuzz the one that is named; the rest is libFuzzer's."""
    targets = {
        "tokens": tokens,
        "addresses": addresses,
        "answers": answers,
        "calls": calls,
        "variables": files,
    }
    name = sys.argv.pop(1) if len(sys.argv) > 1 else ""
    if name not in targets:
        sys.exit(f"expected one of {', '.join(targets)}; then what libFuzzer takes")
    seeds = _FILE.with_name("seeds")
    seeds.mkdir()
    for number, seed in enumerate(SEEDS[name]):
        (seeds / str(number)).write_bytes(seed)
    atheris.Setup([*sys.argv, "-use_value_profile=1", str(seeds)], cast("Any", targets[name]))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
