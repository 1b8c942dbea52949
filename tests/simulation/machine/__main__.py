"""``python -m tests.simulation.machine FIRST LAST``: carry schedules out, print each that fails."""

from __future__ import annotations

import sys

from tests.simulation.command_line import Simulator
from tests.simulation.machine.scenarios import scenario
from tests.simulation.machine.trial import as_text, minimised, run


def main() -> int:
    """Return 1 where a schedule failed."""
    module = "tests.simulation.machine"
    return Simulator(module, scenario, run, minimised, as_text, lambda verdict: verdict.troubles).main(__doc__)


if __name__ == "__main__":
    sys.exit(main())
