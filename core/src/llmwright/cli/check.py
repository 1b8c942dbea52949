"""``llmwright check``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from llmwright.app.session import Session
from llmwright.cli import arguments
from llmwright.cli.show.output import dump, format_option, plain

if TYPE_CHECKING:
    from llmwright.errors import Problem


@click.command(
    epilog="""\b
Examples:
  llmwright check -f workspace.yaml
  llmwright check -f workspace.yaml --target kubernetes
  llmwright check -f new.yaml --old old.yaml
  llmwright check -f workspace.yaml --target kubernetes --env cluster.yaml
"""
)
@arguments.filenames
@arguments.target
@click.option("--old", metavar="FILE", help="The Workspace that this one replaces: what may not change is checked too.")
@arguments.environment
@format_option()
@arguments.namespaced
@click.pass_obj
def check(
    session: Session,
    names: tuple[str, ...],
    config_dir: str | None,
    old: str | None,
    env: str | None,
    output: str | None,
    namespace: str | None,
) -> None:
    """Check Workspaces: every problem at once, with its place; ends with 2 if one is an error."""
    from llmwright.app.checker import Checker, CheckMode
    from llmwright.app.documents import read_environment, read_workspaces

    before = {loaded.workspace.name: loaded.workspace for loaded in read_workspaces((old,), namespace)} if old else {}
    mode = CheckMode.dry(session.planned_target, read_environment(env) if env else None)
    checker = Checker(session, mode, config_dir)
    problems: list[tuple[str, Problem]] = []
    for loaded in read_workspaces(names, namespace):
        source = loaded.document.source
        problems += [(source, problem) for problem in checker.check_loaded(loaded, before.get(loaded.workspace.name))]
    if output:
        dump([{"file": source, **plain(problem)} for source, problem in problems], output)
    else:
        for source, problem in _shown(problems):
            click.echo(f"{problem.severity}: {source}:{problem}")
    errors = sum(problem.severity == "error" for _, problem in problems)
    if not output:
        click.echo("valid" if not errors else f"{errors} error{'s' * (errors != 1)}", err=bool(errors))
    if errors:
        raise click.exceptions.Exit(2)


def _shown(problems: list[tuple[str, Problem]]) -> list[tuple[str, Problem]]:
    """The first problems of each file, in its order."""
    from llmwright.errors import first_problems

    sources = dict.fromkeys(source for source, _ in problems)
    by_source = {source: [problem for other, problem in problems if other == source] for source in sources}
    return [(source, problem) for source, listed in by_source.items() for problem in first_problems(listed)]
