"""Where no message goes: link-local addresses, where clouds keep their credentials.

Private networks and loopback are allowed: receivers of one's own live there.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

Address = IPv4Address | IPv6Address

_METADATA = frozenset(map(ip_address, ("fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192")))
"""Credential services that are not link-local: AWS over IPv6, Alibaba, Azure, Oracle."""

_NAT64 = tuple(map(ip_network, ("64:ff9b::/96", "64:ff9b:1::/48")))


class Refused(OSError):
    """We do not go there. The text names no address."""


def refuse(address: Address) -> None:
    """Raise Refused for an address that no message goes to, however it is wrapped."""
    for each in _unwrap(address):
        if each.is_link_local or each.is_multicast or each.is_unspecified or each in _METADATA:
            raise Refused("its address is link-local or reserved; no message goes there")


def is_loopback(address: Address) -> bool:
    return any(each.is_loopback for each in _unwrap(address))


def _unwrap(address: Address) -> Iterator[Address]:
    """The address itself, and an IPv4 address that is carried in it (mapped, 6to4, NAT64, Teredo)."""
    yield address
    if isinstance(address, IPv4Address):
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    if any(address in network for network in _NAT64):
        yield IPv4Address(int(address) & 0xFFFFFFFF)
