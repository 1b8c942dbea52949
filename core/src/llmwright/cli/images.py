"""``llmwright images``: the container images of a setup."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from llmwright.app.session import Session
from llmwright.cli import arguments
from llmwright.cli.show.output import dump, format_option, note, table

if TYPE_CHECKING:
    from llmwright.app.images.needed import NeededImage


@click.group(
    epilog="""\b
Examples:
  llmwright images list
  llmwright images list -f workspace.yaml -o json
  llmwright images build
  llmwright images push --registry registry.example.com/llmwright
"""
)
def images() -> None:
    """List the images that a setup needs, build ours, and push them to a registry."""


@images.command(
    "list",
    epilog="""\b
Examples:
  llmwright images list
  llmwright images list -f workspace.yaml
  llmwright --settings llmwright.yaml images list --copy-with skopeo | sh
""",
)
@click.option("-f", "--filename", "names", multiple=True, help="A file or directory with Workspaces, or - for stdin.")
@arguments.config_dir
@arguments.environment
@arguments.namespaced
@click.option(
    "--copy-with", type=click.Choice(["skopeo", "oras"]), help="Print commands that copy public images to the mirror."
)
@format_option()
@click.pass_obj
def list_(
    session: Session,
    names: tuple[str, ...],
    config_dir: str | None,
    env: str | None,
    namespace: str | None,
    copy_with: str | None,
    output: str | None,
) -> None:
    """List every image that the operator and the installed drivers may start, or those of the Workspaces named.

    SOURCE is the name before the mirror of the setting imageRegistry, IMAGE the name that pods have.
    """
    if copy_with and output:
        raise click.UsageError("--copy-with prints commands; leave out -o")
    from llmwright.app.images.needed import all_images, copy_lines, images_of

    if names:
        from llmwright.app.checker import CheckMode
        from llmwright.app.documents import read_environment, read_workspaces
        from llmwright.app.planner import Planner

        planner = Planner(session, CheckMode.dry("kubernetes", read_environment(env) if env else None), config_dir)
        needed = images_of(session, planner, read_workspaces(names, namespace))
    else:
        needed = all_images(session)
    if copy_with:
        click.echo("\n".join(copy_lines(session, needed, copy_with)))
        return
    if output:
        dump(needed, output)
        return
    _print_needed(needed, mirrored=session.settings.image_registry is not None)


def _print_needed(needed: Sequence[NeededImage], *, mirrored: bool) -> None:
    headings = ["role", "image", *(["source"] if mirrored else []), "gpus from", "used by"]
    rows = [
        (
            need.role or "-",
            need.image,
            *([need.source] if mirrored else []),
            need.compute_capability or "-",
            "; ".join(need.used_by),
        )
        for need in needed
    ]
    table(headings, rows)
    if any(need.built for need in needed) and not mirrored:
        note("names that begin with localhost/ are ours: llmwright images build, then push")


@images.command(
    epilog="""\b
Examples:
  llmwright images build
  llmwright images build operator --base registry.example.com/python:3.11-slim
  llmwright images build workload-cuda12
"""
)
@click.argument("roles", nargs=-1, metavar="[ROLE]...")
@click.option("--base", help="The image below ours: one with Python and glibc.")
@click.option("--python", help="The release of Python in that image.", metavar="3.11")
@click.option("--engine", type=click.Choice(["buildah", "podman", "docker"]), help="The program that builds.")
@click.option("--isolation", help="How buildah and podman run a step: as their own option.", metavar="chroot")
@click.option("--source", type=click.Path(path_type=Path), help="The clone of the repository: by default this one.")
@click.option(
    "--papers", type=click.Path(path_type=Path), help="Where contents and provenance go: by default dist/images."
)
@click.option("--no-cache", is_flag=True, help="Build every layer again.")
def build(
    roles: tuple[str, ...],
    base: str | None,
    python: str | None,
    engine: str | None,
    isolation: str | None,
    source: Path | None,
    papers: Path | None,
    no_cache: bool,
) -> None:
    """Build images from a clone of the repository: of the operator and of workloads, where no role is named."""
    from llmwright.app.images.build import BASE, PYTHON, BuildOptions, build_image
    from llmwright.app.images.engines import find_engine
    from llmwright.app.images.recipes import chosen_recipes, find_checkout, read_recipes

    checkout = find_checkout(source)
    recipes = chosen_recipes(read_recipes(checkout), roles)
    program = find_engine(engine, isolation)
    folder = papers or checkout / "dist/images"
    options = BuildOptions(base=base or BASE, python=python or PYTHON, papers=folder, cached=not no_cache)
    built = [build_image(recipe, checkout, program, options, note) for recipe in recipes]
    table(["role", "image", "digest"], [(image.role, image.image, image.digest) for image in built])
    note(f"contents and provenance of each: {folder}")


@images.command(
    epilog="""\b
Examples:
  llmwright images push --registry registry.example.com/team
  llmwright images push workload --registry registry.example.com/team
The logins are those of Docker's config. Then write the registry into the setting imageRegistry.
"""
)
@click.argument("roles", nargs=-1, metavar="[ROLE]...")
@click.option("--registry", required=True, help="What goes before the names: a registry, and a path in it.")
@click.option("--engine", type=click.Choice(["buildah", "podman", "docker"]), help="The program that has the images.")
@click.option("--source", type=click.Path(path_type=Path), help="The clone of the repository: by default this one.")
@click.option("--papers", type=click.Path(path_type=Path), help="Where contents and provenance lie: dist/images.")
@click.pass_obj
def push(
    session: Session,
    roles: tuple[str, ...],
    registry: str,
    engine: str | None,
    source: Path | None,
    papers: Path | None,
) -> None:
    """Push images that were built, with contents and provenance beside each, and print their names by digest."""
    from llmwright.app.images.engines import find_engine
    from llmwright.app.images.push import check, push_built
    from llmwright.app.images.recipes import chosen_recipes, find_checkout, read_recipes
    from llmwright.cli.show.transfer import transfer_bar

    checkout = find_checkout(source)
    recipes, program = chosen_recipes(read_recipes(checkout), roles), find_engine(engine, None)
    folder = papers or checkout / "dist/images"
    targets = [check(session, recipe, registry, program, folder) for recipe in recipes]
    for recipe, target in zip(recipes, targets, strict=True):
        note(f"{recipe.image} to {target}")
        with transfer_bar("pushing") as progress:
            pushed = push_built(session, recipe, target, program, folder, progress)
        click.echo(pushed.by_digest)
        if not pushed.referrers:
            note(f"pushed without contents and provenance: {folder} has none of {recipe.image}")
