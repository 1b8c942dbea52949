"""Applying Workspaces where they live: all of them are judged before the first is applied."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llmwright.app.checker import Checker, CheckMode
from llmwright.app.planner import Planner
from llmwright.errors import InvalidWorkspace, TargetError

if TYPE_CHECKING:
    from llmwright.app.documents import LoadedWorkspace
    from llmwright.app.session import Session
    from llmwright.errors import Problem

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
        check: judge one for a cluster by the plugins and settings of this machine too, not only by the cluster's.

    Raises:
        InvalidWorkspace, LimitExceeded, PluginError: one of them cannot be accepted.
        TargetError: the cluster refuses one.
    """
    if session.on_cluster:
        return [_for_cluster(session, loaded, check=check) for loaded in workspaces]
    planner = Planner(session, CheckMode.apply(), config_dir)
    return [_for_this_machine(session, planner, loaded) for loaded in workspaces]


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
    parts = (loaded.workspace.inference, loaded.workspace.tuning)
    configs = {part.config for part in parts if part is not None and part.config}

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
