"""``llmwright crd``."""

from __future__ import annotations

import click

from llmwright.app.session import Session


@click.command(
    epilog="\b\nExamples:\n  llmwright crd | kubectl apply --server-side -f -\n  llmwright crd --with-plugins\n"
)
@click.option("--with-plugins", is_flag=True, help="Type the drivers' open objects by the installed plugins' schemas.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["json", "yaml"]),
    default="yaml",
    show_default=True,
    help="Print in this format.",
)
@click.pass_obj
def crd(session: Session, with_plugins: bool, output: str) -> None:
    """Print the CustomResourceDefinition of Workspace, both versions."""
    from llmwright.api.crd import crd as definition
    from llmwright.cli.show.output import dump

    fixed = not session.driver_set.named("provisioner", lambda driver: driver.mutable_options)
    dump(definition(session.drivers.schemas() if with_plugins else None, options_fixed=fixed), output)
