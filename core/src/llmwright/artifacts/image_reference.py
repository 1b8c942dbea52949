"""Names of images, as Docker reads them: ``[REGISTRY[:PORT]/]REPOSITORY[:TAG][@DIGEST]``.

The grammar is that of ``distribution/reference``; without a registry, it is Docker Hub.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address

from llmwright.artifacts.addresses import is_local_name
from llmwright.artifacts.networks import literal_addresses
from llmwright.errors import ConfigError

DOCKER_HUB = "docker.io"

_DOMAIN = re.compile(
    r"(?:\[(?P<v6>[0-9a-fA-F:]+)\]|[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*)"
    r"(?::(?P<port>[0-9]{1,5}))?"
)
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_PART}(?:/{_PART})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Reference:
    """The parts of an image's name. ``tag`` is ``latest`` without a tag and a digest; with a digest it may be empty."""

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.registry}/{self.repository}{tag}" + (f"@{self.digest}" if self.digest else "")

    @property
    def name(self) -> str:
        """Registry and repository."""
        return f"{self.registry}/{self.repository}"

    @property
    def version(self) -> str:
        """The version to ask the registry for: the digest where there is one, else the tag."""
        return self.digest or self.tag

    @property
    def host(self) -> str:
        """Host and port of the registry's API."""
        return "registry-1.docker.io" if self.registry == DOCKER_HUB else self.registry

    @property
    def on_loopback(self) -> bool:
        """Whether the registry is on this machine (localhost, 127.0.0.0/8, ::1): Docker's rule for plain http."""
        match = _DOMAIN.fullmatch(self.registry)
        host = (match["v6"] if match else None) or self.registry.partition(":")[0]
        try:
            return is_local_name(host.lower()) or any(address.is_loopback for address in literal_addresses(host))
        except ValueError:
            return False


def parse_reference(text: str) -> Reference:
    """Parse an image's name. Raises ConfigError (InvalidReference), which names the wrong part."""
    name, _, digest = text.partition("@")
    if digest and not _DIGEST.fullmatch(digest):
        raise _invalid(text, "its digest is not sha256: and 64 lower-case hexadecimal digits")
    domain, rest = _split_domain(name)
    repository, colon, tag = rest.partition(":")
    if domain == DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    _check_repository(text, domain, repository)
    if colon and not _TAG.fullmatch(tag):
        raise _invalid(text, "its tag is not 1 to 128 of A-Z a-z 0-9 _ . - (not starting with . or -)")
    if "@" in text and not digest:
        raise _invalid(text, "nothing stands after the @")
    return Reference(domain, repository, tag or ("" if digest else "latest"), digest)


def _split_domain(name: str) -> tuple[str, str]:
    head, slash, rest = name.partition("/")
    # No repository has upper-case letters, so that such a head can only be a host (distribution's own parser).
    is_domain = slash and (head == "localhost" or "." in head or ":" in head or head.lower() != head)
    if not is_domain:
        return DOCKER_HUB, name
    return (DOCKER_HUB if head.lower() in (DOCKER_HUB, "index.docker.io") else head), rest


def _check_repository(text: str, domain: str, repository: str) -> None:
    if "://" in text:
        raise _invalid(text, "an image's name has no https:// before it")
    match = _DOMAIN.fullmatch(domain)
    if match is None or not 0 < int(match["port"] or 1) < 65536 or not _is_ipv6(match["v6"]):
        raise _invalid(text, f"{domain[:80]!r} is no registry's host and port")
    if repository.lower() != repository:
        raise _invalid(text, "the repository has upper-case letters")
    if not _REPOSITORY.fullmatch(repository) or len(repository) > 255:
        raise _invalid(text, "the repository is not parts of a-z 0-9 joined by . _ - and /, at most 255 characters")


def _is_ipv6(text: str | None) -> bool:
    try:
        return text is None or bool(str(IPv6Address(text)))
    except ValueError:
        return False


def _invalid(text: str, why: str) -> ConfigError:
    return ConfigError(
        f"{text[:200]!r} is no image's name: {why}",
        hint="write REGISTRY/REPOSITORY:TAG, for example registry.example.com/team/adapter:v1",
        reason="InvalidReference",
    )


def reference_problem(text: str) -> str | None:
    """Return why ``text`` names no image, None where it does. Pure; for admission."""
    try:
        parse_reference(text)
    except ConfigError as error:
        return error.message
    return None
