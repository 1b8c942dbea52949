"""The table of docs/runtimes.md says what the runtimes declare."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from llmwright.plugins.declarations import Capabilities
from llmwright.plugins.drivers import Runtime
from llmwright.plugins.registry import Registry

WORDS = {
    "adapters": "adapters",
    "adapter_strength": "a strength for each adapter",
    "adapter_templates": "a chat template and end tokens for each adapter",
    "hot_adapters": "adapters that are loaded while it runs",
    "multi_node": "one model over several machines",
    "batching": "several requests in each step of the model",
    "streaming": "streams",
    "api_key": "an API key",
    "cpu": "a processor alone, in a pod too",
    "cpu_locally": "a processor alone, on one machine",
    "gpu": "GPUs",
    "scales_itself": "moves its number of copies itself",
    "completions": "`/v1/completions`",
    "chat_endpoint": "`/chat`",
    "choices": "several answers to one request",
    "logprobs": "log-probabilities of tokens",
    "response_format": "answers in the shape of a JSON schema",
    "metrics": "the common metrics",
    "quantizations": "weights quantised while they load",
}


@pytest.fixture(scope="module")
def runtimes() -> dict[str, Capabilities]:
    """What each runtime can, by its name; with each engine, where it starts one of several."""
    registry = Registry(log=lambda _: None)
    drivers = {name: registry.runtime(name) for name in registry.names("runtime")}
    own = {name: driver for name, driver in drivers.items() if name not in driver.aliases}
    return {column: able for name, driver in own.items() for column, able in columns(name, driver).items()}


def columns(name: str, driver: type[Runtime]) -> dict[str, Capabilities]:
    """Return the heads of a runtime's columns, and what holds in each."""
    if not driver.engines:
        return {f"`{name}`": driver.capabilities}
    return {f"`{name}` with `{each}`": engine.capabilities for each, engine in driver.engines.items()}


def cell(able: Capabilities, name: str) -> str:
    """Return how the page shows a capability. Whoever serves on any processor serves on this machine's."""
    value = getattr(able, name)
    if name == "cpu_locally":
        value = value or able.cpu
    if isinstance(value, bool):
        return "yes" if value else "no"
    assert isinstance(value, frozenset)
    return ", ".join(sorted(map(str, value))) or "no"


def test_the_page_has_what_is_declared(root: Path, runtimes: dict[str, Capabilities]) -> None:
    assert [field.name for field in fields(Capabilities) if field.name not in WORDS] == [], "say it in WORDS"
    head = f"| | {' | '.join(runtimes)} |\n|---|{'---|' * len(runtimes)}\n"
    rows = (
        f"| {words} (`{name}`) | {' | '.join(cell(each, name) for each in runtimes.values())} |\n"
        for name, words in WORDS.items()
    )
    table = head + "".join(rows)
    assert table in (root / "docs/runtimes.md").read_text(), f"docs/runtimes.md lacks this table:\n{table}"
