"""Where nodes come from: as the user writes it, as it is on record, and what of a change is not applied."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from llmwright.testing.simulation.storage import Object

DEFAULT = "karpenter"
"""The provisioner of a Workspace that names none."""
DEFAULTS: Mapping[str, Mapping[str, str]] = {
    DEFAULT: {"mode": "nodeclaim", "capacityType": "on-demand"},
    "racks": {"row": "1", "power": "low"},
    "acme": {},
    "byo": {},
}
"""The options of each provisioner; the settings of a simulation may have another ``mode``."""
MUTABLE = frozenset({"power"})
KEYS = tuple(key for options in DEFAULTS.values() for key in options)


@dataclass(frozen=True, slots=True)
class NodeSource:
    """A provisioner and its options; an empty ``provisioner``, and options that are not there, are left open."""

    provisioner: str = ""
    options: Mapping[str, str] = field(default_factory=dict)

    def settled(self, mode: str) -> NodeSource:
        """Return it with nothing left open; ``mode`` is karpenter's, by the settings."""
        name = self.provisioner or DEFAULT
        given = {key: self.options[key] for key in DEFAULTS.get(name, {}) if key in self.options}
        return NodeSource(name, {**_defaults(name, mode), **given})

    def after(self, written: NodeSource, mode: str) -> NodeSource:
        """Return what is held once ``written`` is carried out as far as it can be: mutable options follow."""
        if written.provisioner not in ("", self.provisioner):
            return self
        meant = {**_defaults(self.provisioner, mode), **written.options}
        return replace(self, options={key: meant[key] if key in MUTABLE else self.options[key] for key in self.options})

    def unapplied(self, written: NodeSource) -> Iterator[str]:
        """Yield the YAML path of each change that is asked for and not applied."""
        if written.provisioner not in ("", self.provisioner):
            yield "resource.provisioner"
            return
        for key, value in written.options.items():
            if key not in MUTABLE and self.options.get(key) != value:
                yield f"resource.provisionerConfig.{key}"


def _defaults(provisioner: str, mode: str) -> dict[str, str]:
    defaults = dict(DEFAULTS.get(provisioner, {}))
    return {**defaults, "mode": mode} if "mode" in defaults else defaults


def written_in(workspace: Object) -> NodeSource:
    """Return what a Workspace says."""
    resource = workspace.get("resource") or {}
    return NodeSource(resource.get("provisioner") or "", dict(resource.get("provisionerConfig") or {}))


def recorded_in(workspace: Object) -> NodeSource | None:
    """Return what the status has on record; None before a plan is."""
    plan = (workspace.get("status") or {}).get("plan")
    if plan is None:
        return None
    options = {key: value for key, value in (plan.get("options") or {}).items() if key in KEYS}
    return NodeSource(plan["provisioner"], options)
