"""Arguments and variables of processes: that a system can start a program with them."""

from __future__ import annotations

from collections.abc import Iterator

from llmwright.errors import InvalidWorkspace, Problem
from llmwright.values.launch import Process
from llmwright.values.plan import Plan

MOST = 128 * 1024 - 1
"""The most bytes of one argument or variable that Linux passes to a program (``MAX_ARG_STRLEN``, without the end)."""


def refuse_long_arguments(plan: Plan, path: str) -> None:
    """Refuse a plan with a process that no system starts; ``path`` is the part of the YAML that it is made from.

    Raises:
        InvalidWorkspace: a text is too long, with the option that it belongs to.
    """
    for launch in (plan.preflight, plan.tuning, plan.serving):
        for process in launch.processes if launch is not None else ():
            for name, text in _texts(process):
                if (size := len(text.encode(errors="replace"))) > MOST:
                    message = f"{name} of {process.name} has {size} bytes, and a program is started with {MOST} at most"
                    raise InvalidWorkspace([Problem(path, message, "make the text shorter", reason="TooLong")])


def _texts(process: Process) -> Iterator[tuple[str, str]]:
    for index, text in enumerate(process.argv):
        yield _option(process.argv, index), text
    for name, value in process.env.items():
        if isinstance(value, str):
            yield f"the variable {name}", f"{name}={value}"


def _option(argv: tuple[str, ...], index: int) -> str:
    text, before = argv[index], argv[index - 1] if index else ""
    if text.startswith("--") and "=" in text[:100]:
        return text.partition("=")[0]
    return before if before.startswith("--") else f"argument {index}"
