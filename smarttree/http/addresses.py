"""Addresses: who may connect, for whom a proxy speaks, and whose limits count. Pure.

Law: an IPv4 address is the same written as IPv6; this machine is always admitted; what a header says counts only as far
as proxies that are trusted have written it, from the right (RFC 7239, section 5.2; `X-Forwarded-For` alike).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from smarttree.config import Network

Address = IPv4Address | IPv6Address

# Of these bits of an IPv6 address its holder chooses as they like, a new one for each connection.
HOST_BITS: Final = 64
NOBODY: Final = IPv4Address(0)
ADDRESSES_KEPT: Final = 1024  # those that were read last are not read again, nor held twice

_FOR = re.compile(r'(?:^|[;,])\s*for\s*=\s*(?:"([^"]*)"|([^;,\s"]*))', re.IGNORECASE)


@lru_cache(ADDRESSES_KEPT)
def read_address(text: str) -> Address | None:
    """As a socket or a proxy tells it, with or without a port, brackets and zone; None for what is none."""
    host = text.strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def is_in(address: Address | None, networks: Sequence[Network]) -> bool:
    return address is not None and any(address in network for network in networks)


def read_network(text: str) -> Network:
    """`192.168.1.0/24`, `10.0.0.7`, `fd00::/8`. Raises ValueError, also for bits beyond the prefix: a slip is likelier
    than a wish.
    """
    try:
        network = ip_network(text.strip())
    except ValueError as error:
        raise ValueError(f"{text!r} is no network: use one like 192.168.1.0/24, or an address ({error})") from None
    if isinstance(network, IPv6Network) and (mapped := network.network_address.ipv4_mapped) and network.prefixlen >= 96:
        return IPv4Network((mapped, network.prefixlen - 96))
    return network


def source_of(address: Address | None) -> Address:
    """Who is counted as one: an address, or a /64 of IPv6. All that are unknown are one."""
    if isinstance(address, IPv6Address):
        return IPv6Address(int(address) >> HOST_BITS << HOST_BITS)
    return address or NOBODY


def is_here(address: Address | None) -> bool:
    """Whether it is this machine's own."""
    return address is not None and address.is_loopback


def is_admitted(address: Address | None, networks: Sequence[Network]) -> bool:
    """Whether it is one of those, or this machine's own; everyone is where there are none."""
    return not networks or is_here(address) or is_in(address, networks)


def speaks_for(
    peer: Address | None, forwarded_for: Sequence[str], forwarded: Sequence[str], trusted: Sequence[Network]
) -> Address | None:
    """Who is at the other end: `peer`, or whom trusted proxies speak for. None where they name something that is no
    address: nobody can be admitted by that.
    """
    told = ",".join(forwarded_for).split(",") if forwarded_for else _named(",".join(forwarded))
    address = peer
    for hop in reversed(told):
        if not is_in(address, trusted):
            break
        address = read_address(hop)
    return address


def _named(forwarded: str) -> list[str]:
    return [quoted or bare for quoted, bare in _FOR.findall(forwarded)]
