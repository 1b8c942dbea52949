"""``llmwright describe``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from llmwright.app.session import Session
from llmwright.cli import arguments
from llmwright.cli.show.output import note_repairs, table

if TYPE_CHECKING:
    from llmwright.api.status import WorkspaceStatus
    from llmwright.api.workspace import Workspace

EVENTS_SHOWN = 20


@click.command(epilog="\b\nExamples:\n  llmwright describe my-workspace\n")
@click.argument("workspaces", nargs=-1, required=True)
@arguments.namespaced
@click.pass_obj
def describe(session: Session, workspaces: tuple[str, ...], namespace: str | None) -> None:
    """Show Workspaces in full: what was asked for, the plan, the conditions, and what happened."""
    note_repairs(session.target.repair())
    for number, name in enumerate(workspaces):
        if number:
            click.echo()
        workspace = session.target.get(namespace or "default", name)
        _show(workspace)
        plan = session.target.recorded_plan(workspace.namespace, workspace.name)
        if plan is not None:
            from llmwright.cli.show.console import open_console
            from llmwright.cli.show.plan import show_plan

            click.echo()
            show_plan(plan, open_console())
        _show_events(session, workspace)


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
        _show_status(status)
    asked = {k: v for k, v in to_mapping(workspace).items() if k in ("resource", "inference", "tuning")}
    click.echo("Asked for:")
    click.echo("".join(f"  {line}\n" for line in to_yaml(asked).splitlines()), nl=False)


def _show_status(status: WorkspaceStatus) -> None:
    _line("Nodes", ", ".join(status.worker_nodes) or "<none>")
    _line("Endpoint", status.endpoint or "<none>")
    _line("Models", ", ".join(status.served_names) or "<none>")
    _line("Output", status.output or "<none>")
    if status.cost is not None:
        price = "unknown" if status.cost.usd_per_hour is None else f"{status.cost.usd_per_hour:.2f} USD/hour"
        _line("Cost", f"{price} {status.cost.note}".rstrip())
    if status.progress is not None:
        _line("Progress", f"step {status.progress.step} of {status.progress.steps}")
    click.echo("Conditions:")
    rows = [(f"  {c.type}", c.status, c.reason, c.last_transition_time, c.message) for c in status.conditions]
    table(("  type", "status", "reason", "since", "message"), rows)


def _line(label: str, value: str) -> None:
    click.echo(f"{label + ':':13}{value}")


def _show_events(session: Session, workspace: Workspace) -> None:
    lines = list(session.target.logs(workspace.namespace, workspace.name, stage="supervisor"))
    if lines:
        click.echo("\nEvents:")
        for line in lines[-EVENTS_SHOWN:]:
            click.echo(f"  {line.rstrip()}")
