"""One Workspace whose runtime alone is swapped, ready to be asked."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from tests.e2e.support.sandbox import Sandbox
from tests.e2e.support.workspaces import serving_workspace
from tests.support.engine import engine_environment
from tests.support.ray_environment import PROGRAM, ray_environment, ray_llm_environment, ray_program
from tests.support.waiting import wait_until

from llmwright.catalogue.catalogue import Catalogue
from llmwright.plugins.drivers import Capabilities, Runtime
from llmwright.plugins.registry import Registry
from llmwright.testing.adapters import write_adapter
from llmwright.testing.http_answers import Client
from llmwright.testing.served_model import ServedModel
from llmwright.values.preset import Architecture

KEY = "s3cret-of-the-swap"
NAME, MODEL, ADAPTERS = "mine", "demo", {"first": 0.01, "second": -0.01}
HOT = "beside"
"""The directory of an adapter that is there to be loaded later."""
START_S = 900.0
"""How long an engine may take to start: it imports for a minute on a busy machine."""

QUIET = {"OMP_NUM_THREADS": "2", "VLLM_NO_USAGE_STATS": "1"}


PROGRAMS: Mapping[str, Callable[[], Path]] = {
    "hf": lambda: Path(sys.executable).parent,
    "vllm": lambda: engine_environment() / "bin",
    "ray": lambda: ray_environment() / "bin",
    "ray-llm": lambda: ray_llm_environment() / "bin",
}
"""The folder with each runtime's programs. It skips the test where there is none."""

SETTINGS: Mapping[str, Callable[[], dict[str, str]]] = {
    "hf": dict,
    "vllm": lambda: {"program": str(PROGRAMS["vllm"]() / "vllm")},
    "ray": lambda: {"program": str(ray_program())},
    "ray-llm": lambda: {"program": str(PROGRAMS["ray-llm"]() / PROGRAM), "vllm": VLLM},
}
"""Each runtime's own settings on this machine: where its engine is."""

RUNTIMES = {"ray-llm": ("ray", "vllm")}
"""A runtime and the engine that its option names, for those that are not called like their runtime."""
VLLM = "0.32.0"
"""The release for processors that `make ray-llm` installs beside Ray."""


class SwappedRuntime:
    """The demo model with two adapters and a key, served by ``runtime``. Nothing else of the Workspace differs."""

    def __init__(self, root: Path, runtime: str) -> None:
        settings = SETTINGS[runtime]()
        self.runtime = runtime
        self.sandbox = Sandbox(root, LLMWRIGHT_API_KEY=KEY, **QUIET)
        name, _ = RUNTIMES.get(runtime, (runtime, ""))
        self.sandbox.write(f"plugins: {{runtime: {{{name}: {settings}}}}}\n", "llmwright.yaml")
        adapters, self._hot = write_adapters(root / "adapters"), root / "hot" / HOT
        options = {"adapterDirectories": [str(self._hot.parent)]} if able_of(runtime).hot_adapters else {}
        write_adapter(self._hot, _sizes())
        self.sandbox.ok("apply", "-f", self.sandbox.write(workspace(runtime, adapters, options=options)))
        wait_until(self._is_ready, f"{runtime} answers", START_S)
        self.endpoint = str(self.sandbox.get(NAME)["status"]["endpoint"])

    @property
    def served(self) -> ServedModel:
        """The server, as the laws of its answers see it."""
        address = urlsplit(self.endpoint)
        assert address.hostname is not None
        assert address.port is not None
        served = served_model(self.runtime, Client(address.hostname, address.port, KEY))
        return replace(served, hot_adapter=self._hot) if served.able.hot_adapters else served

    def _is_ready(self) -> bool:
        return self.sandbox.condition("WorkspaceReady", NAME).get("status") == "True"


def served_model(runtime: str, client: Client) -> ServedModel:
    """Return the server that ``client`` asks, as the laws of its answers see it."""
    able, driver = able_of(runtime), _driver(runtime)
    context = _catalogue().preset(MODEL).context
    return ServedModel(client, MODEL, tuple(ADAPTERS), able, able.api_key, context, driver.load_metrics)


def able_of(runtime: str) -> Capabilities:
    """Return what the runtime declares, with its engine where one is named."""
    _, engine = RUNTIMES.get(runtime, (runtime, ""))
    driver = _driver(runtime)
    return driver.engines[engine].capabilities if engine else driver.capabilities


def _driver(runtime: str) -> type[Runtime]:
    name, _ = RUNTIMES.get(runtime, (runtime, ""))
    return Registry(log=lambda _: None).runtime(name)


def workspace(
    runtime: str, adapters: Path, machine: str = "", more: str = "", options: Mapping[str, object] | None = None
) -> str:
    """Return the Workspace as YAML, for ``machine`` of a cloud where there is one; ``more`` are lines of inference."""
    sources = (f"{{name: {name}, volumeSource: {{hostPath: {{path: {adapters / name}}}}}}}" for name in ADAPTERS)
    lines = "".join(f"    - source: {source}\n" for source in sources)
    name, engine = RUNTIMES.get(runtime, (runtime, ""))
    written = {**({"engine": engine} if engine else {}), **(options or {})}
    option = f"  runtimeConfig: {json.dumps(written)}\n" if written else ""
    text = f"{serving_workspace(NAME)}  runtime: {name}\n{option}{more}  adapters:\n{lines}"
    return text.replace("resource: {", f"resource: {{instanceType: {machine}, ") if machine else text


def write_adapters(folder: Path) -> Path:
    """Write adapters of the demo model, each into a directory of its name; return ``folder``."""
    for name, value in ADAPTERS.items():
        write_adapter(folder / name, _sizes(), value)
    return folder


def _sizes() -> Architecture:
    sizes = _catalogue().preset(MODEL).architecture
    assert sizes is not None
    return sizes


def _catalogue() -> Catalogue:
    return Catalogue.of_plugins(Registry(log=lambda _: None).hooks())
