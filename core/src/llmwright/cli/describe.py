"""``llmwright describe``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from llmwright.app.session import Session
from llmwright.cli import arguments
from llmwright.cli.selection import selected_keys
from llmwright.cli.show.output import download_line, note_repairs, progress_line, table

if TYPE_CHECKING:
    from llmwright.api.status import WorkspaceStatus
    from llmwright.api.workspace import Workspace
    from llmwright.targets.workspace_target import Child

EVENTS_SHOWN = 20


@click.command(
    epilog="""\b
Examples:
  llmwright describe my-workspace
  llmwright describe my-workspace --context prod -n models
  llmwright describe -l team=search -A
"""
)
@click.argument("workspaces", nargs=-1)
@arguments.selected
@arguments.placed
@click.pass_obj
def describe(
    session: Session, workspaces: tuple[str, ...], selector: str, all_namespaces: bool, namespace: str | None
) -> None:
    """Show Workspaces in full: what was asked for, what is in the way, the plan, what it became and what happened."""
    note_repairs(session.target.repair())
    keys = selected_keys(session, workspaces, namespace, selector, everywhere=all_namespaces)
    for number, (where, name) in enumerate(keys):
        if number:
            click.echo()
        workspace = session.target.get(where, name)
        _show(workspace)
        _show_plan(session, workspace)
        _show_children(session.target.children(where, name))
        _show_events(session.target.events(where, name))


def _show(workspace: Workspace) -> None:
    from llmwright.api.document import to_mapping, to_yaml

    status = workspace.status
    metadata = workspace.metadata
    _line("Name", workspace.name)
    _line("Namespace", workspace.namespace)
    _line("Labels", ", ".join(f"{key}={value}" for key, value in metadata.labels.items()) or "<none>")
    _line("Annotations", ", ".join(f"{key}={value}" for key, value in metadata.annotations.items()) or "<none>")
    _line("State", status.state if status else "Pending")
    if status:
        _show_cause(status)
        _show_status(status)
    asked = {k: v for k, v in to_mapping(workspace).items() if k in ("resource", "inference", "tuning")}
    click.echo("Asked for:")
    click.echo("".join(f"  {line}\n" for line in to_yaml(asked).splitlines()), nl=False)


def _show_cause(status: WorkspaceStatus) -> None:
    """Print the root cause of what is not as it should be, where one is known."""
    stalled, ready = status.condition("Stalled"), status.condition("Ready")
    if stalled is not None and stalled.status == "True":
        _line("Cause", f"{stalled.reason}: {stalled.message}")
    elif ready is not None and ready.status != "True":
        _line("Waits for", f"{ready.reason}: {ready.message}")


def _show_status(status: WorkspaceStatus) -> None:
    _line("Nodes", ", ".join(status.worker_nodes) or "<none>")
    _line("Endpoint", status.endpoint or "<none>")
    _line("Models", ", ".join(status.served_names) or "<none>")
    _line("Output", status.output or "<none>")
    if status.cost is not None:
        price = "unknown" if status.cost.usd_per_hour is None else f"{status.cost.usd_per_hour:.2f} USD/hour"
        _line("Cost", f"{price} {status.cost.note}".rstrip())
    if status.progress is not None:
        _line("Progress", progress_line(status.progress))
    if status.download is not None:
        _line("Download", download_line(status.download))
    click.echo("Conditions:")
    rows = [(f"  {c.type}", c.status, c.reason, c.last_transition_time, c.message) for c in status.conditions]
    table(("  type", "status", "reason", "since", "message"), rows)


def _line(label: str, value: str) -> None:
    click.echo(f"{label + ':':13}{value}")


def _show_plan(session: Session, workspace: Workspace) -> None:
    plan = session.target.recorded_plan(workspace.namespace, workspace.name)
    if plan is not None:
        from llmwright.cli.show.console import open_console
        from llmwright.cli.show.plan import show_plan

        click.echo()
        show_plan(plan, open_console())
    elif workspace.status is not None and workspace.status.plan is not None:
        record = workspace.status.plan
        parts = (record.provisioner, record.instance_type, f"{record.nodes} node{'s' * (record.nodes != 1)}",
                 record.tuner, record.runtime)  # fmt: skip
        _line("Plan", f"{', '.join(part for part in parts if part)} (decided by LLMwright {record.version})")


def _show_children(children: Sequence[Child], depth: int = 0) -> None:
    """Print what it became, each object below the one that it belongs to."""
    if children and not depth:
        click.echo("\nBecame:")
    for child in children:
        message = f": {child.message}" if child.message else ""
        click.echo(f"{'  ' * (depth + 1)}{child.kind}/{child.name}  {child.state}{message}")
        _show_children(child.children, depth + 1)


def _show_events(happened: Iterable[str]) -> None:
    lines = list(happened)
    if lines:
        click.echo("\nEvents:")
        for line in lines[-EVENTS_SHOWN:]:
            click.echo(f"  {line.rstrip()}")
