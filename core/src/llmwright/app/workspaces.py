"""Functions of ``import llmwright`` that start, ask and end Workspaces on this machine.

Each makes a session of its own. ``source`` and ``settings`` take the forms that ``app/source.py`` lists.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, overload

from llmwright.app.handle import WorkspaceHandle
from llmwright.app.source import load, path_text, session_of
from llmwright.errors import TargetError

if TYPE_CHECKING:
    from llmwright.app.handle import OnStatus
    from llmwright.app.model_client import Message
    from llmwright.app.planner import PlannedWorkspace
    from llmwright.app.session import Session
    from llmwright.app.source import PathSource, SettingsSource, Source


def apply(
    source: Source,
    *,
    config_dir: PathSource = None,
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
    session = session_of(settings)
    session.local_target.repair()
    planned = _planned(session, source, config_dir)
    session.apply(planned)
    return WorkspaceHandle(session, planned.workspace.name, planned.workspace.namespace)


def run(
    source: Source,
    *,
    timeout_s: float | None = None,
    on_status: OnStatus | None = None,
    config_dir: PathSource = None,
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
    session = session_of(settings)
    session.local_target.repair()
    session.local_target.get(namespace, name)
    return WorkspaceHandle(session, name, namespace)


def workspaces(*, namespace: str | None = None, settings: SettingsSource = None) -> tuple[WorkspaceHandle, ...]:
    """Return all Workspaces of this machine, or those of one namespace, by namespace and name.

    Example::

        for ws in llmwright.workspaces():
            print(ws)
    """
    session = session_of(settings)
    session.local_target.repair()
    return tuple(WorkspaceHandle(session, each.name, each.namespace) for each in session.local_target.list(namespace))


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
    handle = WorkspaceHandle(session_of(settings), name, namespace)
    handle.delete(wait=wait, timeout_s=timeout_s, missing_ok=missing_ok)


def _planned(session: Session, source: Source, config_dir: PathSource) -> PlannedWorkspace:
    from llmwright.app.checker import CheckMode
    from llmwright.app.planner import Planner

    loaded = load(source)
    planner = Planner(session, CheckMode.apply(), path_text(config_dir))
    return planner.plan_loaded(loaded, session.current(loaded.workspace))
