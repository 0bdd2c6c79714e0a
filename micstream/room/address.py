"""Safety of the way to a server: what an address and its key alone tell.

No name is looked up: where a name leads may change, and asking tells others of it.
"""

from __future__ import annotations

import ipaddress
import re
from enum import Enum, auto
from typing import Final
from urllib.parse import urlsplit

from micstream.errors import UsageError
from micstream.events import Warned
from micstream.settings import given_token
from micstream.settings.pieces import ConnectionSettings

_NEAR: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),  # RFC 1918
        *("169.254.0.0/16", "fe80::/10"),  # link-local
        "100.64.0.0/10",  # behind a provider's NAT, RFC 6598; overlay networks use it too
        "fc00::/7",  # unique local addresses, RFC 4193
    )
)
_LABEL: Final = re.compile(r"[a-z_]([a-z0-9_-]*[a-z0-9])?|[0-9][a-z0-9_-]*[a-z_]")
"""A plain name. What is all digits, `0x7f` or percent-encoded is read as a number by some."""
_HEX: Final = re.compile(r"0x[0-9a-f]*")

_DEV_KEY: Final = "devkey"
_DEV_SECRET: Final = "secret"  # noqa: S105 - livekit-server --dev, known to everybody


class Reach(Enum):
    """Reach of an address: how far it leads."""

    SELF = auto()
    """This machine."""
    NEAR = auto()
    """A private network: compose, a venue's LAN."""
    FAR = auto()
    """The internet, and whatever is not known to be nearer."""


def reach(url: str) -> Reach:
    """Reach of a server's address, by its host alone."""
    host = (urlsplit(url).hostname or "").removesuffix(".")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return _reach_of_name(host)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_loopback or address.is_unspecified:
        return Reach.SELF
    return Reach.NEAR if any(address in network for network in _NEAR) else Reach.FAR


def _reach_of_name(host: str) -> Reach:
    labels = host.split(".")
    if not all(_LABEL.fullmatch(label) and not _HEX.fullmatch(label) for label in labels):
        return Reach.FAR
    if labels[-1] == "localhost":
        return Reach.SELF
    return Reach.NEAR if len(labels) == 1 or labels[-1] == "local" else Reach.FAR


def shown(url: str) -> str:
    """The address for people: a query may hold what is nobody's business."""
    return url.split("?", maxsplit=1)[0]


def is_plain(url: str) -> bool:
    """Tell whether what passes is readable to whoever is on the way: `ws://` or `http://`."""
    return urlsplit(url).scheme in ("ws", "http")


def server_url(connection: ConnectionSettings) -> str:
    """Address of the LiveKit server; a token is not carried over the internet for all to read.

    Raises:
        UsageError: it is not set, or is `ws://` or `http://` to a public host and `insecure` is
            not set.
    """
    url = connection.url
    if not url:
        raise UsageError(
            "no server: LIVEKIT_URL is not set",
            hint="set it in the environment, in .env.local or by --url; "
            "without a server of your own: micstream demo --serve",
            code="no_url",
        )
    refuse_insecure(
        url, "reads our token and can join the room with it", insecure=connection.insecure
    )
    return url


def refuse_insecure(url: str, danger: str, *, insecure: bool) -> None:
    """Refuse an address by which a secret would go over the internet for all to read.

    `danger`: what whoever is on the way does with it. `insecure`: the user has accepted that.

    Raises:
        UsageError: it is `ws://` or `http://` to a public host, and not accepted.
    """
    if is_plain(url) and reach(url) is Reach.FAR and not insecure:
        raise UsageError(
            f"{shown(url)} is not encrypted and leads through the internet: whoever is on "
            f"the way {danger}",
            hint=f"use {_encrypted(url)}, or accept it with --insecure (MICSTREAM_INSECURE=1)",
            code="insecure_url",
        )


def warnings(connection: ConnectionSettings) -> list[Warned]:
    """Warnings of what is unsafe about the server and not refused: `plain_ws`, `dev_key`.

    Raises:
        UsageError: the token given is no JWT.
    """
    url = connection.url
    if not url or reach(url) is Reach.SELF:
        return []
    found = []
    if is_plain(url) and (connection.insecure or reach(url) is Reach.NEAR):
        found.append(
            Warned(
                code="plain_ws",
                message=f"{shown(url)} is not encrypted: whoever is on the way reads our "
                "token and can join the room with it, and who can alter what passes can listen in",
                hint=f"use {_encrypted(url)} where others share this network",
            )
        )
    if _is_dev_key(connection):
        found.append(
            Warned(
                code="dev_key",
                message="this server takes the development key: everybody knows it, and can join "
                "and close every room",
                hint="give the server keys of its own: livekit-server generate-keys",
            )
        )
    return found


def avatar_server_warnings(url: str, connection: ConnectionSettings) -> list[Warned]:
    """Warnings of what is unsafe or cannot work: `plain_http`, `url_is_local`.

    `url`: the avatar's server. `connection`: where the avatar is told to join.
    """
    if reach(url) is Reach.SELF:
        return []
    found = []
    if is_plain(url) and (connection.insecure or reach(url) is Reach.NEAR):
        found.append(
            Warned(
                code="plain_http",
                message=f"{shown(url)} is not encrypted: whoever is on the way reads the license "
                "key and can use it",
                hint=f"use {_encrypted(url)} where others share this network",
            )
        )
    if connection.url and reach(connection.url) is Reach.SELF:
        found.append(
            Warned(
                code="url_is_local",
                message=f"the avatar is told to join at {shown(connection.url)}, which from its "
                f"server, {shown(url)}, leads to that server itself",
                hint="give LIVEKIT_URL an address that leads here from there too",
            )
        )
    return found


def _encrypted(url: str) -> str:
    secure = "wss" if urlsplit(url).scheme == "ws" else "https"
    return f"{secure}://"


def _is_dev_key(connection: ConnectionSettings) -> bool:
    if connection.token is not None:
        return given_token.read(connection.token.get_secret_value()).get("iss") == _DEV_KEY
    secret = connection.api_secret
    known = secret is not None and secret.get_secret_value() == _DEV_SECRET
    return known and connection.api_key == _DEV_KEY
