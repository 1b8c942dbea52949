"""The purpose of an IP address, and all its notations. Arithmetic only.

The tables follow IANA's special-purpose address registries (RFC 6890, updated 2024). Python's own ``is_global`` is
not used: its answers differ between the patch releases of 3.11 to 3.13, and a safety rule must not differ.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

_V4_KINDS: tuple[tuple[IPv4Network, str], ...] = (
    (IPv4Network("0.0.0.0/8"), "reserved"),
    (IPv4Network("10.0.0.0/8"), "private"),
    (IPv4Network("100.64.0.0/10"), "carrier-grade NAT"),
    (IPv4Network("127.0.0.0/8"), "loopback"),
    (IPv4Network("169.254.0.0/16"), "link-local"),
    (IPv4Network("172.16.0.0/12"), "private"),
    (IPv4Network("192.0.0.0/24"), "reserved"),
    (IPv4Network("192.0.2.0/24"), "reserved"),
    (IPv4Network("192.88.99.0/24"), "reserved"),
    (IPv4Network("192.168.0.0/16"), "private"),
    (IPv4Network("198.18.0.0/15"), "reserved"),
    (IPv4Network("198.51.100.0/24"), "reserved"),
    (IPv4Network("203.0.113.0/24"), "reserved"),
    (IPv4Network("224.0.0.0/4"), "multicast"),
    (IPv4Network("240.0.0.0/4"), "reserved"),
)

_V6_KINDS: tuple[tuple[IPv6Network, str], ...] = (
    (IPv6Network("::1/128"), "loopback"),
    (IPv6Network("fc00::/7"), "private"),
    (IPv6Network("fe80::/10"), "link-local"),
    (IPv6Network("fec0::/10"), "private"),
    (IPv6Network("ff00::/8"), "multicast"),
    (IPv6Network("2001::/23"), "reserved"),  # IETF protocols, Teredo among them
    (IPv6Network("2001:db8::/32"), "reserved"),
    (IPv6Network("3fff::/20"), "reserved"),
)

_V6_GLOBAL = IPv6Network("2000::/3")

# Prefixes that only wrap an IPv4 address: a packet goes to the address inside (RFC 4291, 6052, 3056).
_WRAPPERS: tuple[tuple[IPv6Network, int], ...] = (
    (IPv6Network("::ffff:0:0/96"), 0),
    (IPv6Network("64:ff9b::/96"), 0),
    (IPv6Network("2002::/16"), 80),
)

# Prefixes that also carry an IPv4 address (RFC 4291 compatible, RFC 2765, RFC 8215): both addresses are checked.
_CARRIERS: tuple[tuple[IPv6Network, int], ...] = (
    (IPv6Network("::/96"), 0),
    (IPv6Network("::ffff:0:0:0/96"), 0),
    (IPv6Network("64:ff9b:1::/48"), 0),
)

_METADATA = frozenset(
    ip_address(text)
    for text in (
        "169.254.169.254",  # AWS, Azure, Google Cloud, OpenStack, Oracle and more
        "169.254.170.2",  # AWS ECS task credentials
        "169.254.170.23",  # AWS EKS pod identity
        "169.254.42.42",  # Scaleway
        "169.254.0.23",  # Tencent Cloud
        "168.63.129.16",  # Azure host agent
        "100.100.100.200",  # Alibaba Cloud
        "192.0.0.192",  # Oracle Cloud classic
        "fd00:ec2::254",  # AWS
        "fd00:ec2::23",  # AWS EKS pod identity
        "fd20:ce::254",  # Google Cloud
        "fd00:42::42",  # Scaleway
    )
)

_NUMBER = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")
_ISATAP_MARKS = (0x00005EFE, 0x02005EFE)


def _low_ipv4(address: IPv6Address, shift: int) -> IPv4Address:
    return IPv4Address((int(address) >> shift) & 0xFFFFFFFF)


def reached(address: IPAddress) -> tuple[IPAddress, ...]:
    """Return the addresses that a packet to ``address`` may reach: itself, and the IPv4 address inside it."""
    if isinstance(address, IPv4Address):
        return (address,)
    for network, shift in _WRAPPERS:
        if address in network:
            return (_low_ipv4(address, shift),)
    carries = any(address in network for network, _ in _CARRIERS)
    if carries or (int(address) >> 32) & 0xFFFFFFFF in _ISATAP_MARKS:
        return (address, _low_ipv4(address, 0))
    return (address,)


def _own_kind(address: IPAddress) -> str:
    if isinstance(address, IPv4Address):
        return next((name for network, name in _V4_KINDS if address in network), "")
    named = next((name for network, name in _V6_KINDS if address in network), "")
    return named or ("" if address in _V6_GLOBAL else "reserved")


def address_kind(address: IPAddress) -> str:
    """Return ``loopback``, ``private``, ``link-local``, ``multicast``, ``carrier-grade NAT``, ``reserved`` or ''."""
    return next((kind for kind in map(_own_kind, reached(address)) if kind), "")


def is_metadata(address: IPAddress) -> bool:
    """Whether a cloud's instance metadata or credential service answers there."""
    return any(target in _METADATA for target in (address, *reached(address)))


def literal_addresses(host: str) -> tuple[IPAddress, ...]:
    """Return every address that some resolver may read in ``host`` (no brackets); empty for a name.

    Besides dotted quads: one to four parts, each decimal, octal or hexadecimal, as ``inet_aton`` takes them. A part
    with a leading zero is read both as octal and as decimal, because programs disagree.

    Raises ValueError for a text that looks like an address and is none.
    """
    if ":" in host:
        return (IPv6Address(host),)
    parts = host.split(".")
    if not _NUMBER.fullmatch(parts[-1]):
        return ()
    if len(parts) > 4 or not all(_NUMBER.fullmatch(part) for part in parts):
        raise ValueError(f"{host[:80]!r} is no address")
    readings = [_ipv4(parts, octal=True), _ipv4(parts, octal=False)]
    addresses = tuple(dict.fromkeys(address for address in readings if address is not None))
    if not addresses:
        raise ValueError(f"{host[:80]!r} is no address")
    return addresses


def _ipv4(parts: list[str], *, octal: bool) -> IPv4Address | None:
    try:
        numbers = [_number(part, octal=octal) for part in parts]
    except ValueError:
        return None
    *heads, last = numbers
    if any(head > 255 for head in heads) or last >= 256 ** (4 - len(heads)):
        return None
    return IPv4Address(sum(head << (24 - 8 * place) for place, head in enumerate(heads)) + last)


def _number(text: str, *, octal: bool) -> int:
    if text[:2].lower() == "0x":
        return int(text[2:] or "0", 16)
    return int(text, 8 if octal and text.startswith("0") else 10)
