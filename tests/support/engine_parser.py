"""Asks vLLM's own parser; run by the engine's Python. Commands come as JSON on stdin, the last line has the answers."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import sys
from typing import Any


def serve_parser() -> Any:
    """Return the parser of the program ``vllm``, with its verb ``serve``."""
    serve = importlib.import_module("vllm.entrypoints.cli.serve")
    parser = importlib.import_module("vllm.utils.argparse_utils").FlexibleArgumentParser(prog="vllm")
    serve.ServeSubcommand().subparser_init(parser.add_subparsers(dest="subparser", required=True))
    return parser


def problem(command: list[str]) -> str | None:
    """Return what the parser and its later checks say against a command; None for nothing."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            arguments = serve_parser().parse_args(command[1:])
            importlib.import_module("vllm.entrypoints.cli.serve").ServeSubcommand().validate(arguments)
    except (Exception, SystemExit) as error:
        return f"{said.getvalue()[-500:]} {error!r}"
    return None


if __name__ == "__main__":
    print(json.dumps([problem(command) for command in json.load(sys.stdin)]))
