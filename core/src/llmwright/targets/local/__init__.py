"""The local target: Workspaces as processes of this machine, no cluster.

``LocalTarget`` is all that other rooms use. It stands on four rooms, each of which imports only those before it:

* ``store``: the state directory, its files and locks.
* ``process``: child processes, their logs, probes, ports and leftovers.
* ``launch``: a Launch carried out here, from its first process to its last.
* ``supervisor``: one process per Workspace that runs the lifecycle's loop and outlives the command.

Beside them: ``watch`` and ``stop_and_delete`` for commands that wait, ``absolute_paths`` and ``config_lookup`` for the
YAML's own files. No decisions belong here, and no talk with the user.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmwright.targets.local.options import LocalOptions
    from llmwright.targets.local.store.changes import Change
    from llmwright.targets.local.target import LocalTarget

__all__ = ["Change", "LocalOptions", "LocalTarget"]

_MODULES = {"Change": "store.changes", "LocalOptions": "options", "LocalTarget": "target"}


def __getattr__(name: str) -> Any:
    # `llmwright plan` uses only the paths of this room: it must not pay for importing processes and supervisors.
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
