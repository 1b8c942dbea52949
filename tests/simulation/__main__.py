"""``python -m tests.simulation FIRST LAST``: carry schedules out, print each that fails, or the shortest such one."""

from __future__ import annotations

import sys

from tests.simulation.command_line import Simulator
from tests.simulation.scenarios import scenario
from tests.simulation.trial import as_text, minimised, run


def main() -> int:
    """Return 1 where a schedule failed."""
    return Simulator("tests.simulation", scenario, run, minimised, as_text, lambda verdict: verdict).main(__doc__)


if __name__ == "__main__":
    sys.exit(main())
