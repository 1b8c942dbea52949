"""Write the flags of ``vllm serve`` as data: ``PYTHON_OF_THE_ENGINE list_flags.py [FOLDER]``.

It runs in the environment of an engine, asks the engine's own parser, and writes ``RELEASE.json``: for each flag the
kind of its value, its choices and its other names. ``llmwright_runtime_vllm.engine_flags`` reads these files.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "src" / "llmwright_runtime_vllm" / "releases"
NUMBERS = {"whole": ("7", int), "number": ("0.5", float)}
"""Kind to a text that a type of that kind takes, and the class of what it makes of it."""
EMPTY = ("{}", "[]")
"""Texts of which a type for JSON makes something else than text."""


def serve_parser() -> argparse.ArgumentParser:
    """Return the engine's parser of the verb ``serve``, as its own program makes it."""
    program = importlib.import_module("vllm.utils.argparse_utils").FlexibleArgumentParser(prog="vllm")
    verb = importlib.import_module("vllm.entrypoints.cli.serve").ServeSubcommand()
    parser: argparse.ArgumentParser = verb.subparser_init(program.add_subparsers(dest="subparser"))
    return parser


def facts_of(action: argparse.Action) -> dict[str, Any]:
    """Return what is known of one flag: kind, choices and further names, where it has such."""
    names = [name.removeprefix("--") for name in action.option_strings if name.startswith("--")]
    negative = [name for name in names if name.startswith("no-")]
    own = [name for name in names if name not in negative]
    choices = [str(choice) for choice in action.choices or ()]
    aliases = own[1:]
    return {
        "kind": kind_of(action),
        **({"choices": choices} if choices else {}),
        **({"aliases": aliases} if aliases else {}),
    }


def kind_of(action: argparse.Action) -> str:
    """Return the kind of an action's value, by its class and by what its type makes of samples."""
    if isinstance(action, argparse.BooleanOptionalAction):
        return "switch"
    if action.nargs == 0:
        return "set"
    if action.nargs in ("+", "*") or isinstance(action.nargs, int):
        return "list"
    makes, words = action.type, _made(action.type, "auto") is not None
    if any(not isinstance(_made(makes, text), str | None) for text in EMPTY):
        return "open" if words else "json"
    if words:
        return "text"
    return next((kind for kind, (text, number) in NUMBERS.items() if type(_made(makes, text)) is number), "text")


def _made(make: Any, text: str) -> Any:
    """Return what a type makes of ``text``, None where it refuses it. Without a type it is the text."""
    try:
        return text if make is None else make(text)
    except Exception:
        return None


def main(folder: Path) -> None:
    """Write the file of the installed release into ``folder``, and print its path."""
    release: str = importlib.import_module("vllm").__version__.partition("+")[0]
    actions = [action for action in serve_parser()._actions if action.option_strings and action.dest != "help"]
    flags = {action.option_strings[0].removeprefix("--"): facts_of(action) for action in actions}
    source = f"the parser of `vllm serve` {release}, read by engine/list_flags.py"
    text = json.dumps({"release": release, "source": source, "flags": dict(sorted(flags.items()))}, indent=1)
    path = folder / f"{release}.json"
    path.write_text(text + "\n", encoding="utf-8")
    print(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
