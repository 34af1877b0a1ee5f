"""Where a name leads, and where no message goes: link-local addresses, where clouds keep their credentials.

The address that was checked is the one that is connected to, so a name cannot lead elsewhere a moment later. Private
networks and loopback are allowed: receivers of one's own live there.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from cloudcircuit.ports import Deadline

Address = IPv4Address | IPv6Address
Found = tuple[socket.AddressFamily, Address]

_METADATA = frozenset(map(ip_address, ("fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192")))
"""Credential services that are not link-local: AWS over IPv6, Alibaba, Azure, Oracle."""

_NAT64 = tuple(map(ip_network, ("64:ff9b::/96", "64:ff9b:1::/48")))


class Refused(OSError):
    """We do not go there. The text names no address."""


def look_up(host: str, port: int, deadline: Deadline) -> list[Found]:
    """The addresses of a name. Raises Refused if one must not be gone to, OSError (gaierror, TimeoutError).

    The system's resolver knows no deadline, so it is asked in a thread that may be left behind.
    """
    answer: list[list[Found] | OSError] = []

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answer.append([(family, ip_address(str(where[0]).partition("%")[0])) for family, _, _, _, where in found])
        except (OSError, UnicodeError) as error:
            answer.append(error if isinstance(error, OSError) else socket.gaierror(str(error)))

    thread = threading.Thread(target=ask, daemon=True, name="look-up")
    thread.start()
    thread.join(deadline.left())
    if not answer:
        raise TimeoutError("its name was not resolved in time")
    if isinstance(answer[0], OSError):
        raise answer[0]
    for _, address in answer[0]:
        refuse(address)
    return answer[0]


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
