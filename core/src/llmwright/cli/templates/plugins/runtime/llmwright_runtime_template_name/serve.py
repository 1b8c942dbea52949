"""The workload half. ``chat_server`` speaks the OpenAI API; the engine is here, and says back what it hears."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from llmwright.plugins.chat_server import Conversation, Engine, adapter_paths, main, parser


def load(options: argparse.Namespace) -> Engine:
    """Put your loading here: read the weights and the adapters, and return what answers under which names."""
    json.loads((Path(options.model) / "config.json").read_text())
    adapters = adapter_paths(options)
    for path in adapters.values():
        json.loads((Path(path) / "adapter_config.json").read_text())

    def words(asked: Conversation) -> Iterator[str]:
        """Put your engine here: yield the answer piece by piece."""
        for number, word in enumerate(asked.text.split()[: options.max_tokens]):
            time.sleep(0.01)
            yield word if number == 0 else f" {word}"

    return Engine([options.name, *adapters], words)


if __name__ == "__main__":
    arguments = parser()
    for name in ("max-tokens",):
        arguments.add_argument(f"--{name}", type=int)
    sys.exit(main(load, arguments.parse_args()))
