"""The installed plugins: entry points read with ``importlib.metadata``, nothing imported.

stevedore's own discovery loses the distribution of an entry point, and its cache on disk keys files by a modification
time that it rounds to about two minutes: a plugin installed again within that time is not seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import Distribution, EntryPoint, distributions
from typing import Literal

Kind = Literal["provisioner", "runtime", "tuner", "hook"]
State = Literal["found", "blocked", "duplicate", "incompatible"]

KINDS: tuple[Kind, ...] = ("provisioner", "runtime", "tuner", "hook")
INTERFACE = 1
"""The major version of the interfaces in this package; the one before it is read too."""

CORE = "llmwright"

_GROUP = re.compile(r"llmwright\.(provisioner|runtime|tuner|hook)s\.v(\d+)")
_HEADER = re.compile(r"^(Name|Version):[ \t]*(.+?)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginEntry:
    """One plugin as its distribution declares it. ``target`` is ``module`` or ``module:attribute``.

    ``detail`` is the reason where ``state`` is not ``found`` and the plugin is not used.
    """

    kind: Kind
    name: str
    target: str
    distribution: str
    version: str
    interface: int
    state: State = "found"
    detail: str = ""

    @property
    def group(self) -> str:
        """The entry-point group it stands in."""
        return f"llmwright.{self.kind}s.v{self.interface}"

    @property
    def origin(self) -> str:
        """Distribution and version, as people write them."""
        return f"{self.distribution} {self.version}"

    @property
    def entry_point(self) -> EntryPoint:
        """The entry point that loads the plugin."""
        return EntryPoint(name=self.name, value=self.target, group=self.group)


def canonical(distribution: str) -> str:
    """Return a distribution's name in its normal form (PEP 503)."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def supported(interface: int = INTERFACE) -> frozenset[int]:
    """Return the interface versions that a core of version ``interface`` reads."""
    return frozenset(version for version in (interface, interface - 1) if version >= 1)


@dataclass(frozen=True, slots=True)
class _Rules:
    blocked: frozenset[str]
    allowed: frozenset[str] | None
    interface: int


def discover(
    blocked: Iterable[str] = (), *, allowed: Iterable[str] | None = None, interface: int = INTERFACE
) -> tuple[PluginEntry, ...]:
    """Return all installed plugins in the order of kind, name and distribution.

    Args:
        blocked: names not to use: of a plugin (``hf``), of one kind (``runtime:hf``), or of a distribution.
        allowed: the only distributions to use beside the core's own; None for any.
        interface: the version of the interfaces that the core speaks.
    """
    rules = _Rules(frozenset(blocked), None if allowed is None else frozenset(map(canonical, allowed)), interface)
    rows = [_judged(entry, rules) for entry in _declared()]
    rows = _superseded(rows)
    rows.sort(key=lambda entry: (KINDS.index(entry.kind), entry.name, entry.distribution))
    return tuple(_conflicting(rows))


def _declared() -> Iterator[PluginEntry]:
    seen: set[str] = set()
    for distribution in distributions():
        # Most distributions bring no plugin: one look at the text is cheaper than parsing each.
        if "llmwright." not in (distribution.read_text("entry_points.txt") or ""):
            continue
        name, version = _identity(distribution)
        # The same distribution twice on sys.path (editable beside a wheel) is what Python imports first.
        if name in seen:
            continue
        seen.add(name)
        yield from _of_distribution(distribution, name, version)


def _identity(distribution: Distribution) -> tuple[str, str]:
    text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
    header = dict(_HEADER.findall(text.split("\n\n", 1)[0]))
    return canonical(header.get("Name", "unknown")), header.get("Version", "0")


def _of_distribution(distribution: Distribution, name: str, version: str) -> Iterator[PluginEntry]:
    rows: set[PluginEntry] = set()
    for point in distribution.entry_points:
        match = _GROUP.fullmatch(point.group)
        if match is None:
            continue
        kind: Kind = next(kind for kind in KINDS if kind == match[1])
        rows.add(
            PluginEntry(
                kind=kind,
                name=point.name,
                target=point.value,
                distribution=name,
                version=version,
                interface=int(match[2]),
            )
        )
    yield from rows


def _judged(entry: PluginEntry, rules: _Rules) -> PluginEntry:
    forbidden = _forbidden(entry, rules)
    if forbidden is not None:
        return replace(entry, state="blocked", detail=forbidden)
    readable = supported(rules.interface)
    if entry.interface in readable:
        return entry
    spoken = " and ".join(f"v{version}" for version in sorted(readable, reverse=True))
    needed = "a newer" if entry.interface > rules.interface else "an older"
    detail = f"needs interface v{entry.interface}, this llmwright reads {spoken}: it wants {needed} llmwright"
    return replace(entry, state="incompatible", detail=detail)


def _forbidden(entry: PluginEntry, rules: _Rules) -> str | None:
    names = {
        entry.name,
        entry.distribution,
        f"{entry.kind}:{entry.name}",
        f"{entry.kind}s:{entry.name}",
        f"{entry.group}:{entry.name}",
    }
    hit = next((name for name in rules.blocked if name in names or canonical(name) == entry.distribution), None)
    if hit is not None:
        return f"blocked by {hit!r}"
    if rules.allowed is None or entry.distribution in {CORE, *rules.allowed}:
        return None
    return f"blocked: {entry.distribution} is not among the allowed distributions"


def _superseded(rows: list[PluginEntry]) -> list[PluginEntry]:
    """Leave out entries of a distribution for which it has a newer interface that is read."""
    newest: dict[tuple[Kind, str, str], int] = {}
    for row in rows:
        if row.state == "found":
            key = (row.kind, row.name, row.distribution)
            newest[key] = max(row.interface, newest.get(key, 0))
    return [row for row in rows if newest.get((row.kind, row.name, row.distribution), row.interface) == row.interface]


def _conflicting(rows: list[PluginEntry]) -> Iterator[PluginEntry]:
    # Any number may answer a hook, so its name need not be one plugin's alone.
    claims: dict[tuple[Kind, str], list[PluginEntry]] = {}
    for row in rows:
        if row.state == "found" and row.kind != "hook":
            claims.setdefault((row.kind, row.name), []).append(row)
    for row in rows:
        claim = claims.get((row.kind, row.name), [])
        if row.state != "found" or len(claim) < 2:
            yield row
            continue
        others = ", ".join(f"{other.target} of {other.origin}" for other in claim if other is not row)
        yield replace(row, state="duplicate", detail=f"also claimed by {others}")
