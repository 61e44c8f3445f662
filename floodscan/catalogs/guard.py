"""Which hosts may be reached because an item's href leads there.

An href comes from a catalog that the user may not know. On a machine inside a network it could lead
to a service that trusts this network, such as the metadata service of a cloud. So loopback, private
and other special addresses are refused, but for hosts that the user names.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from floodscan.catalogs.limits import RequestError


@dataclass(frozen=True, slots=True)
class Guard:
    """Refuses hosts and addresses.

    Attributes:
        private_hosts: Names or addresses of hosts that may be private.
    """

    private_hosts: frozenset[str] = frozenset()

    def check_host(self, host: str) -> None:
        """Refuse a host that is written as an address.

        Raises:
            RequestError: The address is not a public one.
        """
        with suppress(ValueError):
            self._check(host, ip_address(host))

    def check_address(self, host: str, address: str) -> None:
        """Refuse the address that a host was reached at.

        Raises:
            RequestError: The address is not a public one.
        """
        self._check(host, ip_address(address.partition("%")[0]))

    def _check(self, host: str, address: IPv4Address | IPv6Address) -> None:
        if host in self.private_hosts or _is_public(address):
            return
        raise RequestError(f"is not read: {host} is not a public address; --private-host allows it")


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    inner = address.ipv4_mapped or address.sixtofour if isinstance(address, IPv6Address) else None
    found = inner or address
    return found.is_global and not found.is_multicast
