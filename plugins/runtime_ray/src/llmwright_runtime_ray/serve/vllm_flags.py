"""vLLM's flags as the arguments that Ray Serve LLM hands to the engine."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
from collections.abc import Sequence
from typing import Any

from llmwright.errors import ConfigError

_OF_PROGRAM = frozenset({"subparser", "model_tag", "dispatch_function"})


def engine_arguments(flags: Sequence[str]) -> dict[str, Any]:
    """Return the arguments that ``flags`` of ``vllm serve`` give, and no default: what is not here is the engine's own.

    vLLM's own parser reads them, so each value is of the type that its program would see.

    Raises:
        ConfigError: the parser does not take them; with its words.
    """
    program, words = _parser(), io.StringIO()
    try:
        with contextlib.redirect_stderr(words):
            parsed = program.parse_args(["serve", "MODEL", *flags])
    except (Exception, SystemExit) as error:
        last = words.getvalue().strip().splitlines()[-1:] or [str(error)]
        raise ConfigError(f"vLLM does not take its flags: {last[0]}", hint="`vllm serve --help` lists them") from error
    return {name: value for name, value in vars(parsed).items() if name not in _OF_PROGRAM}


def _parser() -> Any:
    program = importlib.import_module("vllm.utils.argparse_utils").FlexibleArgumentParser(prog="vllm")
    verb = importlib.import_module("vllm.entrypoints.cli.serve").ServeSubcommand()
    for action in verb.subparser_init(program.add_subparsers(dest="subparser"))._actions:
        action.default = argparse.SUPPRESS
    return program
