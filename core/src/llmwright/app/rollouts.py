"""Moving Workspaces to a newer plan, or back to what was asked for before, where they live."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from llmwright.errors import ConfigError, InvalidWorkspace, Problem, TargetError

if TYPE_CHECKING:
    from llmwright.api.workspace import Workspace
    from llmwright.app.session import Session
    from llmwright.targets.kubernetes.commands.wish_revisions import WishRevision


def move(session: Session, namespace: str, name: str, config_dir: str | None) -> str:
    """Move a Workspace to the plan that is made for it today; return ``configured`` or ``unchanged``."""
    if session.on_cluster:
        if config_dir:
            hint = "`llmwright apply -f FILE --config-dir DIR` changes it"
            raise ConfigError("on a cluster `config` is a ConfigMap, and `rollout` reads no files", hint=hint)
        target = session.cluster_target
        return target.changing.roll_out(target.get(namespace, name), datetime.now(UTC))
    from llmwright.app.checker import CheckMode
    from llmwright.app.documents import from_workspace
    from llmwright.app.planner import Planner

    local = session.local_target
    current = local.get(namespace, name)
    loaded = from_workspace(current, local.base_directory(namespace, name))
    plan = Planner(session, CheckMode.apply(), config_dir).plan_loaded(loaded, current).plan
    return local.rollout(namespace, name, plan)


def history(session: Session, namespace: str, name: str) -> tuple[WishRevision, ...]:
    """Return what was asked for each time, the oldest first.

    Raises:
        ConfigError: it is a Workspace of this machine, which keeps the present one alone.
    """
    if not session.on_cluster:
        apply = session.same_place.command("apply -f FILE", namespace)
        hint = f"keep the YAML files under version control, and apply an earlier one: `{apply}`"
        raise ConfigError("this machine keeps no earlier revisions of a Workspace", hint=hint)
    return session.cluster_target.revisions(namespace, name)


def undo(session: Session, namespace: str, name: str, number: int | None) -> tuple[str, int]:
    """Have a Workspace ask again for what revision ``number`` asked for; by default the one before the present one.

    Returns ``configured`` or ``unchanged``, and the number.

    Raises:
        ConfigError: it is a Workspace of this machine.
        TargetError: there is no such revision.
        InvalidWorkspace: what it asks for cannot be had any more, such as a preset that is gone.
    """
    revision = _earlier(history(session, namespace, name), number)
    target = session.cluster_target
    if revision is None:
        wanted = "no earlier revision" if number is None else f"no revision {number}"
        hint = f"`{session.same_place.command(f'rollout history {name}', namespace)}` lists those that are kept"
        raise TargetError(f"{namespace}/{name} has {wanted}", hint=hint, reason="NotFound")
    workspace = target.get(namespace, name)
    _refuse_what_is_gone(session, workspace, revision)
    target.changing.replace_wish(workspace, revision.wish, dry_run=True)
    return target.changing.replace_wish(workspace, revision.wish), revision.number


def _earlier(revisions: tuple[WishRevision, ...], number: int | None) -> WishRevision | None:
    """Return the revision of that number; without one the latest that is not the present one."""
    if number is None:
        # What was asked for again keeps its number, so the present one need not be the last.
        return next((each for each in reversed(revisions) if not each.present), None)
    return next((each for each in revisions if each.number == number), None)


def _refuse_what_is_gone(session: Session, workspace: Workspace, revision: WishRevision) -> None:
    """Refuse a revision that today's rules do not accept: its preset, runtime or instance type may be gone.

    A change of a Workspace that runs is not judged by its preset, which may only be gone from a newer pack. But this
    change has it planned anew, and that needs the preset.
    """
    from llmwright.api.document import to_mapping
    from llmwright.app.checker import Checker, CheckMode
    from llmwright.app.documents import from_data

    data: dict[str, Any] = {
        field: value
        for field, value in to_mapping(workspace).items()
        if field not in ("resource", "inference", "tuning")
    }
    loaded = from_data({**data, **revision.wish}, source=f"revision {revision.number}")
    try:
        _require_preset(session, loaded.workspace)
        Checker(session, CheckMode.webhook()).accept(loaded, workspace)
    except InvalidWorkspace as error:
        error.hint = f"revision {revision.number} cannot be taken up again; apply a YAML that says what to run instead"
        raise


def _require_preset(session: Session, workspace: Workspace) -> None:
    from llmwright.catalogue.model_description import can_describe

    spec = workspace.preset
    if spec is None or session.catalogue.find_preset(spec.name) is not None or can_describe(spec.name):
        return
    path = "inference.preset.name" if workspace.inference else "tuning.preset.name"
    message = f"there is no preset {spec.name!r} any more"
    raise InvalidWorkspace([Problem(path, message, "`llmwright presets list` shows others", reason="NotFound")])
