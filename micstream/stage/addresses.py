"""Addresses of this machine on its networks, the hall's first: what links for others are made of.

The way to a router tells one address alone, and with a VPN that is the tunnel's, which nobody in
the hall can reach. So all interfaces are asked, and put in an order by what they are. Pure, but for
`found`, which has a seam for each system: `getifaddrs` where there is one, else the name service.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import ipaddress
import re
import socket
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_UP: Final = 0x1
_POINT_TO_POINT: Final = 0x10
"""Flags of an interface, the same for Linux and the BSDs, macOS among them."""

# Prefixes of the names that makers of VPNs, of containers and of virtual machines give.
_TUNNEL: Final = re.compile(
    r"tun|tap|utun|wg|ppp|ipsec|gpd|nordlynx|proton|tailscale|zt|nebula|cscotun|vpn|wt\d"
)
_WITHIN: Final = re.compile(
    r"docker|br-|veth|virbr|vmnet|vboxnet|lxc|lxd|podman|cni|flannel|cali|bridge[1-9]|vnic|kube"
    r"|incus|anbox|waydroid|awdl|llw"
)
_CARRIER: Final = ipaddress.ip_network("100.64.0.0/10")
"""Between a provider and its customers, RFC 6598; VPNs such as Tailscale give these out."""


@dataclass(frozen=True, slots=True)
class Interface:
    """One address of the machine, and the interface that has it; no name where none is told."""

    address: Address
    name: str = ""
    flags: int = _UP


def for_others(interfaces: Iterable[Interface], routed: str | None, version: int = 4) -> list[str]:
    """Addresses at which others may reach this machine, the most likely first.

    A network of cable or radio comes before a tunnel, that before one within this machine
    (containers, virtual machines); among equals the one on the way to a router (`routed`) is first.
    Those that nobody else can use are left out: loopback, link-local, an interface that is down.
    """
    usable = [
        each
        for each in interfaces
        if each.address.version == version
        and each.flags & _UP
        and not (
            each.address.is_loopback
            or each.address.is_link_local
            or each.address.is_multicast
            or each.address.is_unspecified
        )
    ]
    usable.sort(key=lambda each: (_kind(each), str(each.address) != routed))
    ordered = [str(each.address) for each in usable]
    if routed is not None and routed not in ordered and not _is_only_ours(routed):
        ordered.append(routed)
    return list(dict.fromkeys(ordered))


def _kind(interface: Interface) -> int:
    """0: a network of cable or radio, or unknown; 1: a tunnel; 2: within this machine."""
    name = interface.name.lower()
    if _WITHIN.match(name):
        return 2
    tunnel = interface.flags & _POINT_TO_POINT or interface.address in _CARRIER
    return 1 if tunnel or _TUNNEL.match(name) else 0


def _is_only_ours(address: str) -> bool:
    known = ipaddress.ip_address(address)
    return known.is_loopback or known.is_unspecified or known.is_link_local


# ---- the systems -----------------------------------------------------------------------------


def found() -> list[Interface]:
    """Every address of the machine that the system tells; none where it tells nothing."""
    try:
        return _by_name_service() if sys.platform == "win32" else _by_getifaddrs()
    except (OSError, AttributeError, ValueError):
        return []


def _by_name_service(
    lookup: Callable[[str, None], Iterable[Sequence[Any]]] = socket.getaddrinfo,
) -> list[Interface]:
    """Windows tells all of the machine's own addresses for its own name, and no interfaces."""
    told: list[Interface] = []
    for *_, place in lookup(socket.gethostname(), None):
        address = ipaddress.ip_address(str(place[0]).partition("%")[0])
        told.append(Interface(address))
    return told


_SIZES: Final[dict[int, int]] = {socket.AF_INET: 16, socket.AF_INET6: 28}


class _Entry(ctypes.Structure):
    """`struct ifaddrs`, as far as it is the same everywhere."""


_Entry._fields_ = [
    ("next", ctypes.POINTER(_Entry)),
    ("name", ctypes.c_char_p),
    ("flags", ctypes.c_uint),
    ("address", ctypes.c_void_p),
]


def _by_getifaddrs() -> list[Interface]:
    """Linux and the BSDs, macOS among them. Source: getifaddrs(3)."""
    libc = ctypes.CDLL(ctypes.util.find_library("c") or None, use_errno=True)
    libc.freeifaddrs.argtypes = [ctypes.c_void_p]
    first = ctypes.POINTER(_Entry)()
    if libc.getifaddrs(ctypes.byref(first)) != 0:
        raise OSError(ctypes.get_errno(), "getifaddrs")
    told: list[Interface] = []
    try:
        at = first
        while at:
            entry = at.contents
            if entry.address:
                raw = ctypes.string_at(entry.address, 4)
                size = _SIZES.get(family(raw))
                if size is not None:
                    address = address_in(ctypes.string_at(entry.address, size))
                    name = (entry.name or b"").decode(errors="replace")
                    told.append(Interface(address, name, entry.flags))
            at = entry.next
    finally:
        libc.freeifaddrs(first)
    return told


def family(raw: bytes, *, bsd: bool | None = None) -> int:
    """Family of a `struct sockaddr`: a short on Linux; on the BSDs a byte behind its length."""
    is_bsd = sys.platform != "linux" if bsd is None else bsd
    return raw[1] if is_bsd else int.from_bytes(raw[:2], sys.byteorder)


def address_in(raw: bytes) -> Address:
    """Address in a `struct sockaddr_in` or `sockaddr_in6`: they are told apart by their lengths."""
    if len(raw) == 16:
        return ipaddress.IPv4Address(raw[4:8])
    return ipaddress.IPv6Address(raw[8:24])
