"""The rules on URLs: one parser for all notations, and the decision which URL may be read. No I/O.

``check_url`` is the quick check at admission: it sees schemes, names and literal addresses. The addresses behind a name
are checked when the connection is made (``wire``), with the same ``SourceRules``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Literal
from urllib.parse import unquote, urljoin, urlsplit

from llmwright.artifacts.networks import IPAddress, IPNetwork, address_kind, is_metadata, literal_addresses, reached
from llmwright.errors import ConfigError
from llmwright.reading.files import Unreadable, user_path

SETTING = "sources.allow"
LONGEST_NAME = 255
"""Bytes of a file's name, on every file system in use."""
LOOPBACK = (IPv4Address("127.0.0.1"), IPv6Address("::1"))

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_AUTHORITY = re.compile(r"(?:(?P<user>[^@]*)@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^\[\]:@]+)(?::(?P<port>[0-9]{1,5}))?")
_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_][a-z0-9_-]{0,62}(?:\.[a-z0-9_][a-z0-9_-]{0,62})*")
_DOTS = str.maketrans({"\u3002": ".", "\uff0e": ".", "\uff61": "."})
_METADATA_NAMES = frozenset(
    {
        "instance-data",
        "instance-data.ec2.internal",
        "metadata",
        "metadata.goog",
        "metadata.google",
        "metadata.google.internal",
        "metadata.tencentyun.com",
    }
)
_LOCAL_NAMES = frozenset({"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"})


@dataclass(frozen=True, slots=True)
class Location:
    """The parts of an http(s) URL. ``host`` is in its canonical form, IPv6 without brackets.

    ``addresses`` are the possible readings of a literal address, empty for a name. ``userinfo`` (user, password) is no
    part of ``url``, so that a log never shows it.
    """

    scheme: str
    host: str
    port: int
    target: str
    addresses: tuple[IPAddress, ...] = ()
    userinfo: tuple[str, str] | None = field(default=None, repr=False)

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port. Credentials are sent to one origin only."""
        return self.scheme, self.host, self.port

    @property
    def url(self) -> str:
        """The canonical URL, without userinfo and fragment."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _default_port(self.scheme) else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.target}"

    @property
    def masked(self) -> str:
        """The URL for people and logs: values in the query are hidden."""
        return mask_url(self.url)

    @property
    def loopback(self) -> bool:
        """Whether it names this machine by its name or address (127.0.0.0/8, ::1)."""
        return is_local_name(self.host) or any(address.is_loopback for address in self.addresses)

    def join(self, reference: str) -> Location:
        """Return the target of a ``Location`` header that this location answered with. Raises ValueError."""
        joined = parse_url(urljoin(self.url, reference))
        kept = joined.userinfo or (self.userinfo if joined.origin == self.origin else None)
        return Location(joined.scheme, joined.host, joined.port, joined.target, joined.addresses, kept)


@dataclass(frozen=True, slots=True)
class SourceRules:
    """The addresses that may be read although they are not public: the setting ``sources.allow``.

    ``allow`` holds host names, addresses and CIDRs. ``named`` holds hosts with their ports that the user named as the
    place itself: a registry, a hub. Cloud metadata services are always refused.

    Raises ConfigError for an entry that is none of these.
    """

    allow: tuple[str, ...] = ()
    named: frozenset[tuple[str, int]] = frozenset()
    _networks: tuple[IPNetwork, ...] = field(init=False, repr=False, compare=False, default=())
    _names: frozenset[str] = field(init=False, repr=False, compare=False, default=frozenset())

    def __post_init__(self) -> None:
        entries = [_allow_entry(text) for text in self.allow]
        object.__setattr__(self, "allow", tuple(self.allow))
        object.__setattr__(self, "_networks", tuple(entry for entry in entries if not isinstance(entry, str)))
        object.__setattr__(self, "_names", frozenset(entry for entry in entries if isinstance(entry, str)))

    def naming(self, *places: Location) -> SourceRules:
        """Return these rules for work at ``places``, which the user named: their hosts and ports may be anywhere.

        What such a place names in turn (a redirect, a token service, another port) is held to the rules.
        """
        return SourceRules(self.allow, self.named | {(place.host, place.port) for place in places})

    def naming_host(self, host: str) -> SourceRules:
        """Return these rules for work at ``host``, perhaps with a port, over TLS or without."""
        # Without a port in the name, TLS has one port and plain http another.
        return self.naming(*(parse_url(f"{scheme}://{host}/") for scheme in ("https", "http")))

    def permits(self, address: IPAddress) -> bool:
        """Whether ``address`` is public or allowed by a CIDR."""
        if is_metadata(address):
            return False
        special = [target for target in reached(address) if address_kind(target)]
        return self._holds(address) or all(self._holds(target) for target in special)

    def refusal(self, host: str, addresses: Sequence[IPAddress], port: int = 0) -> str | None:
        """Return why ``host`` with ``addresses`` must not be read, None where it may. One bad address refuses all."""
        if host in _METADATA_NAMES or any(is_metadata(address) for address in addresses):
            return f"{_naming(host, addresses)} is a cloud metadata service, which is always refused"
        if host in self._names or (host, port) in self.named:
            return None
        bad = next((address for address in addresses if not self.permits(address)), None)
        if bad is None:
            return None
        return f"{_naming(host, [bad])} is a {address_kind(bad)} address, and the setting {SETTING} does not name it"

    def _holds(self, address: IPAddress) -> bool:
        return any(address in network for network in self._networks)


def check_url(url: str, rules: SourceRules, *, local: bool = False) -> str | None:
    """Return the reason why ``url`` must not be read, as one line without secrets; None where no reason is seen.

    Pure: names are not resolved. With ``local``, ``file:`` URLs and plain paths may be read too. Never raises.
    """
    kind = url_kind(url)
    if kind == "local":
        return (
            _path_problem(url) if local else f"{url[:200]!r} is a local path; only http and https URLs can be read here"
        )
    if kind == "hf":
        from llmwright.artifacts.hub_urls import hub_url_problem

        return hub_url_problem(url)
    try:
        location = parse_url(url)
    except ValueError as problem:
        return str(problem)
    addresses = LOOPBACK[:1] if is_local_name(location.host) else location.addresses
    reason = rules.refusal(location.host, addresses)
    return f"{mask_url(url)}: {reason}" if reason else None


def _path_problem(url: str) -> str | None:
    scheme = _SCHEME.match(url)
    path = unquote(url[scheme.end() :]) if scheme else url
    try:
        user_path(path)
    except Unreadable as error:
        return f"{url[:200]!r} {error}"
    if any(len(part.encode("utf-8", "replace")) > LONGEST_NAME for part in path.split("/")):
        return f"{url[:200]!r} has a part of more than {LONGEST_NAME} bytes, which no file's name may have"
    return None


def url_kind(url: str) -> Literal["local", "hf", "web"]:
    """``local`` for ``file:`` URLs and plain paths, ``hf`` for the model hub's scheme, ``web`` for all else."""
    scheme = _SCHEME.match(url)
    if scheme is None or scheme[1].lower() == "file":
        return "local"
    return "hf" if scheme[1].lower() == "hf" else "web"


def parse_url(url: str) -> Location:
    """Parse an http(s) URL. Raises ValueError with a message for the user, secrets hidden."""
    shown = mask_url(url)
    if len(url) > 8192:
        raise ValueError("the URL is longer than 8192 characters")
    if any(char.isspace() or not char.isprintable() or char == "\\" for char in url):
        raise ValueError(f"{shown!r} holds white space, a backslash or a control character")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError(f"{shown!r} is not a URL") from None
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"{shown!r} is not an http or https URL")
    authority = _AUTHORITY.fullmatch(parts.netloc)
    if authority is None:
        raise ValueError(f"{shown!r} names no host that can be read")
    host, addresses = _canonical(authority["host"], shown)
    port = int(authority["port"] or _default_port(parts.scheme))
    if not 0 < port < 65536:
        raise ValueError(f"{shown!r} has a port outside 1 to 65535")
    query = f"?{parts.query}" if parts.query else ""
    target = (parts.path or "/") + query
    return Location(parts.scheme, host, port, target, addresses, _userinfo(authority["user"]))


def mask_url(url: str) -> str:
    """Hide userinfo, the values of the query and the fragment of ``url``. Takes any text."""
    text, _, _ = url.partition("#")
    head, mark, query = text.partition("?")
    head = re.sub(r"//.*@", "//***@", head, flags=re.DOTALL)
    values = [f"{key}=***" if sep else "***" for key, sep, _ in (part.partition("=") for part in query.split("&"))]
    return head + (mark + "&".join(values) if query else "")


def is_local_name(host: str) -> bool:
    """Whether ``host`` is a name of this machine (RFC 6761: localhost and its subdomains)."""
    return host in _LOCAL_NAMES or host.endswith(".localhost")


def refused(problem: str) -> ConfigError:
    """Return the error for a source that must not be read."""
    hint = "" if "always refused" in problem else f"allow its host or CIDR with the setting {SETTING}"
    return ConfigError(problem, hint=hint if SETTING in problem else "", reason="SourceRefused")


def canonical_host(host: str) -> str:
    """Return ``host`` in lower case, as ASCII (IDNA), without a trailing dot. Raises ValueError."""
    text = unicodedata.normalize("NFKC", host).translate(_DOTS)
    if not text.isascii():
        import idna

        text = idna.encode(text, uts46=True).decode("ascii")
    return text.lower().removesuffix(".")


def _canonical(written: str, shown: str) -> tuple[str, tuple[IPAddress, ...]]:
    try:
        host = canonical_host(written.removeprefix("[").removesuffix("]"))
        addresses = literal_addresses(host)
    except ValueError:
        raise ValueError(f"{shown!r} names no host that can be read") from None
    if addresses:
        return str(addresses[0]), addresses
    if not _NAME.fullmatch(host):
        raise ValueError(f"{shown!r} names no host that can be read")
    return host, ()


def _userinfo(text: str | None) -> tuple[str, str] | None:
    if not text:
        return None
    user, _, password = text.partition(":")
    return unquote(user), unquote(password)


def _allow_entry(text: str) -> str | IPNetwork:
    entry = text.strip()
    try:
        return ip_network(entry.removeprefix("[").removesuffix("]"), strict=False)
    except ValueError:
        pass
    try:
        host = canonical_host(entry)
        if _NAME.fullmatch(host) and not literal_addresses(host):
            return host
    except ValueError:
        pass
    raise ConfigError(
        f"{SETTING}: {entry[:80]!r} is no host name, address or CIDR", hint="for example 10.1.0.0/16 or files.example"
    )


def _naming(host: str, addresses: Sequence[IPAddress]) -> str:
    first = addresses[0] if addresses else None
    try:
        same = first is not None and ip_address(host) == first
    except ValueError:
        same = False
    return host if same or first is None else f"{host} ({first})"


def _default_port(scheme: str) -> int:
    return 443 if scheme == "https" else 80
