"""``llmwright model``: a model's files as an image of a registry."""

from __future__ import annotations

from pathlib import Path

import click

from llmwright.app.session import Session
from llmwright.cli.show.output import note


@click.group(
    epilog="""\b
Examples:
  llmwright model push ./my-model oci://registry.example.com/models/mine:v1 --license mit
  llmwright model push phi-4-mini-instruct oci://registry.example.com/models/phi-4-mini:v1
  llmwright model pull oci://registry.example.com/models/mine:v1 ./my-model
"""
)
def model() -> None:
    """Keep models as images: one layer per file, by digest, with the logins of Docker's config."""


@model.command(
    epilog="""\b
Examples:
  llmwright model push ./my-model oci://registry.example.com/models/mine:v1 --license mit
A push that was stopped goes on with the files that the registry lacks.
"""
)
@click.argument("model", metavar="PRESET|DIR")
@click.argument("reference", metavar="oci://IMAGE")
@click.option(
    "--license",
    "--licence",
    "license_",
    default="",
    metavar="NAME",
    help="The model's licence, in your own hand: needed where it is not known to let everybody hand on copies.",
)
@click.pass_obj
def push(session: Session, model: str, reference: str, license_: str) -> None:
    """Push a model's files as an image, and print its name by digest."""
    from llmwright.app.model_images import image_name, model_to_push, read_model
    from llmwright.app.model_images import push as push_model
    from llmwright.cli.show.transfer import transfer_bar

    name = image_name(reference)
    with transfer_bar("downloading") as progress:
        chosen = model_to_push(session, model, license_, progress)
    note(f"{chosen.card.name}, licence {chosen.card.license}, from {chosen.directory} to {name}")
    with transfer_bar("reading") as progress:
        image = read_model(session, chosen, reference, progress)
    with transfer_bar("pushing") as progress:
        pushed = push_model(session, image, reference, progress)
    click.echo(pushed)


@model.command(
    epilog="""\b
Examples:
  llmwright model pull oci://registry.example.com/models/mine:v1 ./my-model
  llmwright run ./my-model
A pull that was stopped goes on at the byte where it ended.
"""
)
@click.argument("reference", metavar="oci://IMAGE")
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.pass_obj
def pull(session: Session, reference: str, directory: Path) -> None:
    """Pull a model's image into a directory, and print its name by digest."""
    from llmwright.app.model_images import pull_model
    from llmwright.cli.show.transfer import transfer_bar

    with transfer_bar("pulling") as progress:
        pulled = pull_model(session, reference, directory, progress)
    click.echo(pulled)
