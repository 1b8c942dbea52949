"""The command line: one file per verb, each imported only when it is run.

No decisions live here: a verb reads its arguments, calls the other rooms and shows what they said.
"""

from __future__ import annotations


def main() -> None:
    """The console script ``llmwright``; ends the process with a documented exit code (``docs/cli.md``)."""
    from llmwright.cli.root import run_and_exit

    run_and_exit()
