"""The way to the server: encryption, whether it answers, its clock."""

from __future__ import annotations

import contextlib
import email.utils
import time
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from micstream.doctor.check import Check, State, failed
from micstream.errors import ConnectionFailed, UsageError
from micstream.room import address, web
from micstream.room.proxy import way_to
from micstream.settings.pieces import ConnectionSettings

_HTTP_S: Final = 5.0
_SKEW_WARN_S: Final = 5.0
_SKEW_FAIL_S: Final = 60.0
"""LiveKit accepts tokens whose start lies a minute in the future."""


def judge_way(connection: ConnectionSettings, url: str) -> list[Check]:
    """Check that the way to the server keeps our token to itself, and its key is its own."""
    expected = {"plain_ws": "wss://, or a network of our own", "dev_key": "a key of its own"}
    names = {"plain_ws": "encryption", "dev_key": "key"}
    checks = [
        Check(names[told.code], "warning", told.message, expected[told.code], told.hint)
        for told in address.warnings(connection)
    ]
    if not any(check.name == "encryption" for check in checks):
        plain = address.is_plain(url)
        how = "not needed: it stays on this machine" if plain else "the server is spoken to by TLS"
        checks.insert(0, Check("encryption", "ok", how))
    return checks


def judge_proxy(url: str) -> list[Check]:
    """Check through which proxy the server is spoken to; nothing where the environment has none."""
    expected = "http://host:port"
    try:
        way = way_to(url)
    except UsageError as error:
        return [failed("proxy", error, expected)]
    if way.proxy is not None:
        found = (
            f"the server is spoken to through {way.shown} ({way.variable}); sound goes beside it"
        )
        return [Check("proxy", "ok", found)]
    if way.because:
        return [Check("proxy", "ok", f"straight, past {way.variable}: {way.because}")]
    return []


async def check_server(url: str) -> list[Check]:
    """Check that it answers, and what time it says it is."""
    parts = urlsplit(url)
    page = parts._replace(scheme="https" if parts.scheme in ("wss", "https") else "http").geturl()
    try:
        begun = time.time()
        async with (
            web.session(url, aiohttp.ClientTimeout(total=_HTTP_S)) as session,
            session.get(page) as answer,
        ):
            date = answer.headers.get("Date")
            took = time.time() - begun
    except web.ODD as error:
        return [_unreachable(url, web.why(error, url))]
    if refused := _refusal(url, answer.status):
        return [_unreachable(url, refused)]
    checks = [Check("server", "ok", f"{address.shown(url)} answers in {took * 1000:.0f} ms")]
    with contextlib.suppress(ValueError, OverflowError):  # some servers write "0" there
        theirs = email.utils.parsedate_to_datetime(date or "").timestamp()
        checks.append(_judge_skew(begun + took / 2 - theirs - 0.5))  # a Date is whole seconds
    return checks


def _refusal(url: str, status: int) -> str:
    """Why an answer is not the server's own, or says that it is not there; empty: it is."""
    proxy = way_to(url).shown
    if proxy and status in (403, 407):
        return web.refused_by_proxy(proxy, status)
    where = f"the proxy {proxy}, or what" if proxy else "what"
    return f"{where} stands before the server answers {status}" if status >= 500 else ""


def _unreachable(url: str, why: str) -> Check:
    return Check(
        "server",
        "failed",
        f"{address.shown(url)}: {why}",
        "a LiveKit server that answers",
        "check LIVEKIT_URL, the network and the firewall",
        ConnectionFailed.exit_code,
    )


def _judge_skew(skew_s: float) -> Check:
    away = abs(skew_s)
    state: State = "ok"
    if away > _SKEW_WARN_S:
        state = "failed" if away > _SKEW_FAIL_S else "warning"
    side = "ahead of" if skew_s > 0 else "behind"
    return Check(
        "clock",
        state,
        "agrees with the server's" if away < 1.5 else f"{away:.0f} s {side} the server's",
        "within 5 s: tokens are good for a while only",
        "set this machine's clock (NTP)" if state != "ok" else "",
        ConnectionFailed.exit_code,
    )
