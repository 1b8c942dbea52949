"""An API server that dies, and comes back at the same address with what it had."""

from __future__ import annotations

from typing import cast

from llmwright.testing.cluster import ControlPlane

PROGRAM = "kube-apiserver"


def kill_api_server(plane: ControlPlane) -> None:
    """End it without a word to those whom it answers."""
    process = plane.programs.running[PROGRAM].process
    process.kill()
    process.wait()


def bring_api_server_back(plane: ControlPlane) -> None:
    """Start it as it was started before; return once it is ready."""
    command = cast("list[str]", plane.programs.running[PROGRAM].process.args)
    arguments = command[command.index(str(plane.programs.assets / PROGRAM)) + 1 :]
    plane.programs.start(PROGRAM, *arguments)
    plane.programs.wait_for(PROGRAM, lambda: plane.serves("/readyz"))
