"""Planning Workspaces: from one that was accepted to a Plan that a target can carry out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from llmwright.app.checker import Checker
from llmwright.app.workloads import require_workload
from llmwright.errors import InvalidWorkspace

PYTHON = "$(python)"

if TYPE_CHECKING:
    from llmwright.api.workspace import Workspace
    from llmwright.app.checker import CheckMode, ConfigFiles
    from llmwright.app.documents import LoadedWorkspace
    from llmwright.app.session import Session
    from llmwright.errors import Problem
    from llmwright.plugins.discovery import Kind
    from llmwright.values.instance_type import InstanceType
    from llmwright.values.launch import Launch
    from llmwright.values.plan import Choice, Plan


@dataclass(frozen=True, slots=True)
class PlannedWorkspace:
    """A Workspace that was accepted, with its Plan, its warnings, and what a target must know besides."""

    workspace: Workspace
    plan: Plan
    warnings: tuple[Problem, ...]
    base_directory: Path
    config_files: ConfigFiles


class Planner:
    """Checks and plans Workspaces in one mode, with the settings, plugins and catalogue of one session.

    ``checker`` is the one whose errors refuse a Workspace. ``config_dir`` is as for the Checker.
    """

    def __init__(self, session: Session, mode: CheckMode, config_dir: str | Path | None = None) -> None:
        self.checker = Checker(session, mode, config_dir)
        self._session = session
        self._mode = mode

    def plan_loaded(self, loaded: LoadedWorkspace, old: Workspace | None = None) -> PlannedWorkspace:
        """Check a Workspace that was read from a document, and plan it; ``old`` is the one that it replaces.

        Raises:
            InvalidWorkspace: it has errors, does not fit, or a rule refuses the plan; all problems, with their places
                in the document.
            LimitExceeded: a company's limit forbids it.
            PluginError: a driver that it needs is missing or broken.
        """
        from llmwright.check import refuse

        accepted = self.checker.accept(loaded, old)
        document = loaded.document
        try:
            plan = self.plan(accepted.workspace, accepted.config_files)
            judged = refuse(self.checker.policies(accepted.workspace, plan))
        except InvalidWorkspace as error:
            raise InvalidWorkspace(document.place(error.problems), source=document.source) from error
        # A rule that looks at no plan says the same as before there was one.
        more = [warning for warning in document.place(judged) if warning not in accepted.warnings]
        if self._mode.buys and self._mode.target == "local":
            self._require_workloads(plan)
        return PlannedWorkspace(
            accepted.workspace, plan, (*accepted.warnings, *more), loaded.base_directory, accepted.config_files
        )

    def plan(
        self,
        workspace: Workspace,
        config_files: ConfigFiles,
        nodes: int | None = None,
        machine: InstanceType | None = None,
    ) -> Plan:
        """The Plan of a Workspace that was accepted; ``nodes`` and ``machine`` as in ``make_plan``.

        Raises:
            InvalidWorkspace: it does not fit.
            LimitExceeded: a company's limit forbids it.
            NotYet: nodes must be there first.
            PluginError: a driver that it needs is missing or broken.
        """
        from llmwright.app.data_names import data_names
        from llmwright.app.local_adapters import adapter_ranks
        from llmwright.app.machines import catalogue_for
        from llmwright.plan.make import make_plan
        from llmwright.plan.template import template_plan

        session, spec = self._session, workspace.preset
        catalogue = catalogue_for(session, workspace, self._mode.target)
        if workspace.template is not None and self._mode.target == "kubernetes":
            return template_plan(
                workspace,
                catalogue=catalogue,
                drivers=session.driver_set,
                settings=session.settings,
                config_files=config_files,
                nodes=nodes,
            )
        if spec is not None and catalogue.find_preset(spec.name) is None:
            catalogue = catalogue.with_presets(session.preset(spec.name))
        return make_plan(
            workspace,
            catalogue=catalogue,
            drivers=session.driver_set,
            settings=session.settings,
            target=self._mode.target,
            machine=machine or self._this_machine() or self._nodes_of_environment(workspace),
            config_files=config_files,
            nodes=nodes,
            api_key=self._mode.target == "local" and session.wants_api_key,
            data_names=data_names(workspace, self._mode.target),
            adapter_ranks=adapter_ranks(workspace, self._mode.target),
        )

    def _require_workloads(self, plan: Plan) -> None:
        """Refuse a plan whose programs are not installed here, before the first of them is started in vain."""
        chosen: tuple[tuple[Kind, Choice | None, Launch | None], ...] = (
            ("tuner", plan.tuner, plan.tuning),
            ("runtime", plan.runtime, plan.serving),
        )
        for kind, choice, launch in chosen:
            if choice is None:
                continue
            program = launch.main.argv[0] if launch is not None else PYTHON
            require_workload(self._session.registry, kind, choice.name, "" if program == PYTHON else program)

    def _nodes_of_environment(self, workspace: Workspace) -> InstanceType | None:
        """The machine of the nodes that a file describes, where the Workspace names none."""
        environment = self._mode.environment
        if environment is None or workspace.resource.instance_type or self._mode.target == "local":
            return None
        return environment.machine(workspace)

    def _this_machine(self) -> InstanceType | None:
        if self._mode.target != "local":
            return None
        from llmwright.plugins.selection import this_machine

        name = this_machine(self._session.driver_set).name
        return self._session.drivers.provisioner(name).instance_types()[0]
