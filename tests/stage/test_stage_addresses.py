"""Which of a machine's addresses a link for others is made of, and in which order."""

from __future__ import annotations

import ipaddress
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream.stage import addresses
from micstream.stage.addresses import Interface, address_in, family, for_others, found

UP, TO_A_POINT = 0x1, 0x10


def at(address: str, name: str = "", flags: int = UP) -> Interface:
    return Interface(ipaddress.ip_address(address), name, flags)


HALL = at("192.168.178.20", "wlp3s0")


@pytest.mark.parametrize(
    "vpn",
    [
        at("10.8.0.2", "tun0", UP | TO_A_POINT),
        at("10.8.0.2", "tap0"),
        at("10.66.1.2", "wg0", UP | TO_A_POINT),
        at("10.66.1.2", "wg-mullvad"),
        at("100.101.3.4", "tailscale0"),
        at("100.101.3.4", "Ethernet 3"),
        at("10.147.17.2", "ztabcdef12"),
        at("10.5.0.2", "nordlynx"),
        at("172.16.9.9", "utun4", UP | TO_A_POINT),
        at("172.16.9.9", "ppp0", UP | TO_A_POINT),
        at("172.16.9.9", "gpd0"),
        at("172.17.0.1", "docker0"),
        at("172.18.0.1", "br-0123456789ab"),
        at("192.168.122.1", "virbr0"),
        at("192.168.56.1", "vboxnet0"),
        at("192.168.64.1", "bridge100"),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_the_halls_network_comes_before_a_vpn_that_has_the_way_out(
    vpn: Interface, first: bool
) -> None:
    both = [vpn, HALL] if first else [HALL, vpn]
    assert for_others(both, routed=str(vpn.address)) == [str(HALL.address), str(vpn.address)]


def test_of_two_networks_the_one_with_a_router_is_first() -> None:
    cable, radio = at("10.0.0.5", "enp2s0"), at("192.168.1.7", "wlan0")
    assert for_others([cable, radio], routed="192.168.1.7") == ["192.168.1.7", "10.0.0.5"]
    assert for_others([cable, radio], routed="10.0.0.5") == ["10.0.0.5", "192.168.1.7"]
    assert for_others([cable, radio], routed=None) == ["10.0.0.5", "192.168.1.7"]


def test_a_switch_without_a_router_has_addresses_too() -> None:
    assert for_others([at("127.0.0.1", "lo"), HALL], routed=None) == ["192.168.178.20"]


def test_what_nobody_else_can_use_is_left_out() -> None:
    useless = [
        at("127.0.0.1", "lo"),
        at("127.0.1.1"),
        at("169.254.3.4", "eth0"),
        at("192.168.9.9", "eth1", flags=0),
        at("fe80::1", "eth0"),
        at("::1", "lo"),
    ]
    assert for_others(useless, routed=None) == []
    assert for_others(useless, routed=None, version=6) == []


def test_of_each_family_its_own() -> None:
    both = [at("192.168.1.2", "eth0"), at("2001:db8::7", "eth0"), at("fd00::7", "eth0")]
    assert for_others(both, None) == ["192.168.1.2"]
    assert for_others(both, None, version=6) == ["2001:db8::7", "fd00::7"]


def test_where_the_system_tells_nothing_the_way_out_will_do() -> None:
    assert for_others([], routed="192.168.1.7") == ["192.168.1.7"]
    assert for_others([], routed="127.0.0.1") == []


flags = st.integers(0, 0xFFFF)
interfaces = st.lists(
    st.builds(
        Interface,
        st.ip_addresses(v=4) | st.ip_addresses(v=6),
        st.text(max_size=12) | st.sampled_from(["eth0", "tun0", "docker0", "br0", ""]),
        flags,
    )
)


@given(interfaces, st.none() | st.ip_addresses(v=4).map(str), st.sampled_from([4, 6]))
def test_no_address_is_told_twice_and_none_that_is_not_there(
    known: list[Interface], routed: str | None, version: int
) -> None:
    told = for_others(known, routed, version)
    assert len(told) == len(set(told))
    assert set(told) <= {str(each.address) for each in known} | {routed}


def test_this_machine_tells_of_itself() -> None:
    told = found()
    assert any(each.address.is_loopback and each.name for each in told)


def test_the_structures_of_the_systems() -> None:
    linux = struct.pack("=HH4s8x", socket.AF_INET, 0, bytes([192, 168, 1, 2]))
    bsd = struct.pack("=BBH4s8x", 16, 2, 0, bytes([192, 168, 1, 2]))
    assert family(linux, bsd=False) == socket.AF_INET
    assert family(bsd, bsd=True) == 2
    assert str(address_in(linux)) == str(address_in(bsd)) == "192.168.1.2"
    six = struct.pack("=HHI16sI", 10, 0, 0, ipaddress.ip_address("2001:db8::9").packed, 3)
    assert str(address_in(six)) == "2001:db8::9"


def test_windows_tells_addresses_and_no_interfaces() -> None:
    told = [
        (socket.AF_INET6, 0, 0, "", ("fe80::1%12", 0, 0, 12)),
        (socket.AF_INET, 0, 0, "", ("100.101.3.4", 0)),
        (socket.AF_INET, 0, 0, "", ("192.168.1.2", 0)),
    ]
    known = addresses._by_name_service(lambda *_: told)
    assert for_others(known, routed="100.101.3.4") == ["192.168.1.2", "100.101.3.4"]


def test_a_system_that_fails_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> list[Interface]:
        raise OSError

    monkeypatch.setattr(addresses, "_by_getifaddrs", fails)
    monkeypatch.setattr(addresses, "_by_name_service", fails)
    assert found() == []
