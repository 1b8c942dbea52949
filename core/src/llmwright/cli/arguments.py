"""Arguments that several verbs share."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import click

from llmwright.app.session import Session

SPAN = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?|(\d+(?:\.\d+)?)")
"""A number without a unit stands alone: who writes 1h30 means minutes, and would get seconds."""


def span(text: str) -> float:
    """Return the seconds of a span of time such as ``90``, ``30s``, ``10m`` or ``1h30m``, as an option's type."""
    match = SPAN.fullmatch(text)
    if not text or match is None:
        raise click.BadParameter(f"{text!r} is no span of time; write 90, 30s, 10m or 1h30m")
    hours, minutes, seconds, bare = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds + bare


def namespaced(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds ``-n/--namespace``."""
    return click.option("-n", "--namespace", help="Namespace; else the context's, the file's or 'default'.")(command)


def placed(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds ``-n`` and the options that say where Workspaces live: ``--target``, ``--context``, ``--kubeconfig``.

    The latter go to the session, and not to the verb: a verb does the same on every target.
    """
    return namespaced(TARGET(cluster(command)))


def cluster(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds ``--context`` and ``--kubeconfig``, for the session."""
    for option in reversed(CLUSTER):
        command = option(command)
    return command


def target(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds ``--target``, for the session."""
    return TARGET(command)


def _to_session(field: str) -> Callable[[click.Context, click.Parameter, str | None], None]:
    def keep(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
        session = ctx.find_object(Session)
        if value is not None and session is not None:
            setattr(session, field, value)

    return keep


TARGET = click.option(
    "--target",
    "chosen_target",  # `bench` has an argument `target`.
    type=click.Choice(["local", "kubernetes"]),
    expose_value=False,
    callback=_to_session("chosen_target"),
    help="Where Workspaces live; the setting `target` where none is given.",
)
CLUSTER = (
    click.option(
        "--context",
        metavar="NAME",
        expose_value=False,
        callback=_to_session("context"),
        help="The cluster, by a context of the kubeconfig.",
    ),
    click.option(
        "--kubeconfig",
        type=click.Path(dir_okay=False),
        expose_value=False,
        callback=_to_session("kubeconfig"),
        help="The cluster; in a pod its own, else KUBECONFIG's.",
    ),
)


def selected(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds ``-l/--selector`` and ``-A/--all-namespaces``, by which Workspaces are chosen instead of by name."""
    everywhere = click.option("-A", "--all-namespaces", is_flag=True, help="Those of every namespace.")
    labels = click.option("-l", "--selector", default="", metavar="LABELS", help="Those with labels: app=phi,!test.")
    return everywhere(labels(command))


def request_timeout(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds ``--timeout``, the span of one request, as ``timeout_s``."""
    return click.option(
        "--timeout",
        "timeout_s",
        type=span,
        metavar="SPAN",
        default="10m",
        show_default=True,
        help="Of a request.",
    )(command)


def filenames(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds ``-f`` (repeatable: files, directories, ``-`` for stdin) and ``--config-dir``."""
    command = config_dir(command)
    return click.option(
        "-f",
        "--filename",
        "names",
        multiple=True,
        required=True,
        metavar="FILE",
        help="File or directory with Workspaces, - for stdin; may be repeated.",
    )(command)


def config_dir(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds ``--config-dir``."""
    return click.option(
        "--config-dir",
        type=click.Path(exists=True, file_okay=False),
        help="Directory of the files that `config:` names.",
    )(command)


def environment(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds ``--env``."""
    return click.option(
        "--env", metavar="FILE", help="What the cluster is like: gates, provisioner, nodes, ConfigMaps."
    )(command)
