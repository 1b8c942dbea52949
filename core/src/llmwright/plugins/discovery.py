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

from llmwright.errors import meant, nearest

Kind = Literal["provisioner", "runtime", "tuner", "hook"]
State = Literal["found", "blocked", "duplicate", "incompatible", "misdeclared"]

KINDS: tuple[Kind, ...] = ("provisioner", "runtime", "tuner", "hook")
INTERFACE = 1
"""The major version of the interfaces in this package; the one before it is read too."""

CORE = "llmwright"

_GROUPS = tuple(f"llmwright.{kind}s.v{INTERFACE}" for kind in KINDS)
_ALIKE, _NEARLY_ALIKE = 0.75, 0.88
"""The shares of a group's letters that agree: so many for a mistake, and so many for one misspelling of one group."""
_TARGET = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*([ \t]*:[ \t]*[^\W\d]\w*(\.[^\W\d]\w*)*)?([ \t]*\[.*\])?")
_GROUP = re.compile(r"llmwright\.(provisioner|runtime|tuner|hook)s\.v(\d+)")
_HEADER = re.compile(r"^(Name|Version):[ \t]*(.+?)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginEntry:
    """One plugin as its distribution declares it. ``target`` is ``module`` or ``module:attribute``.

    ``detail`` is the reason where ``state`` is not ``found`` and the plugin is not used. ``misdeclared``: its group or
    its target cannot be read; the kind is then the one that was probably meant.
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

    def answers_to(self, name: str) -> bool:
        """Whether ``name`` means it: its own, with its kind or group before it, or its distribution's."""
        names = {self.name, f"{self.kind}:{self.name}", f"{self.kind}s:{self.name}", f"{self.group}:{self.name}"}
        return name in names or canonical(name) == self.distribution


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
        if CORE not in (distribution.read_text("entry_points.txt") or "").lower():
            continue
        name, version = identity(distribution)
        # The same distribution twice on sys.path (editable beside a wheel) is what Python imports first.
        if name in seen:
            continue
        seen.add(name)
        yield from _of_distribution(distribution, name, version)


def identity(distribution: Distribution) -> tuple[str, str]:
    """Return its name and version. What an installation left behind that broke off may have none: ``unknown``."""
    text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
    header = dict(_HEADER.findall(text.split("\n\n", 1)[0]))
    return canonical(header.get("Name", "unknown")), header.get("Version", "0")


def _of_distribution(distribution: Distribution, name: str, version: str) -> Iterator[PluginEntry]:
    rows: set[PluginEntry] = set()
    for point in distribution.entry_points:
        group = point.group if _GROUP.fullmatch(point.group) else _group_meant(point.group)
        match = _GROUP.fullmatch(group)
        if match is None:
            continue
        kind: Kind = next(kind for kind in KINDS if kind == match[1])
        entry = PluginEntry(
            kind=kind,
            name=point.name,
            target=point.value,
            distribution=name,
            version=version,
            interface=int(match[2]),
        )
        fault = _misdeclared(point, group)
        rows.add(replace(entry, state="misdeclared", detail=fault) if fault else entry)
    yield from rows


def _group_meant(group: str) -> str:
    """Return the group that a misspelt one stands for; empty for a group that has nothing to do with these."""
    return nearest(group, _GROUPS, least=_ALIKE) or ""


def _misdeclared(point: EntryPoint, group: str) -> str:
    """Return why an entry point cannot be read, with what may be meant; empty where it can."""
    if point.group != group:
        near = nearest(point.group, _GROUPS, least=_NEARLY_ALIKE)
        hint = meant(near) if near else f"known: {', '.join(_GROUPS)}"
        return f"the entry-point group {point.group!r} is read by nobody ({hint})"
    if _TARGET.fullmatch(point.value.strip()):
        return ""
    parts = re.findall(r"[\w.]+", point.value)
    near = f"{parts[0]}:{'.'.join(parts[1:])}" if len(parts) > 1 else "".join(parts)
    hint = f" ({meant(near)})" if _TARGET.fullmatch(near) else ""
    return f"the target {point.value!r} is no MODULE and no MODULE:ATTRIBUTE{hint}"


def _judged(entry: PluginEntry, rules: _Rules) -> PluginEntry:
    forbidden = _forbidden(entry, rules)
    if forbidden is not None:
        return replace(entry, state="blocked", detail=forbidden)
    readable = supported(rules.interface)
    if entry.interface in readable or entry.state == "misdeclared":
        return entry
    spoken = " and ".join(f"v{version}" for version in sorted(readable, reverse=True))
    needed = "a newer" if entry.interface > rules.interface else "an older"
    detail = f"needs interface v{entry.interface}, this llmwright reads {spoken}: it wants {needed} llmwright"
    return replace(entry, state="incompatible", detail=detail)


def _forbidden(entry: PluginEntry, rules: _Rules) -> str | None:
    hit = next((name for name in rules.blocked if entry.answers_to(name)), None)
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
