"""``llmwright wait``."""

from __future__ import annotations

import time

import click

from llmwright.app.session import Session
from llmwright.cli import arguments
from llmwright.cli.selection import selected_keys, shown
from llmwright.cli.show.output import note_repairs

DELETED = "delete"
SERVED = ("WorkspaceReady", "InferenceReady", "Ready")
"""Conditions that hold once the model answers."""


@click.command(
    epilog="""\b
Examples:
  llmwright wait my-workspace --for=condition=WorkspaceReady --timeout=10m
  llmwright wait my-workspace --for=delete
  llmwright wait -l team=search --for=condition=Ready --timeout=10m
"""
)
@click.argument("workspaces", nargs=-1)
@click.option("--for", "wanted", required=True, metavar="condition=NAME[=VALUE]|delete", help="What to wait for.")
@click.option(
    "--timeout",
    type=arguments.span,
    default="30s",
    show_default=True,
    metavar="SPAN",
    help="In all, such as 90, 30s, 10m, 1h30m; 0 looks once.",
)
@arguments.selected
@arguments.placed
@click.pass_obj
def wait(
    session: Session,
    workspaces: tuple[str, ...],
    wanted: str,
    timeout: float,
    selector: str,
    all_namespaces: bool,
    namespace: str | None,
) -> None:
    """Wait until a condition holds; ends with 1 if it does not in time, or cannot any more."""
    condition = _condition(wanted)
    from llmwright.cli.show.page import note_page

    note_repairs(session.target.repair())
    keys = selected_keys(session, workspaces, namespace, selector, everywhere=all_namespaces)
    if not keys and condition != DELETED:
        raise click.exceptions.Exit(1)
    until = time.monotonic() + timeout
    for key in keys:
        left_s = round(max(until - time.monotonic(), 0.0), 1)
        session.target.wait(*key, condition, left_s)
        reached = "deleted" if condition == DELETED else "condition met"
        click.echo(f"{shown(key, everywhere=all_namespaces)} {reached}")
        if condition in SERVED:
            note_page(session, *key)


def _condition(wanted: str) -> str:
    kind, _, rest = wanted.partition("=")
    if kind == DELETED and not rest:
        return kind
    if kind != "condition" or not rest:
        raise click.BadParameter("write condition=NAME, condition=NAME=False or delete", param_hint="--for")
    return rest
