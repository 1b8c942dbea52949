"""Checking Workspaces: read what the rules need, and ask the rules and the policies of plugins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from llmwright.app.check_facts import CheckFacts
from llmwright.errors import InvalidWorkspace, LLMwrightError, PluginError, Problem

if TYPE_CHECKING:
    from llmwright.api.workspace import Workspace
    from llmwright.app.documents import LoadedWorkspace
    from llmwright.app.session import Session
    from llmwright.check.environment import Environment
    from llmwright.plugins.discovery import Kind
    from llmwright.values.plan import Plan, Target

UNUSABLE = frozenset({"PluginNotFound", "UnknownMethod"})
"""Reasons of problems about a driver's name."""

ConfigFiles = Mapping[str, Mapping[str, str]]
"""For each config by name, file contents by file name, as a ConfigMap's data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckMode:
    """The questions that one kind of check may ask, and its refusals. Made by one of the four constructors.

    ``asks_hub``: a model that is in no pack is looked up on its hub. ``knows_configs``: a config that was not found is
    missing, not just unknown. ``buys``: something is about to be bought, so words such as ``SECRET_HERE`` are errors.
    ``environment`` is what a file says about the cluster.
    """

    target: Target
    asks_hub: bool = True
    knows_configs: bool = False
    buys: bool = False
    environment: Environment | None = None

    @classmethod
    def dry(cls, target: Target, environment: Environment | None = None) -> CheckMode:
        """Nothing is created afterwards: ``check``, ``plan`` and ``render``."""
        return cls(target=target, knows_configs=target == "local", environment=environment)

    @classmethod
    def apply(cls) -> CheckMode:
        """The Workspace is about to be carried out on this machine."""
        return cls(target="local", knows_configs=True, buys=True)

    @classmethod
    def operator(cls) -> CheckMode:
        """The Workspace is about to be carried out on a cluster, which holds it and its ConfigMaps."""
        return cls(target="kubernetes", knows_configs=True, buys=True)

    @classmethod
    def webhook(cls) -> CheckMode:
        """The Workspace stands by itself: no network is asked, and its ConfigMaps may be applied after it."""
        return cls(target="kubernetes", asks_hub=False, buys=True)


@dataclass(frozen=True, slots=True)
class AcceptedWorkspace:
    """A Workspace without errors: paths in it are absolute on ``local``; with its config files and warnings."""

    workspace: Workspace
    config_files: ConfigFiles
    warnings: tuple[Problem, ...]


class Checker:
    """Checks Workspaces in one mode, with the settings, plugins and catalogue of one session.

    Args:
        config_dir: a directory of files that ``config:`` names, searched after the YAML's own directory; the settings'
            where it is None.
    """

    def __init__(self, session: Session, mode: CheckMode, config_dir: str | Path | None = None) -> None:
        self._session = session
        self._mode = mode
        self._config_dir = Path(config_dir) if config_dir else session.settings.config_directory

    def check(
        self, workspace: Workspace, config_files: ConfigFiles | None = None, old: Workspace | None = None
    ) -> tuple[Problem, ...]:
        """Everything that is wrong with a Workspace, errors and warnings; ``old`` is the one that it replaces."""
        from llmwright.app.dropped_weights import dropped_weights
        from llmwright.app.local_adapters import adapter_problems
        from llmwright.check import check_workspace

        files = config_files or {}
        inputs = CheckFacts(self._session, self._mode).input_of(workspace, files, old)
        judged = check_workspace(inputs)
        problems = [self._with_machines(self._explained(problem, workspace), workspace, files) for problem in judged]
        return (
            *problems,
            *self._unusable_directories(workspace),
            *self._missing_config(workspace, files),
            *self._config_sizes(workspace, files),
            *dropped_weights(inputs, self._session.drivers, files),
            *adapter_problems(workspace, self._mode.target, inputs.inference_preset),
            *self.policies(workspace),
        )

    def check_loaded(self, loaded: LoadedWorkspace, old: Workspace | None = None) -> tuple[Problem, ...]:
        """As ``check``, with the place of each problem in the document."""
        workspace, files = self._on_target(loaded), self._config_files(loaded)
        problems = (*self.check(workspace, files, old), *self._named_files(workspace, files, loaded.base_directory))
        return (*loaded.document.place(problems), *loaded.document.quotes_wanted(), *loaded.notes)

    def accept(self, loaded: LoadedWorkspace, old: Workspace | None = None) -> AcceptedWorkspace:
        """The Workspace as it can be planned.

        Raises:
            InvalidWorkspace: it has errors; all problems, with their places in the document.
        """
        from llmwright.check import refuse

        files, workspace = self._config_files(loaded), self._on_target(loaded)
        problems = self.check_loaded(loaded, old)
        return AcceptedWorkspace(workspace, files, refuse(problems, source=loaded.document.source))

    def _on_target(self, loaded: LoadedWorkspace) -> Workspace:
        from llmwright.api.versions import with_type

        if self._mode.target != "local":
            # The API server sets them before anybody on a cluster reads the Workspace.
            return with_type(loaded.workspace)
        from llmwright.targets.local.absolute_paths import with_absolute_paths

        return with_absolute_paths(loaded.workspace, loaded.base_directory)

    def _config_files(self, loaded: LoadedWorkspace) -> ConfigFiles:
        from llmwright.targets.local.config_lookup import find_config_files

        directories = [loaded.base_directory, *([self._config_dir] if self._config_dir else [])]
        located = {
            name: loaded.configs.get(name) or find_config_files(name, directories, file_name)
            for _, name, file_name in loaded.named_configs
        }
        return {name: files for name, files in located.items() if files is not None}

    def _missing_config(self, workspace: Workspace, files: ConfigFiles) -> Iterator[Problem]:
        inference = workspace.inference
        if self._mode.target == "local" and inference and inference.config and inference.config not in files:
            hint = "put a file of that name beside the YAML, or name its directory with --config-dir"
            yield Problem("inference.config", f"there is no config {inference.config!r}", hint, reason="NotFound")

    def _config_sizes(self, workspace: Workspace, files: ConfigFiles) -> Iterator[Problem]:
        """Configs that no ConfigMap can hold."""
        from llmwright.check.object_sizes import config_map_problems

        for name, part in (("inference", workspace.inference), ("tuning", workspace.tuning)):
            if self._mode.target == "kubernetes" and part is not None and part.config in files:
                yield from config_map_problems(f"{name}.config", part.config, files[part.config])

    def _named_files(self, workspace: Workspace, files: ConfigFiles, base: Path) -> Iterator[Problem]:
        """Files that the tuner's options name and that its process, which starts in ``base``, cannot use."""
        from llmwright.check.driver_options import placed
        from llmwright.reading.files import read_text

        tuning = workspace.tuning
        if self._mode.target != "local" or tuning is None or not tuning.method:
            return
        config_files = files.get(tuning.config, {})
        try:
            tuner = self._session.drivers.tuner(tuning.method.lower())
            problems = [
                *tuner.check_files(
                    tuner.configure(tuning.method_config, config_files), lambda name: read_text(base / name)
                )
            ]
        except (PluginError, InvalidWorkspace):
            # ``check`` has named it.
            return
        for problem in problems:
            yield placed(problem, "tuning.methodConfig", ("tuning.config", tuning.config), config_files)

    def _unusable_directories(self, workspace: Workspace) -> Iterator[Problem]:
        """A model's directory that cannot be read. A model that its hub does not have today may still come."""
        from llmwright.catalogue.model_directory import named_directory, names_a_directory

        spec = workspace.preset
        if self._mode.target != "local" or spec is None or not names_a_directory(spec.name):
            return
        try:
            self._session.preset(named_directory(spec.name).as_uri())
        except LLMwrightError as error:
            path = "inference.preset.name" if workspace.inference else "tuning.preset.name"
            yield Problem(path, error.message, error.hint, reason=error.reason)

    def policies(self, workspace: Workspace, plan: Plan | None = None) -> Iterator[Problem]:
        """Problems that hooks report; a hook that cannot be asked is an error, not a yes."""
        preset = CheckFacts(self._session, self._mode).find_preset(workspace.preset.name) if workspace.preset else None
        arguments = {"workspace": workspace, "plan": plan, "preset": preset}
        hooks = self._session.registry.hooks()
        try:
            answers = hooks.collect("check_workspace", items=Problem, required=True, **arguments)
        except PluginError as error:
            yield Problem("", error.message, error.hint, reason=error.reason)
            return
        for origin, problems in answers:
            for problem in problems:
                # Any word but "warning" refuses: a severity that nobody knows must not let a Workspace pass.
                severity = "warning" if problem.severity == "warning" else "error"
                yield replace(problem, hint=problem.hint or f"said by {origin.origin}", severity=severity)

    def _explained(self, problem: Problem, workspace: Workspace) -> Problem:
        """A driver's name that cannot be used, in the registry's own words: what is installed, and the pip line."""
        driver = _driver_at(problem.path, workspace)
        if driver is None or problem.reason not in UNUSABLE:
            return problem
        try:
            self._session.registry.lookup(*driver)
        except PluginError as error:
            return replace(problem, message=error.message, hint=error.hint, reason=error.reason)
        return problem

    def _with_machines(self, problem: Problem, workspace: Workspace, files: ConfigFiles) -> Problem:
        """A problem about a GPU that no image serves, with the machines that would do in its place."""
        if problem.reason != "GpuTooOld":
            return problem
        from llmwright.plan.make import machines_for

        session = self._session
        drivers, settings, catalogue = session.driver_set, session.settings, session.catalogue
        better = machines_for(workspace, catalogue=catalogue, drivers=drivers, settings=settings, config_files=files)
        return replace(problem, hint=f"{problem.hint}; {better}" if problem.hint and better else problem.hint or better)


def _driver_at(path: str, workspace: Workspace) -> tuple[Kind, str] | None:
    """Kind and name of the driver that the Workspace names at ``path``."""
    inference, tuning = workspace.inference, workspace.tuning
    if path == "resource.provisioner":
        return "provisioner", workspace.resource.provisioner or ""
    if path == "inference.runtime" and inference:
        return "runtime", inference.runtime or ""
    if path == "tuning.method" and tuning and tuning.method:
        return "tuner", tuning.method.lower()
    return None
