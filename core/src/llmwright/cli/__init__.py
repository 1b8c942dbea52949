"""The command line: one file per verb, each imported only when it is run.

A verb reads its arguments, calls ``app`` and prints the result. ``show`` prints, ``quiz`` asks a model before and after
tuning. No decisions belong here.
"""

from __future__ import annotations


def main() -> None:
    """The console script ``llmwright``; ends the process with a documented exit code (``docs/cli.md``)."""
    from llmwright.cli.root import run_and_exit

    run_and_exit()
