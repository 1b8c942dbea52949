"""What acts in a cluster besides the operator: controllers, scheduler, kubelets and machines, as it sees them.

Each is a thread that looks at the storage whenever it changed, does one thing, and takes its time for it. Nothing of
the operator is imported here.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.simulation.acting import Pace
from tests.simulation.machines import Machines
from tests.simulation.workloads import Workloads

__all__ = ["Pace", "World"]


@dataclass
class World(Workloads, Machines):
    """Everything that moves by itself."""

    def start(self) -> None:
        """Begin all controllers."""
        Workloads.start(self)
        Machines.start(self)
