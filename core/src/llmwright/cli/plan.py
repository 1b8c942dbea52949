"""``llmwright plan``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from llmwright.app.session import Session
from llmwright.cli import arguments
from llmwright.cli.show.output import dump, format_option, plain

if TYPE_CHECKING:
    from llmwright.values.nodes import Finding
    from llmwright.values.plan import Plan

PROBLEM = 1


@click.command(
    epilog="""\b
Examples:
  llmwright plan -f workspace.yaml
  llmwright plan -f workspace.yaml --target kubernetes -o json
  llmwright plan -f workspace.yaml --online --context prod -n models
"""
)
@arguments.filenames
@arguments.target
@arguments.environment
@format_option()
@arguments.namespaced
@click.option("--online", is_flag=True, help="Have the provisioner ask its cloud too: quota, capacity, rights.")
@arguments.cluster
@click.pass_obj
def plan(
    session: Session,
    names: tuple[str, ...],
    config_dir: str | None,
    env: str | None,
    output: str | None,
    namespace: str | None,
    online: bool,
) -> int:
    """Show what would be created and why, what fills the memory, and what it costs; starts nothing.

    With --online the provisioner asks its cloud, or the cluster that is named, what stands in the way, such as a quota;
    ends with 1 where it finds a problem.
    """
    from llmwright.app.checker import CheckMode
    from llmwright.app.documents import read_environment, read_workspaces
    from llmwright.app.planner import Planner

    mode = CheckMode.dry(session.planned_target, read_environment(env) if env else None)
    planner = Planner(session, mode, config_dir)
    planned = [planner.plan_loaded(loaded) for loaded in read_workspaces(names, namespace)]
    findings = [_findings(session, each.plan) if online else () for each in planned]
    code = PROBLEM if any(finding.state == "problem" for each in findings for finding in each) else 0
    if output:
        more = [{"findings": plain(each)} if online else {} for each in findings]
        plans = [{**plain(each.plan), **extra} for each, extra in zip(planned, more, strict=True)]
        dump(plans[0] if len(plans) == 1 else plans, output)
        return code
    from llmwright.cli.show.console import open_console
    from llmwright.cli.show.findings import show_findings
    from llmwright.cli.show.plan import show_plan

    console = open_console()
    for each, found in zip(planned, findings, strict=True):
        checked = [warning.message for warning in each.warnings]
        shown = tuple(line for line in each.plan.warnings if not any(message in line for message in checked))
        show_plan(replace(each.plan, warnings=shown), console)
        for warning in each.warnings:
            console.print(f"warning: {warning}", style="yellow", soft_wrap=True)
        show_findings(found, console)
    return code


def _findings(session: Session, plan: Plan) -> tuple[Finding, ...]:
    from llmwright.app.examination import plan_findings

    return plan_findings(session, plan)
