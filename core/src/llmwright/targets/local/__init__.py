"""The local target: Workspaces as processes of this machine, no cluster.

One supervisor process per Workspace runs the lifecycle's loop. All it knows lies in the Workspace's folder::

    workspaces/NAMESPACE/NAME/
      workspace.json   what the user applied        written by commands, under the apply lock
      plan.json        the recorded Plan            written by commands, under the apply lock
      status.json      the status                   written by the supervisor
      runs.json        its processes                written by the supervisor
      lock, wake       held and listened to by the supervisor
      logs/            one file per role and process
      volumes/         the scratch volumes, the adapter among them
    locks/NAMESPACE/NAME   the apply lock; it outlives the Workspace, so that its name is never locked twice

A supervisor that is lost takes its processes with it (on Linux at once, anywhere by ``LocalTarget.repair``), and the
next command starts another, which goes on from these files. No decisions belong here, and no talk with the user.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmwright.targets.local.options import LocalOptions
    from llmwright.targets.local.store.apply import Change
    from llmwright.targets.local.target import LocalTarget

__all__ = ["Change", "LocalOptions", "LocalTarget"]

_HOMES = {"Change": "store.apply", "LocalOptions": "options", "LocalTarget": "target"}


def __getattr__(name: str) -> Any:
    # `llmwright plan` wants only the paths of this room: it must not pay for processes and supervisors.
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
