"""The Workspaces that a verb is about: those that are named, or those with some labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from llmwright.cli.show.output import note

if TYPE_CHECKING:
    from llmwright.app.session import Session

Key = tuple[str, str]
"""Namespace and name."""


def selected_keys(
    session: Session,
    names: tuple[str, ...],
    namespace: str | None,
    selector: str,
    *,
    everywhere: bool,
    changes: bool = False,
) -> list[Key]:
    """Return the Workspaces ``names``, or those with the labels of ``selector``; none at all is said.

    Args:
        everywhere: those of every namespace are meant.
        changes: the verb changes them. All of a cluster are not meant by ``-A`` alone then.

    Raises:
        click.UsageError: nothing says which, or two things do.
    """
    if names and (selector or everywhere):
        raise click.UsageError("name Workspaces, or choose them with -l or -A")
    if not names and not selector and (changes or not everywhere):
        raise click.UsageError(f"name a Workspace, or choose some with -l{' or -A' * (not changes)}")
    where = namespace or session.target.namespace
    if names:
        return [(where, name) for name in names]
    found = list(session.target.names(None if everywhere else where, selector))
    if not found:
        note(f"no Workspaces{f' with {selector}' if selector else ''}{'' if everywhere else f' in namespace {where}'}")
    return found


def shown(key: Key, *, everywhere: bool) -> str:
    """Return a Workspace as verbs name it on stdout."""
    namespace, name = key
    return f"workspace.kaito.sh/{name}{f' of {namespace}' if everywhere else ''}"
