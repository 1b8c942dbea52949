"""Workload halves of drivers on this machine: whether the programs that they start are here."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from llmwright.errors import PluginLoadFailed

if TYPE_CHECKING:
    from llmwright.plugins.discovery import Kind
    from llmwright.plugins.registry import Registry


def require_workload(registry: Registry, kind: Kind, name: str, program: str) -> None:
    """Refuse a driver whose workload half cannot run here.

    Args:
        program: the one that it starts, by name or path; empty for this Python. It may lie in an environment of its
            own, so what is installed beside this Python says nothing about it.

    Raises:
        PluginLoadFailed: reason ``WorkloadExtraMissing`` or ``ProgramMissing``, with what to do.
    """
    if not program:
        registry.require_workload(kind, name)
        return
    from llmwright.plugins.installing import pip_install
    from llmwright.plugins.known import requirement
    from llmwright.targets.local.launch.process_environment import search_path

    if shutil.which(program, path=search_path(os.environ)) is not None:
        return
    line = requirement(kind, name)
    installing = f"{pip_install(line)}, or " if line else ""
    raise PluginLoadFailed(
        f"{kind} {name!r} starts the program {program!r}, and this machine has none of that name",
        hint=f"{installing}name its path in the settings under plugins.{kind}.{name}, where it has an option for that",
        reason="ProgramMissing",
    )
