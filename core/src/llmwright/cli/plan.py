"""``llmwright plan``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from llmwright.app.session import Session
from llmwright.cli import arguments
from llmwright.cli.show.output import dump, format_option

if TYPE_CHECKING:
    from llmwright.values.plan import Target


@click.command(
    epilog="""\b
Examples:
  llmwright plan -f workspace.yaml
  llmwright plan -f workspace.yaml --target kubernetes -o json
"""
)
@arguments.filenames
@arguments.target
@arguments.environment
@format_option()
@arguments.namespaced
@click.pass_obj
def plan(
    session: Session,
    names: tuple[str, ...],
    config_dir: str | None,
    target: Target,
    env: str | None,
    output: str | None,
    namespace: str | None,
) -> None:
    """Show what would be created and why, what fills the memory, and what it costs; starts nothing."""
    from llmwright.app.checker import CheckMode
    from llmwright.app.documents import read_environment, read_workspaces
    from llmwright.app.planner import Planner

    planner = Planner(session, CheckMode.dry(target, read_environment(env) if env else None), config_dir)
    planned = [planner.plan_loaded(loaded) for loaded in read_workspaces(names, namespace)]
    if output:
        plans = [each.plan for each in planned]
        dump(plans[0] if len(plans) == 1 else plans, output)
        return
    from llmwright.cli.show.console import open_console
    from llmwright.cli.show.plan import show_plan

    console = open_console()
    for each in planned:
        checked = [warning.message for warning in each.warnings]
        shown = tuple(line for line in each.plan.warnings if not any(message in line for message in checked))
        show_plan(replace(each.plan, warnings=shown), console)
        for warning in each.warnings:
            console.print(f"warning: {warning}", style="yellow", soft_wrap=True)
