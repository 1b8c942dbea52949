"""``python -m tests.simulation.machine FIRST LAST``: carry schedules out, print each that fails."""

from __future__ import annotations

import sys

from tests.simulation.command_line import Simulator
from tests.simulation.machine.schedule import minimised, run, scenario, told


def main() -> int:
    """Return 1 where a schedule failed."""
    module = "tests.simulation.machine"
    return Simulator(module, scenario, run, minimised, told, lambda verdict: verdict.troubles).main(__doc__)


if __name__ == "__main__":
    sys.exit(main())
