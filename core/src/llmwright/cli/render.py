"""``llmwright render``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from llmwright.app.session import Session
from llmwright.cli import arguments
from llmwright.cli.show.output import dump

if TYPE_CHECKING:
    from llmwright.app.documents import LoadedWorkspace
    from llmwright.app.planner import Planner


@click.command(
    epilog="""\b
Examples:
  llmwright render -f workspace.yaml
  llmwright render -f workspace.yaml --target kubernetes | kubectl diff -f -
"""
)
@arguments.filenames
@arguments.target
@arguments.environment
@click.option(
    "-o",
    "--output",
    type=click.Choice(["json", "yaml"]),
    default="yaml",
    show_default=True,
    help="Print in this format.",
)
@arguments.namespaced
@click.pass_obj
def render(
    session: Session,
    names: tuple[str, ...],
    config_dir: str | None,
    env: str | None,
    output: str,
    namespace: str | None,
) -> None:
    """Print exactly what would be run: on this machine each role's processes, on a cluster its objects."""
    from llmwright.app.checker import CheckMode
    from llmwright.app.documents import read_environment, read_workspaces
    from llmwright.app.planner import Planner

    mode = CheckMode.dry(session.planned_target, read_environment(env) if env else None)
    planner = Planner(session, mode, config_dir)
    documents: list[Any] = []
    for loaded in read_workspaces(names, namespace):
        if session.on_cluster:
            from llmwright.app.cluster_objects import cluster_objects

            documents += cluster_objects(session, planner, loaded)
        else:
            documents.append(_launches(planner, loaded))
    _print(documents, output, listed=session.on_cluster)


def _launches(planner: Planner, loaded: LoadedWorkspace) -> dict[str, Any]:
    plan = planner.plan_loaded(loaded).plan
    launches = {role: getattr(plan, role) for role in ("preflight", "tuning", "serving")}
    return {role: launch for role, launch in launches.items() if launch is not None}


def _print(documents: list[Any], output: str, *, listed: bool) -> None:
    """YAML documents one after the other; in JSON a cluster's objects are one List, as kubectl wants them."""
    if output == "json" and listed:
        dump({"apiVersion": "v1", "kind": "List", "items": documents}, output)
        return
    for number, document in enumerate(documents):
        if number and output == "yaml":
            click.echo("---")
        dump(document, output)
