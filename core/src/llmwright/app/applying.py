"""Applying Workspaces where they live: all of them are judged before the first is applied."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from llmwright.app.checker import Checker, CheckMode
from llmwright.app.planner import Planner
from llmwright.errors import InvalidWorkspace, Problem, TargetError

if TYPE_CHECKING:
    from llmwright.app.documents import LoadedWorkspace
    from llmwright.app.session import Session

Applied = tuple[str, str]
"""The thing that was applied, such as ``workspace.kaito.sh/mine``, and what that changed."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A Workspace that was judged; ``apply`` has it carried out, and yields what was applied."""

    namespace: str
    name: str
    warnings: tuple[Problem, ...]
    apply: Callable[[], Iterator[Applied]]


def prepare(
    session: Session, workspaces: tuple[LoadedWorkspace, ...], config_dir: str | None, *, check: bool = True
) -> list[Prepared]:
    """Judge all Workspaces; nothing is applied yet.

    Args:
        config_dir: a directory of the files that ``config:`` names; on a cluster they become ConfigMaps.
        check: judge one for a cluster by the plugins and settings of this machine too, not only by the cluster's.

    Raises:
        InvalidWorkspace, LimitExceeded, PluginError: one of them cannot be accepted.
        TargetError: the cluster refuses one.
    """
    if session.on_cluster:
        placed = [with_configs(loaded, Path(config_dir)) if config_dir else loaded for loaded in workspaces]
        return [_for_cluster(session, loaded, check=check) for loaded in placed]
    planner = Planner(session, CheckMode.apply(), config_dir)
    return [_for_this_machine(session, planner, loaded) for loaded in workspaces]


def with_configs(loaded: LoadedWorkspace, directory: Path) -> LoadedWorkspace:
    """Return the Workspace with the configs that it names out of ``directory``, where its file does not have them.

    Raises:
        InvalidWorkspace: the directory has none of that name.
        ConfigError: it cannot be read.
    """
    from llmwright.targets.local.config_lookup import find_config_files

    configs = dict(loaded.configs)
    for path, name, file_name in loaded.named_configs:
        files = configs.get(name) or find_config_files(name, (directory,), file_name)
        if files is None:
            text = f"{directory} has no file {name} or {name}.yaml"
            hint = "put it there, or leave --config-dir out: the ConfigMap of the cluster then counts"
            problem = Problem(path, text, hint, reason="NotFound")
            raise InvalidWorkspace(loaded.document.place([problem]), source=loaded.document.source)
        configs[name] = files
    return replace(loaded, configs=configs)


def _for_this_machine(session: Session, planner: Planner, loaded: LoadedWorkspace) -> Prepared:
    planned = planner.plan_loaded(loaded, session.current(loaded.workspace))

    def apply() -> Iterator[Applied]:
        yield f"workspace.kaito.sh/{planned.workspace.name}", session.apply(planned)

    return Prepared(planned.workspace.namespace, planned.workspace.name, planned.warnings, apply)


def _for_cluster(session: Session, loaded: LoadedWorkspace, *, check: bool) -> Prepared:
    target, name = session.cluster_target, loaded.workspace.name
    namespace = loaded.workspace.metadata.namespace or target.namespace
    warnings = _judged(session, loaded, namespace) if check else ()
    target.changing.apply(loaded.document.data, namespace, dry_run=True)
    # Those alone that the Workspace names: a file may hold others for other programs.
    configs = {config for _, config, _ in loaded.named_configs}

    def apply() -> Iterator[Applied]:
        for config in sorted(configs & set(loaded.configs)):
            yield f"configmap/{config}", target.changing.apply_config(config, loaded.configs[config], namespace)
        change = target.changing.apply(loaded.document.data, namespace)
        started = target.changing.start_again(target.get(namespace, name))
        yield f"workspace.kaito.sh/{name}", "configured" if started and change == "unchanged" else change

    return Prepared(namespace, name, warnings, apply)


def _judged(session: Session, loaded: LoadedWorkspace, namespace: str) -> tuple[Problem, ...]:
    try:
        old = session.cluster_target.get(namespace, loaded.workspace.name)
    except TargetError as error:
        if error.reason != "NotFound":
            raise
        old = None
    try:
        return Checker(session, CheckMode.webhook()).accept(loaded, old).warnings
    except InvalidWorkspace as error:
        error.hint = "with --no-check the cluster alone judges: its operator may have other plugins and settings"
        raise
