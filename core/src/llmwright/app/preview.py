"""``check``, ``plan`` and ``render`` of ``import llmwright``: they start nothing, and return objects."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from llmwright.app import documents
from llmwright.app.source import load, path_text, session_of
from llmwright.errors import InvalidWorkspace

if TYPE_CHECKING:
    from llmwright.app.source import PathSource, SettingsSource, Source
    from llmwright.errors import Problem
    from llmwright.values.plan import Plan, Target


def check(
    source: Source,
    *,
    target: Target = "local",
    old: Source | None = None,
    environment: PathSource = None,
    config_dir: PathSource = None,
    settings: SettingsSource = None,
) -> tuple[Problem, ...]:
    """Return every problem of a Workspace, errors and warnings, each with its path; empty where all is well.

    Args:
        target: where it would run, ``local`` or ``kubernetes``.
        old: the Workspace that it replaces: fields that must not change are checked too.
        environment: a file that describes the cluster: gates, nodes, ConfigMaps (``llmwright check --env``).
        config_dir: a directory of the files that ``config:`` names.

    Raises:
        ConfigError: a file is not there or cannot be read, or a setting cannot be used.
        InvalidWorkspace: ``old`` or ``environment`` cannot be read; never about ``source``.

    Example::

        for problem in llmwright.check("workspace.yaml"):
            print(problem.severity, problem.path, problem.message, problem.hint)
    """
    from llmwright.app.checker import Checker, CheckMode

    described = documents.read_environment(os.fspath(environment)) if environment is not None else None
    checker = Checker(session_of(settings), CheckMode.dry(target, described), path_text(config_dir))
    replaced = load(old).workspace if old is not None else None
    try:
        loaded = load(source)
    except InvalidWorkspace as error:
        return error.problems
    return checker.check_loaded(loaded, replaced)


def plan(
    source: Source,
    *,
    target: Target = "local",
    config_dir: PathSource = None,
    settings: SettingsSource = None,
) -> Plan:
    """Return what would be created and why, the memory it takes and its cost; nothing is started.

    Args:
        target: where it would run, ``local`` or ``kubernetes``.
        config_dir: a directory of the files that ``config:`` names.

    Raises:
        InvalidWorkspace: it has errors, or does not fit.
        LimitExceeded: a company's limit forbids it.
        PluginError: a driver that it needs is missing or broken.
        ConfigError: a file or a setting cannot be used.

    Example::

        print(llmwright.plan("workspace.yaml", target="kubernetes").cost.usd_per_hour)
    """
    from llmwright.app.checker import CheckMode
    from llmwright.app.planner import Planner

    planner = Planner(session_of(settings), CheckMode.dry(target), path_text(config_dir))
    return planner.plan_loaded(load(source)).plan


def render(
    source: Source,
    *,
    config_dir: PathSource = None,
    settings: SettingsSource = None,
) -> tuple[Mapping[str, Any], ...]:
    """Return the objects that the operator would apply on a cluster, in order; no cluster is asked.

    Args:
        config_dir: a directory of the files that ``config:`` names.

    Raises as ``plan``.

    Example::

        print([manifest["kind"] for manifest in llmwright.render("workspace.yaml")])
    """
    from llmwright.app.checker import CheckMode
    from llmwright.app.cluster_objects import cluster_objects
    from llmwright.app.planner import Planner

    session = session_of(settings)
    planner = Planner(session, CheckMode.dry("kubernetes"), path_text(config_dir))
    return tuple(cluster_objects(session, planner, load(source)))
