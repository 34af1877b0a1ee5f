"""Connections whose every wait ends with one deadline, and that go to no address that `addresses` refuses.

The address that was checked is the one that is connected to, so a name cannot lead elsewhere a moment later.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from cloudcircuit.notifiers.addresses import Refused, is_loopback, refuse
from cloudcircuit.ports import Deadline
from cloudcircuit.wire import Place, Transport


class BoundedAdapter(Transport):
    """The transport of one request. `plain_http`: whether a URL without TLS may lead beyond this machine."""

    def __init__(self, deadline: Deadline, *, plain_http: bool) -> None:
        self._plain_http = plain_http
        super().__init__(deadline)

    def places(self, host: str, port: int, *, tls: bool) -> Iterator[Place]:
        """Raises Refused if one of the addresses must not be gone to."""
        found = super().places(host, port, tls=tls)
        addresses = [(family, ip_address(str(where[0]).partition("%")[0])) for family, where in found]
        for _, address in addresses:
            refuse(address)
        for family, address in addresses:
            if not (tls or self._plain_http or is_loopback(address)):
                raise Refused("http:// is for this machine alone; use https://, or set allow_http = true")
            yield family, (str(address), port)
