"""``modelwright render``."""

from __future__ import annotations

import click

from modelwright.cli import arguments
from modelwright.cli.output import dump
from modelwright.cli.session import Session


@click.command(
    epilog="\b\nExamples:\n  modelwright render -f workspace.yaml\n  modelwright render -f workspace.yaml -o json\n"
)
@arguments.filenames
@click.option("-o", "--output", type=click.Choice(["json", "yaml"]), default="yaml", show_default=True)
@arguments.namespaced
@click.pass_obj
def render(
    session: Session, names: tuple[str, ...], config_dir: str | None, output: str, namespace: str | None
) -> None:
    """Print exactly what would be run: the Launch of each role, with its processes in order."""
    from modelwright.cli.documents import read_workspaces

    preparation = session.preparation(config_dir=config_dir)
    for number, written in enumerate(read_workspaces(names, namespace)):
        plan = preparation.prepare(written).plan
        launches = {role: getattr(plan, role) for role in ("preflight", "tuning", "serving")}
        if number and output == "yaml":
            click.echo("---")
        dump({role: launch for role, launch in launches.items() if launch is not None}, output)
