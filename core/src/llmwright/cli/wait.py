"""``llmwright wait``."""

from __future__ import annotations

import click

from llmwright.app.session import Session
from llmwright.cli import arguments
from llmwright.cli.show.output import note_repairs

SERVED = ("WorkspaceReady", "InferenceReady", "Ready")
"""Conditions that hold once the model answers."""


@click.command(
    epilog="""\b
Examples:
  llmwright wait my-workspace --for=condition=WorkspaceReady --timeout=10m
  llmwright wait my-workspace --for=delete
"""
)
@click.argument("workspaces", nargs=-1, required=True)
@click.option("--for", "wanted", required=True, metavar="condition=NAME[=VALUE]|delete", help="What to wait for.")
@click.option(
    "--timeout",
    type=arguments.span,
    default="30s",
    show_default=True,
    metavar="SPAN",
    help="Such as 90, 30s, 10m, 1h30m; 0 looks once.",
)
@arguments.placed
@click.pass_obj
def wait(session: Session, workspaces: tuple[str, ...], wanted: str, timeout: float, namespace: str | None) -> None:
    """Wait until a condition holds; ends with 1 if it does not in time, or cannot any more."""
    condition = _condition(wanted)
    from llmwright.cli.show.page import note_page

    note_repairs(session.target.repair())
    where = namespace or session.target.namespace
    for name in workspaces:
        session.target.wait(where, name, condition, timeout)
        click.echo(f"workspace.kaito.sh/{name} {'deleted' if condition == 'delete' else 'condition met'}")
        if condition in SERVED:
            note_page(session, where, name)


def _condition(wanted: str) -> str:
    kind, _, rest = wanted.partition("=")
    if kind == "delete" and not rest:
        return kind
    if kind != "condition" or not rest:
        raise click.BadParameter("write condition=NAME, condition=NAME=False or delete", param_hint="--for")
    return rest
