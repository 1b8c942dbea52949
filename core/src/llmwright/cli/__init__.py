"""The command line: one file per verb, each imported only when it is run.

A verb reads its arguments, calls ``app`` and prints the result. ``show`` prints, ``quiz`` asks a model before and after
tuning. No decisions belong here.
"""

from __future__ import annotations

EXIT_INTERRUPTED = 130


def main() -> None:
    """The console script ``llmwright``; ends the process with a documented exit code (``docs/cli.md``)."""
    # Of C alone: the module `signal` imports others, and Ctrl-C during these would print a traceback.
    import _signal  # type: ignore[import-not-found]

    # A shell has the commands that it starts in the background ignore Ctrl-C, and so has nohup: that stays.
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, end_at_once)
    from llmwright.cli.root import run_and_exit

    try:
        run_and_exit()
    except KeyboardInterrupt:
        end_at_once()


def end_at_once(*_: object) -> None:
    """End this process for Ctrl-C, before a verb runs: nothing was begun, so nothing has to be cleaned up."""
    from os import _exit

    _exit(EXIT_INTERRUPTED)
