"""From a Workspace as written to a Plan that can be applied: read what decisions need, check, plan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmwright.errors import InvalidWorkspace, LLMwrightError, PluginError, Problem

if TYPE_CHECKING:
    from llmwright.api.workspace import Workspace
    from llmwright.app.documents import Written
    from llmwright.app.session import Session
    from llmwright.check import Facts
    from llmwright.check.environment import Environment
    from llmwright.plugins.discovery import Kind
    from llmwright.values.instance_type import InstanceType
    from llmwright.values.plan import Plan, Target
    from llmwright.values.preset import Preset

UNUSABLE = frozenset({"PluginNotFound", "UnknownMethod"})
"""Reasons of problems about a driver's name."""

ConfigFiles = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A Workspace that was found valid: its Plan, what to warn of, and what the target must know besides."""

    workspace: Workspace
    plan: Plan
    warnings: tuple[Problem, ...]
    base: Path
    config_files: ConfigFiles


class Preparation:
    """Prepares Workspaces for one target, with what one session knows.

    Args:
        session: settings, plugins and catalogue.
        target: ``local`` or ``kubernetes``.
        config_dir: where the files lie that ``config:`` names, after the YAML's own directory.
        buying: whether something is about to be created: placeholders are refused then.
        environment: what a file tells of the cluster that is checked for.
        alone: whether a Workspace is judged by itself: no hub is asked, and configs may come after it.
    """

    def __init__(
        self,
        session: Session,
        target: Target,
        config_dir: str | None = None,
        *,
        buying: bool = False,
        environment: Environment | None = None,
        alone: bool = False,
    ) -> None:
        self._session = session
        self._target: Target = target
        self._config_dir = Path(config_dir) if config_dir else session.settings.config_directory
        self._buying = buying
        self._environment = environment
        self._alone = alone

    def problems(self, written: Written, *, old: Workspace | None = None) -> tuple[Problem, ...]:
        """Everything that is wrong with it, errors and warnings, placed in its document."""
        workspace = self._absolute(written)
        return written.document.place(self._problems(workspace, self._config_files(written), old))

    def judge(self, workspace: Workspace, old: Workspace | None) -> tuple[Problem, ...]:
        """Everything that is wrong with a Workspace that no document stands for, errors and warnings."""
        return tuple(self._problems(workspace, {}, old))

    def prepare(self, written: Written, *, old: Workspace | None = None) -> Prepared:
        """Its Plan.

        Raises:
            InvalidWorkspace: it cannot be accepted, or does not fit; all problems, placed in the document.
            PluginError: a driver that it needs is missing or broken.
        """
        workspace, warnings, files = self._accepted(written, old)
        try:
            plan = self.plan(workspace, files)
        except InvalidWorkspace as error:
            raise InvalidWorkspace(written.document.place(error.problems), source=written.document.source) from error
        return Prepared(workspace, plan, warnings, written.base, files)

    def accept(self, written: Written) -> Workspace:
        """The Workspace itself, for what needs no Plan.

        Raises:
            InvalidWorkspace: it cannot be accepted; all problems, placed in the document.
        """
        return self._accepted(written, None)[0]

    def admit(self, workspace: Workspace, files: ConfigFiles) -> None:
        """Refuse a Workspace that a cluster holds, and that no document stands for.

        Raises:
            InvalidWorkspace: it cannot be accepted; all problems.
        """
        from llmwright.check import refuse

        refuse(self._problems(workspace, files, None))

    def plan(
        self,
        workspace: Workspace,
        files: ConfigFiles,
        nodes: int | None = None,
        machine: InstanceType | None = None,
    ) -> Plan:
        """Its Plan; ``nodes`` and ``machine`` as in ``make_plan``, which says what is raised."""
        return self._plan(workspace, files, nodes, machine or self._machine())

    def _accepted(self, written: Written, old: Workspace | None) -> tuple[Workspace, tuple[Problem, ...], ConfigFiles]:
        from llmwright.check import refuse

        files = self._config_files(written)
        workspace = self._absolute(written)
        problems = written.document.place(self._problems(workspace, files, old))
        return workspace, refuse(problems, source=written.document.source), files

    def _absolute(self, written: Written) -> Workspace:
        if self._target != "local":
            return written.workspace
        from llmwright.targets.local.absolute_paths import with_absolute_paths

        return with_absolute_paths(written.workspace, written.base)

    def _config_files(self, written: Written) -> ConfigFiles:
        from llmwright.targets.local.config_files import find_config_files

        workspace = written.workspace
        tuning, inference = workspace.tuning, workspace.inference
        named = (
            (tuning.config if tuning else "", "training_config.yaml"),
            (inference.config if inference else "", "inference_config.yaml"),
        )
        directories = [written.base, *([self._config_dir] if self._config_dir else [])]
        found = {name: find_config_files(name, directories, file_name) for name, file_name in named if name}
        return {name: files for name, files in found.items() if files is not None}

    def _problems(self, workspace: Workspace, files: ConfigFiles, old: Workspace | None) -> list[Problem]:
        from llmwright.check import check_workspace

        judged = check_workspace(workspace, old=old, facts=self._facts(workspace, files))
        found = [self._explained(problem, workspace) for problem in judged]
        inference = workspace.inference
        if self._target == "local" and inference and inference.config and inference.config not in files:
            hint = "put a file of that name beside the YAML, or name its directory with --config-dir"
            found.append(
                Problem("inference.config", f"there is no config {inference.config!r}", hint, reason="NotFound")
            )
        return [*found, *self._policies(workspace)]

    def _policies(self, workspace: Workspace) -> Iterator[Problem]:
        """What hooks have against it; one that cannot be asked is an error, not a yes."""
        preset = self._find_preset(workspace.preset.name) if workspace.preset else None
        arguments = {"workspace": workspace, "plan": None, "preset": preset}
        hooks = self._session.registry.hooks()
        try:
            answers = hooks.collect("check_workspace", items=Problem, required=True, **arguments)
        except PluginError as error:
            yield Problem("", error.message, error.hint, reason=error.reason)
            return
        for origin, problems in answers:
            for problem in problems:
                yield replace(problem, hint=problem.hint or f"said by {origin.origin}")

    def _explained(self, problem: Problem, workspace: Workspace) -> Problem:
        """A driver's name that cannot be used, in the registry's own words: what is installed, and the pip line."""
        named = _driver_named(problem.path, workspace)
        if named is None or problem.reason not in UNUSABLE:
            return problem
        try:
            self._session.registry.lookup(*named)
        except PluginError as error:
            return replace(problem, message=error.message, hint=error.hint, reason=error.reason)
        return problem

    def _facts(self, workspace: Workspace, files: ConfigFiles) -> Facts:
        from llmwright.artifacts.addresses import SourceRules, check_url
        from llmwright.artifacts.image_reference import reference_problem
        from llmwright.check import Facts, FeatureGates

        session, settings, local = self._session, self._session.settings, self._target == "local"
        catalogue = session.catalogue
        rules = SourceRules(settings.sources.allow)
        limits = settings.limits_of(workspace.namespace)
        told = self._environment
        cloud = (told.cloud_provider if told else None) or settings.cloud
        facts = Facts(
            target=self._target,
            find_preset=self._find_preset,
            preset_names=lambda: [preset.name for preset in catalogue.presets()],
            find_instance_type=lambda name: catalogue.find_instance_type(name, cloud),
            instance_type_names=lambda: [machine.name for machine in catalogue.instance_types(cloud)],
            cloud=cloud,
            gates=FeatureGates.from_names(settings.feature_gates),
            node_provisioner=settings.provisioner or ("local" if local else None),
            node_classes=settings.node_classes,
            config_files=(lambda _, name: files.get(name)) if self._knows_configs else None,
            default_runtime=settings.runtime or ("hf" if local else None),
            provisioners=session.registry.names("provisioner"),
            runtimes=session.registry.names("runtime"),
            tuners=session.registry.names("tuner"),
            configure=self._configure,
            image_problem=reference_problem,
            url_problem=lambda url: check_url(url, rules, local=local),
            refuse_placeholders=self._buying and not settings.allow_placeholders,
            allowed_instance_types=limits.instance_types,
            allowed_nodes=limits.nodes,
        )
        return told.facts(facts) if told else facts

    def _plan(self, workspace: Workspace, files: ConfigFiles, nodes: int | None, machine: InstanceType | None) -> Plan:
        from llmwright.plan.make import make_plan
        from llmwright.plan.plan_input import Drivers

        session = self._session
        spec = workspace.preset
        catalogue = session.catalogue
        if spec is not None and catalogue.find_preset(spec.name) is None:
            catalogue = catalogue.with_presets(session.preset(spec.name))
        return make_plan(
            workspace,
            catalogue=catalogue,
            drivers=Drivers.of_registry(session.registry, session.settings),
            settings=session.settings,
            target=self._target,
            machine=machine,
            config_files=files,
            nodes=nodes,
        )

    def _machine(self) -> InstanceType | None:
        if self._target != "local":
            return None
        from llmwright.plugins.drivers import Provisioner

        local = self._session.driver("provisioner", "local")
        assert isinstance(local, Provisioner)
        return local.instance_types()[0]

    @property
    def _knows_configs(self) -> bool:
        return not self._alone and (self._target == "local" or self._buying)

    def _find_preset(self, name: str) -> Preset | None:
        if self._alone:
            return self._session.catalogue.find_preset(name)
        try:
            return self._session.preset(name)
        except LLMwrightError:
            return None

    def _configure(
        self, kind: Kind, name: str, options: Mapping[str, Any], files: Mapping[str, str]
    ) -> Iterable[Problem]:
        try:
            driver = self._session.driver(kind, name)
            config = driver.configure(options, files)
        except InvalidWorkspace as error:
            return error.problems
        except PluginError as error:
            return [Problem("", error.message, error.hint, reason=error.reason)]
        return tuple(_further(driver, config))


def _driver_named(path: str, workspace: Workspace) -> tuple[Kind, str] | None:
    inference, tuning = workspace.inference, workspace.tuning
    if path == "resource.provisioner":
        return "provisioner", workspace.resource.provisioner or ""
    if path == "inference.runtime" and inference:
        return "runtime", inference.runtime or ""
    if path == "tuning.method" and tuning and tuning.method:
        return "tuner", tuning.method.lower()
    return None


def _further(driver: Any, config: Any) -> Iterator[Problem]:
    from llmwright.plugins.drivers import Tuner

    if isinstance(driver, Tuner):
        yield from driver.check(config)
