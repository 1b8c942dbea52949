"""The functions of ``import llmwright``: each makes a session of its own, and returns objects.

``SOURCE`` is the Workspace to work with, in any of these forms:

* a path to a YAML file with one Workspace (``str`` or ``pathlib.Path``),
* its YAML as text,
* its data as a mapping,
* a ``Workspace``,
* the name of a preset (``demo``) or of a model on the hub (``ORG/MODEL``): a Workspace that serves it.

``SETTINGS`` is a ``Settings``, the path of a settings file, or a mapping of settings by their YAML names
(``{"stateDirectory": "/data/llmwright"}``), which win over environment and file. None takes the settings of the
environment, as the command line does.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from llmwright.app import documents
from llmwright.app.handle import WorkspaceHandle
from llmwright.app.session import Session
from llmwright.errors import InvalidWorkspace, TargetError

if TYPE_CHECKING:
    from llmwright.api.workspace import Workspace
    from llmwright.app.documents import LoadedWorkspace
    from llmwright.app.handle import OnStatus
    from llmwright.app.model_client import Message
    from llmwright.app.planner import PlannedWorkspace
    from llmwright.errors import Problem
    from llmwright.settings import Settings
    from llmwright.values.plan import Plan, Target

    Source = str | os.PathLike[str] | Mapping[str, Any] | Workspace
    SettingsSource = Settings | str | os.PathLike[str] | Mapping[str, Any] | None


def check(
    source: Source,
    *,
    target: Target = "local",
    old: Source | None = None,
    environment: str | os.PathLike[str] | None = None,
    config_dir: str | os.PathLike[str] | None = None,
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
    checker = Checker(_session(settings), CheckMode.dry(target, described), _text(config_dir))
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
    config_dir: str | os.PathLike[str] | None = None,
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

    planner = Planner(_session(settings), CheckMode.dry(target), _text(config_dir))
    return planner.plan_loaded(load(source)).plan


def render(
    source: Source,
    *,
    config_dir: str | os.PathLike[str] | None = None,
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

    session = _session(settings)
    planner = Planner(session, CheckMode.dry("kubernetes"), _text(config_dir))
    return tuple(cluster_objects(session, planner, load(source)))


def apply(
    source: Source,
    *,
    config_dir: str | os.PathLike[str] | None = None,
    settings: SettingsSource = None,
) -> WorkspaceHandle:
    """Create or change a Workspace on this machine, and return at once; it goes on when Python ends.

    Args:
        config_dir: a directory of the files that ``config:`` names.

    Raises:
        NotYet: a Workspace of that name is being deleted; and as ``plan``.

    Example::

        ws = llmwright.apply("workspace.yaml")
        ws.wait(timeout_s=600)
    """
    session = _session(settings)
    session.target.repair()
    planned = _planned(session, source, config_dir)
    session.apply(planned)
    return WorkspaceHandle(session, planned.workspace.name, planned.workspace.namespace)


def run(
    source: Source,
    *,
    timeout_s: float | None = None,
    on_status: OnStatus | None = None,
    config_dir: str | os.PathLike[str] | None = None,
    settings: SettingsSource = None,
) -> WorkspaceHandle:
    """Apply a Workspace on this machine, and return once it answers, or is tuned and has given its machine back.

    If it fails, or the wait ends early for any reason, its processes are stopped. It is kept until you delete it, so
    that its logs can be read. In a ``with`` block it is deleted at the end.

    Args:
        timeout_s: the longest wait in seconds; None waits without end.
        on_status: called with each new status, for a progress line of your own.
        config_dir: a directory of the files that ``config:`` names.

    Raises:
        NotYet: not within ``timeout_s``; and as ``plan``.
        TargetError: it failed, with the root cause.

    Example::

        with llmwright.run("demo", on_status=lambda status: print(status.state)) as ws:
            print(ws.chat("Who are you?"))
    """
    workspace = apply(source, config_dir=config_dir, settings=settings)
    try:
        return workspace.wait(timeout_s=timeout_s, on_status=on_status)
    except BaseException:
        with suppress(TargetError):
            workspace.stop()
        raise


def get(name: str, *, namespace: str = "default", settings: SettingsSource = None) -> WorkspaceHandle:
    """Return the Workspace of that name on this machine.

    Raises:
        TargetError: there is none, with the reason ``NotFound``.

    Example::

        print(llmwright.get("demo").status.state)
    """
    session = _session(settings)
    session.target.repair()
    session.target.get(namespace, name)
    return WorkspaceHandle(session, name, namespace)


def workspaces(*, namespace: str | None = None, settings: SettingsSource = None) -> tuple[WorkspaceHandle, ...]:
    """Return all Workspaces of this machine, or those of one namespace, by namespace and name.

    Example::

        for ws in llmwright.workspaces():
            print(ws)
    """
    session = _session(settings)
    session.target.repair()
    return tuple(WorkspaceHandle(session, each.name, each.namespace) for each in session.target.list(namespace))


def wait(
    name: str,
    condition: str | None = None,
    *,
    timeout_s: float | None = None,
    on_status: OnStatus | None = None,
    namespace: str = "default",
    settings: SettingsSource = None,
) -> WorkspaceHandle:
    """As ``WorkspaceHandle.wait`` of the Workspace of that name.

    Example::

        llmwright.wait("demo", "InferenceReady", timeout_s=600)
    """
    workspace = get(name, namespace=namespace, settings=settings)
    return workspace.wait(condition, timeout_s=timeout_s, on_status=on_status)


@overload
def chat(
    name: str,
    question: str | Sequence[Message],
    *,
    model: str | None = None,
    system: str | None = None,
    max_tokens: int | None = None,
    temperature: float = 0.0,
    stream: Literal[False] = False,
    namespace: str = "default",
    settings: SettingsSource = None,
) -> str: ...


@overload
def chat(
    name: str,
    question: str | Sequence[Message],
    *,
    model: str | None = None,
    system: str | None = None,
    max_tokens: int | None = None,
    temperature: float = 0.0,
    stream: Literal[True],
    namespace: str = "default",
    settings: SettingsSource = None,
) -> Iterator[str]: ...


def chat(
    name: str,
    question: str | Sequence[Message],
    *,
    model: str | None = None,
    system: str | None = None,
    max_tokens: int | None = None,
    temperature: float = 0.0,
    stream: bool = False,
    namespace: str = "default",
    settings: SettingsSource = None,
) -> str | Iterator[str]:
    """As ``WorkspaceHandle.chat`` of the Workspace of that name.

    Example::

        print(llmwright.chat("demo", "Who are you?"))
    """
    handle = get(name, namespace=namespace, settings=settings)
    pieces = handle.chat(
        question, model=model, system=system, max_tokens=max_tokens, temperature=temperature, stream=True
    )
    return pieces if stream else "".join(pieces)


def logs(
    name: str,
    *,
    stage: str | None = None,
    follow: bool = False,
    namespace: str = "default",
    settings: SettingsSource = None,
) -> Iterator[str]:
    """As ``WorkspaceHandle.logs`` of the Workspace of that name.

    Example::

        print(*llmwright.logs("demo"), sep="\\\\n")
    """
    return get(name, namespace=namespace, settings=settings).logs(stage=stage, follow=follow)


def delete(
    name: str,
    *,
    wait: bool = True,
    timeout_s: float | None = None,
    missing_ok: bool = False,
    namespace: str = "default",
    settings: SettingsSource = None,
) -> None:
    """As ``WorkspaceHandle.delete`` of the Workspace of that name.

    Example::

        llmwright.delete("demo", missing_ok=True)
    """
    handle = WorkspaceHandle(_session(settings), name, namespace)
    handle.delete(wait=wait, timeout_s=timeout_s, missing_ok=missing_ok)


def load(source: Source) -> LoadedWorkspace:
    """The one Workspace that ``source`` means, in any of the forms above.

    Raises:
        ConfigError: a file is not there or cannot be read, or holds none or several Workspaces.
        InvalidWorkspace: bad YAML, or a field that is unknown, missing or of another type.
    """
    from llmwright.api.workspace import Workspace

    if isinstance(source, Workspace):
        return documents.from_workspace(source)
    if isinstance(source, Mapping):
        return documents.from_data(source)
    if not isinstance(source, str):
        return documents.read_workspace(Path(source))
    if "\n" in source:
        return documents.parse_text(source)
    return documents.read_workspace(source) if documents.names_a_file(source) else documents.from_preset(source)


def _planned(session: Session, source: Source, config_dir: str | os.PathLike[str] | None) -> PlannedWorkspace:
    from llmwright.app.checker import CheckMode
    from llmwright.app.planner import Planner

    loaded = load(source)
    planner = Planner(session, CheckMode.apply(), _text(config_dir))
    return planner.plan_loaded(loaded, session.current(loaded.workspace))


def _session(settings: SettingsSource) -> Session:
    if settings is None:
        return Session()
    if isinstance(settings, Mapping):
        return Session(overrides=settings)
    if isinstance(settings, str | os.PathLike):
        return Session(settings_file=os.fspath(settings))
    return Session(given_settings=settings)


def _text(path: str | os.PathLike[str] | None) -> str | None:
    return os.fspath(path) if path is not None else None
