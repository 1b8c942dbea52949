"""``llmwright instance-types``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from llmwright.app.session import Session
from llmwright.cli.show.output import dump, format_option, note, size, table

if TYPE_CHECKING:
    from llmwright.values.instance_type import InstanceType


@click.group(
    "instance-types",
    invoke_without_command=True,
    epilog="""\b
Examples:
  llmwright instance-types
  llmwright instance-types list --cloud aws -o json
  llmwright instance-types show Standard_NC24ads_A100_v4
""",
)
@click.pass_context
def instance_types(ctx: click.Context) -> None:
    """Show the machines that can be named; without a further word, list them."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_types)


@instance_types.command("list")
@click.option("--cloud", metavar="NAME", help="Only of this cloud: azure, aws or arc.")
@format_option()
@click.pass_obj
def list_types(session: Session, cloud: str | None = None, output: str | None = None) -> None:
    """List the instance types of all installed packs and provisioners."""
    from llmwright.app.machines import offered

    own = [machine for machine in offered(session, note) if cloud in (None, machine.cloud)]
    machines = (*session.catalogue.instance_types(cloud), *own)
    if output:
        dump(machines, output)
        return
    table(
        ("name", "cloud", "gpus", "gpu", "memory each", "capability", "usd/hour"),
        [_row(machine) for machine in machines],
    )
    sources = {machine.price.source for machine in machines if machine.price and machine.price.source}
    for source in sorted(sources):
        note(f"prices: {source}")


@instance_types.command()
@click.argument("name")
@format_option()
@click.pass_obj
def show(session: Session, name: str, output: str | None) -> None:
    """Show one instance type with the sources of its figures."""
    from llmwright.app.machines import find

    dump(find(session, name, None) or session.catalogue.instance_type(name), output or "yaml")


def _row(machine: InstanceType) -> tuple[str, ...]:
    capability = ".".join(str(part) for part in machine.compute_capability) if machine.compute_capability else "-"
    return (
        machine.name + (f" (retired; see {machine.successor})" if machine.retired else ""),
        machine.cloud,
        str(machine.gpus),
        machine.gpu_model or "-",
        size(machine.gpu_memory_bytes) if machine.gpus else "-",
        capability,
        f"{machine.price.usd_per_hour:.2f}" if machine.price else "unknown",
    )
