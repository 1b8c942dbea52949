"""The runtime ``vllm`` in a sandbox, by the real engine; and answers that are under way."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import psutil
from tests.e2e.support.sandbox import SUPERVISOR, Sandbox
from tests.e2e.support.swapped_runtime import QUIET, VLLM
from tests.support.engine import engine_environment

from llmwright.catalogue.catalogue import Catalogue
from llmwright.plugins.registry import Registry
from llmwright.testing.adapters import write_adapter

KEY = "s3cret-of-the-engine"
CONFIG = """\
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: engine}}
data:
  inference_config.yaml: "vllm: {{{flags}}}"
"""
PLAIN = "enforce-eager: true, max-num-seqs: 4"


class EngineSandbox(Sandbox):
    """A sandbox whose settings name the engine's program, and what release it is."""

    def __init__(self, root: Path, *, version: str = VLLM, program: Path | None = None, **environ: str) -> None:
        super().__init__(root, **QUIET, **environ)
        own = {"program": str(program or engine_environment() / "bin" / "vllm"), "version": version}
        self.write(f"plugins: {{runtime: {{vllm: {own}}}}}\n", "llmwright.yaml")

    def serve_by_engine(self, name: str = "mine", more: str = "", flags: str = PLAIN) -> Path:
        """Write a file that serves the demo model by the engine, with flags in a config."""
        served = "  runtime: vllm\n  config: engine\n"
        return self.serve(name, served + more + CONFIG.format(flags=flags))

    def engine(self) -> psutil.Process:
        """Return the process that the supervisor started."""
        (supervisor,) = self.processes(SUPERVISOR)
        (engine,) = supervisor.children()
        return engine


def write_further(folder: Path) -> Path:
    """Write two adapters into ``folder``: ``good``, and ``wrong``, which is of a wider model."""
    preset = Catalogue.of_plugins(Registry(log=lambda _: None).hooks()).preset("demo")
    assert preset.architecture is not None
    write_adapter(folder / "good", preset.architecture, 0.01)
    wider = replace(preset.architecture, hidden_size=2 * preset.architecture.hidden_size)
    write_adapter(folder / "wrong", wider, 0.01)
    return folder


def with_adapter(folder: Path) -> str:
    """Return the lines of ``inference`` that serve the adapter in ``folder`` as ``own``."""
    return f"  adapters:\n    - source: {{name: own, volumeSource: {{hostPath: {{path: {folder}}}}}}}\n"


def completion(model: str, tokens: int = 8) -> dict[str, Any]:
    """Return the body that asks ``model`` for so many tokens."""
    return {"model": model, "prompt": "Who", "max_tokens": tokens, "min_tokens": tokens, "temperature": 0}


@contextlib.contextmanager
def under_way(endpoint: str, key: str = KEY, **more: Any) -> Iterator[Iterator[str]]:
    """Ask for 400 tokens, and yield the lines of the stream after the first; ``more`` are fields of the body."""
    body = {**completion("demo", 400), "stream": True, "stream_options": {"include_usage": True}, **more}
    headers = {"Authorization": f"Bearer {key}"}
    url = f"{endpoint}/v1/completions"
    with httpx.stream("POST", url, json=body, headers=headers, timeout=60, trust_env=False) as response:
        lines = response.iter_lines()
        assert next(lines).startswith("data: {")
        yield lines


def is_broken_off(lines: Iterator[str]) -> bool:
    """Whether a stream ends with an error, and not by a wait of 60 s."""
    try:
        return any('"error"' in line for line in lines)
    except httpx.TransportError as error:
        return not isinstance(error, httpx.TimeoutException)
