"""The input of one admission: the Workspace, the one it replaces, and the facts that rules may use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from llmwright.api.versions import V1ALPHA1, with_defaults
from llmwright.api.workspace import LabelSelector, PresetSpec, Workspace
from llmwright.check.facts import CatalogueFacts, ClusterFacts, DriverFacts, PolicyFacts
from llmwright.plugins.demand import Demand
from llmwright.plugins.drivers import Capabilities, Provisioner, Runtime
from llmwright.plugins.selection import Candidates, able_of, alternatives, candidates
from llmwright.values.instance_type import InstanceType
from llmwright.values.nodes import unreserved
from llmwright.values.plan import Target
from llmwright.values.preset import Preset

BYPASS_ANNOTATION = "kaito.sh/bypass-resource-checks"


@dataclass(frozen=True, kw_only=True)
class CheckInput:
    """``written`` is the Workspace as the user wrote it, ``old`` the one it replaces, None for a new one."""

    written: Workspace
    old: Workspace | None = None
    target: Target = "kubernetes"
    catalogue: CatalogueFacts = field(default_factory=CatalogueFacts)
    drivers: DriverFacts = field(default_factory=DriverFacts)
    cluster: ClusterFacts = field(default_factory=ClusterFacts)
    policy: PolicyFacts = field(default_factory=PolicyFacts)

    @cached_property
    def workspace(self) -> Workspace:
        """The Workspace with the defaults of its API version, which hold on a cluster."""
        return with_defaults(self.written) if self.on_cluster else self.written

    @property
    def on_cluster(self) -> bool:
        return self.target == "kubernetes"

    @property
    def v1alpha1(self) -> bool:
        return self.written.api_version == V1ALPHA1

    @property
    def annotations(self) -> Mapping[str, str]:
        return self.written.metadata.annotations

    @property
    def bypass(self) -> bool:
        """Whether the user asked to go on where memory seems too small."""
        return BYPASS_ANNOTATION in self.annotations

    @property
    def count(self) -> int:
        count = self.workspace.resource.count
        return 1 if count is None else count

    @property
    def begun(self) -> bool:
        """Whether something was done for the old Workspace, as far as its status tells; without a status, yes."""
        return self.old is not None and (self.old.status is None or self.old.status.plan is not None)

    @property
    def recorded_provisioner(self) -> str | None:
        """The provisioner that the old Workspace's plan names, None where none is on record."""
        status = self.old.status if self.old is not None else None
        return status.plan.provisioner if status is not None and status.plan is not None else None

    @cached_property
    def provisioner_name(self) -> str | None:
        """The provisioner that is named or on record; on one machine the default too: there is no other choice."""
        return self.written.resource.provisioner or self.recorded_provisioner or self.default_provisioner

    @cached_property
    def default_provisioner(self) -> str | None:
        """The provisioner of a Workspace that names none, as far as it is known before a plan."""
        ranked = () if self.on_cluster else self.drivers.installed.ranked("provisioner", self.target)
        return self.drivers.provisioner or next((candidate.name for candidate in ranked), None)

    @cached_property
    def provisioner(self) -> type[Provisioner] | None:
        """The class of the named provisioner; None where none is named, or it is missing or broken."""
        return self.drivers.installed.find_provisioner(self.provisioner_name)

    @property
    def own_nodes_only(self) -> bool:
        """Whether KAITO's gate says that all nodes are brought by the user."""
        return self.cluster.gates.disable_node_auto_provisioning and not self.v1alpha1

    @property
    def brings_nodes(self) -> bool:
        """Whether the nodes are the user's own, by the gate or by what the provisioner declares."""
        return self.own_nodes_only or (self.provisioner is not None and self.provisioner.nodes_are_brought)

    @cached_property
    def demand(self) -> Demand:
        """The work to serve, as far as it is known before a plan."""
        inference = self.written.inference
        adapters = inference.adapters if inference else []
        return Demand(
            target=self.target,
            preset=self.inference_preset,
            machine=self.machine,
            adapters=len(adapters),
            strengths=tuple(index for index, adapter in enumerate(adapters) if adapter.strength is not None),
            api_key=self.policy.api_key,
            options=inference.runtime_config if inference else {},
        )

    @cached_property
    def runtimes(self) -> Candidates:
        """The runtimes that come into question."""
        # KAITO refuses a strength where its default has none, so a strength moves no Workspace to another runtime here.
        demand = replace(self.demand, strengths=())
        return candidates(self.written, demand, self.drivers.installed, self.cluster.gates, self.drivers.runtime)

    @cached_property
    def runtime_name(self) -> str | None:
        """The runtime that will serve, as far as it is decided by now; None where none that is installed can.

        On a cluster it is the first of several that takes the options, as in a plan. Where none does, the first judges
        them.
        """
        names = [candidate.name for candidate in self.runtimes.runtimes]
        open_yet = self.on_cluster and len(names) > 1
        taking = (name for name in names if self._takes_options(name)) if open_yet else iter(names)
        return next(taking, names[0] if names else None)

    def _takes_options(self, runtime: str) -> bool:
        """Whether that runtime has nothing against the options of the Workspace.

        The config is left out: one that is wrong for the engine it is written for would else choose a runtime that
        reads none of it.
        """
        inference, configure = self.written.inference, self.drivers.configure
        if inference is None or configure is None:
            return True
        problems = configure("runtime", runtime, inference.runtime_config, {}, self.inference_preset)
        return not any(problem.severity == "error" for problem in problems)

    @cached_property
    def runtime(self) -> type[Runtime] | None:
        """The class of that runtime; None also where it is missing or broken."""
        return self.drivers.installed.find_runtime(self.runtime_name)

    @cached_property
    def able(self) -> Capabilities | None:
        """The abilities of that runtime, with the engine that it takes for this work; None where it is not known."""
        return able_of(self.runtime, self.demand) if self.runtime is not None else None

    def instead(self, holds: Callable[[Capabilities], bool], machine: InstanceType | None = None) -> list[str]:
        """Return what would serve this and has abilities that this runtime lacks, as it is written; for hints.

        Args:
            holds: whether abilities are those that are wanted.
            machine: the machine, where another than the Workspace's type is known.
        """
        if self.runtime is None or self.runtime_name is None:
            return []
        demand = replace(self.demand, machine=machine or self.demand.machine)
        return alternatives(self.runtime_name, self.runtime, demand, self.drivers.installed, holds)

    @cached_property
    def inference_preset(self) -> Preset | None:
        """The catalogue's entry for what is served; None without one."""
        spec = self.written.inference.preset if self.written.inference else None
        return self.catalogue.find_preset(spec.name) if spec else None

    @cached_property
    def machine(self) -> InstanceType | None:
        """The catalogue's entry for the instance type; None where it is not known."""
        return self.catalogue.find_instance_type(self.workspace.resource.instance_type) if self.on_cluster else None

    def presets(self) -> Iterator[tuple[str, PresetSpec]]:
        """The presets that are named, each with its YAML path."""
        for path, part in (("inference.preset", self.written.inference), ("tuning.preset", self.written.tuning)):
            if part is not None and part.preset is not None:
                yield path, part.preset

    def config_files(self, namespace: str, name: str) -> Mapping[str, str] | None:
        """The files of a config; None where there is none, or nothing is known about configs."""
        return self.cluster.config_files(namespace, name) if self.cluster.config_files else None


def usable_labels(selector: LabelSelector | None) -> dict[str, str]:
    """The labels of a selector without those that are reserved."""
    labels = selector.match_labels if selector else {}
    return unreserved(labels)
