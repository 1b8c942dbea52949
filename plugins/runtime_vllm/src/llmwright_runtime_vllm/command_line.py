"""The engine's command line: ``vllm serve MODEL``, computed flags, and the user's in place of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from llmwright_runtime_vllm import engine_flags
from llmwright_runtime_vllm.engine_flags import FlagList, spelling
from llmwright_runtime_vllm.flags import Flags


def command_line(
    program: str, model: str, computed: Flags, user: Mapping[str, Any], known: FlagList
) -> tuple[str, ...]:
    """Return program, verb, model, and each flag once: the user's value where there is one.

    Args:
        computed: flag to value; None for a flag without one, a tuple for a list.
        user: flag, as ``spelling`` has it, to the value of the config's file.
    """
    kept = {name: value for name, value in computed.items() if not _replaced(name, user)}
    written = (part for name, value in kept.items() for part in _argument(name, value))
    return (program, "serve", model, *written, *_of_user(user, known))


def _replaced(name: str, user: Mapping[str, Any]) -> bool:
    """Whether the user gives this flag, or the whole JSON value of which it is a part."""
    spelled = spelling(name)
    return spelled in user or spelled.partition(".")[0] in user


def _argument(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, tuple):
        yield f"--{name}"
        yield from value
    else:
        yield f"--{name}" if value is None else f"--{name}={value}"


def _of_user(user: Mapping[str, Any], known: FlagList) -> Iterator[str]:
    for name, value in user.items():
        flag = known.find(name)
        if flag is not None:
            yield from engine_flags.arguments(flag, name, value)
