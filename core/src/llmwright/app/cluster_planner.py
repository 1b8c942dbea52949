"""Admission and planning of the Workspaces that a cluster holds, for the operator."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from llmwright.app.checker import CheckMode
from llmwright.app.planner import Planner
from llmwright.errors import ConfigError, LLMwrightError, PluginError

if TYPE_CHECKING:
    from llmwright.api.status import PlanRecord
    from llmwright.api.workspace import Workspace
    from llmwright.app.checker import ConfigFiles
    from llmwright.app.session import Session
    from llmwright.plan.fixed_fields import CarriedOut, UnappliedChange
    from llmwright.plugins.drivers import Provisioner, Runtime
    from llmwright.values.instance_type import InstanceType
    from llmwright.values.plan import Plan


class ClusterPlanner:
    """The operator's planner, with the plugins, packs and settings of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._planner = Planner(session, CheckMode.operator())
        self._provisioners: dict[str, Provisioner | None] = {}

    def admit(self, workspace: Workspace, files: ConfigFiles) -> None:
        """Refuse a Workspace that has errors.

        Raises:
            InvalidWorkspace: all its problems.
        """
        from llmwright.check import refuse

        refuse(self._planner.checker.check(workspace, files))

    def admit_plan(self, workspace: Workspace, plan: Plan) -> None:
        """Refuse a plan that a rule has an error against.

        Raises:
            InvalidWorkspace: all problems that rules report of it.
        """
        from llmwright.check import refuse

        refuse(self._planner.checker.policies(workspace, plan))

    def plan(self, workspace: Workspace, files: ConfigFiles, nodes: int | None, machine: InstanceType | None) -> Plan:
        """As ``Planner.plan``. A model that a hub described is remembered."""
        if self.asks_others(workspace) and workspace.preset is not None:
            preset = self._session.preset(workspace.preset.name)
            self._session.catalogue = self._session.catalogue.with_presets(preset)
        return self._planner.plan(workspace, files, nodes, machine)

    def carried_out(self, workspace: Workspace, record: PlanRecord) -> CarriedOut:
        """The Workspace with its fixed fields as recorded, and the changes that are not carried out."""
        from llmwright.plan.fixed_fields import carried_out

        return carried_out(workspace, record, self._provisioner(record.provisioner))

    def as_recorded(
        self, plan: Plan, workspace: Workspace, record: PlanRecord
    ) -> tuple[Plan, tuple[UnappliedChange, ...]]:
        """``plan`` with the options of its nodes on record, and the defaults of the settings that are others today."""
        from llmwright.plan.fixed_fields import changed_defaults, fixed_of, settled_options

        provisioner = self._provisioner(plan.provisioner.name)
        mutable = provisioner.mutable_options if provisioner is not None else frozenset[str]()
        written = workspace.resource.provisioner_config
        options, changed = settled_options(plan.nodes.config, written, record, mutable)
        chosen = changed_defaults(workspace, self._session.settings, self._session.driver_set, record)
        # By the Workspace as it is written: the plan was made with open choices filled in.
        fixed = fixed_of(workspace, plan.provisioner.name, self._session.driver_set)
        return replace(plan, nodes=replace(plan.nodes, config=options), fixed=fixed), (*chosen, *changed)

    @cached_property
    def read_names(self) -> frozenset[str]:
        """The annotations and labels that bear on what runs."""
        from llmwright.plan.digest import read_names

        return read_names(self._session.driver_set)

    def _provisioner(self, name: str) -> Provisioner | None:
        """The provisioner of that name without a cluster; None where it cannot be loaded."""
        if name not in self._provisioners:
            try:
                self._provisioners[name] = self._session.driver_set.provisioner(name)
            except (PluginError, ConfigError):
                self._provisioners[name] = None
        return self._provisioners[name]

    def nodes_are_brought(self, workspace: Workspace) -> bool:
        """Whether its provisioner takes nodes that the user brings."""
        from llmwright.plugins.selection import choose_provisioner

        drivers = self._session.driver_set
        choice = choose_provisioner(workspace, self._session.settings, "kubernetes", drivers)
        provisioner = drivers.find_provisioner(choice.name)
        return provisioner is not None and provisioner.nodes_are_brought

    def asks_others(self, workspace: Workspace) -> bool:
        """Whether its model is in no pack, so that planning asks its hub."""
        spec = workspace.preset
        return spec is not None and bool(spec.name) and self._session.catalogue.find_preset(spec.name) is None

    def runtime(self, name: str) -> Runtime:
        """The runtime of that name, with its settings."""
        return self._session.drivers.runtime(name)

    def usd_per_hour(self, instance_type: str, nodes: int) -> float | None:
        """By the catalogue, for all nodes; None where it knows no price."""
        from llmwright.app.machines import find

        machine = find(self._session, instance_type, self._session.settings.cloud)
        return machine.price.usd_per_hour * nodes if machine is not None and machine.price else None

    def rehearse(self) -> None:
        """Check and plan an invented Workspace, so that the first real one does not wait for modules and catalogue."""
        from llmwright.api.workspace import Workspace

        presets, machines = self._session.catalogue.presets(), self._session.catalogue.instance_types()
        if not presets or not machines:
            return
        invented = {
            "apiVersion": "kaito.sh/v1beta1",
            "kind": "Workspace",
            "metadata": {"name": "rehearsal", "namespace": "default"},
            "resource": {"instanceType": machines[0].name, "labelSelector": {"matchLabels": {"apps": "rehearsal"}}},
            "inference": {"preset": {"name": presets[0].name}},
        }
        with suppress(LLMwrightError):
            self.admit(Workspace.model_validate(invented), {})
            self.plan(Workspace.model_validate(invented), {}, None, None)
