"""The control half: what to run for a preset. It imports no model library and starts nothing."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from llmwright.plugins.drivers import Capabilities, Runtime
from llmwright.plugins.weights import weights_of
from llmwright.values.adapter import Adapter
from llmwright.values.fit import Fit, MemoryTerm
from llmwright.values.launch import API_KEY, HttpGet, Launch, Probe, Process
from llmwright.values.preset import Preset


class Options(BaseModel):
    """``inference.runtimeConfig`` of a Workspace."""

    model_config = ConfigDict(extra="forbid")

    maxTokens: int = Field(default=64, ge=1, description="tokens of an answer at most")  # noqa: N815


class AcmeRuntime(Runtime):
    """Says back what it hears."""

    targets = frozenset({"local", "kubernetes"})
    capabilities = Capabilities(adapters=True, api_key=True, cpu=True, gpu=False)
    config_model = Options

    def refuses(self, preset: Preset, fit: Fit) -> str | None:
        """One process serves from one machine."""
        return f"{preset.name} needs {fit.nodes} machines" if fit.nodes > 1 else None

    def memory(self, preset: Preset, fit: Fit, config: Any) -> tuple[MemoryTerm, ...]:
        """The program without the model: smaller than the core takes it for, because no library is loaded."""
        return (MemoryTerm("process", 50 * 2**20, "Python alone"),)

    def launch(self, preset: Preset, fit: Fit, adapters: tuple[Adapter, ...], config: Any) -> Launch:
        """One server, which listens once it may be asked how far it is, and is ready once the weights are read."""
        weights = weights_of(preset)
        serve = Process(
            name="serve",
            # The role of an image with this package in it; the setting `images` says which image that is.
            image="acme",
            argv=(
                *("$(python)", "-m", "llmwright_runtime_acme.serve", *weights.arguments),
                *("--name", preset.name),
                *("--host", "$(host)"),
                *("--port", "$(port.http)"),
                *("--context", str(fit.context)),
                *("--max-tokens", str(config.maxTokens)),
                *(part for each in adapters for part in ("--adapter", f"{each.name}={each.path}")),
            ),
            env={"LLMWRIGHT_API_KEY": API_KEY},
            mounts=weights.mounts,
            startup=Probe(check=HttpGet("/health"), failure_threshold=180),
            live=Probe(check=HttpGet("/health")),
            ready=Probe(check=HttpGet("/health"), period_s=1),
        )
        return Launch(main=serve, prepare=weights.prepare, volumes=weights.volumes, ports={"http": 5000})
