"""The control half: what to run for a preset. Imports neither torch nor transformers."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from llmwright.plugins.drivers import Capabilities, Runtime
from llmwright.plugins.weights import weights_of
from llmwright.values.adapter import Adapter
from llmwright.values.fit import Fit
from llmwright.values.launch import HttpGet, Launch, Probe, Process
from llmwright.values.preset import Preset


class Options(BaseModel):
    """``inference.runtimeConfig``."""

    model_config = ConfigDict(extra="forbid")
    maxTokens: int = Field(default=64, ge=1, description="tokens of an answer at most")  # noqa: N815


class PlainRuntime(Runtime):
    """Serves one model on the processor, one answer at a time. By its rank it is the default on one machine."""

    targets = frozenset({"local", "kubernetes"})
    default_rank = {"local": 60}
    capabilities = Capabilities(streaming=False, cpu=True, gpu=False)
    config_model = Options

    def launch(self, preset: Preset, fit: Fit, adapters: tuple[Adapter, ...], config: Any) -> Launch:
        """One process; ``weights`` has what brings the model there from a hub, a registry or a directory."""
        weights = weights_of(preset)
        limits = ("--context", str(fit.context), "--max-tokens", str(config.maxTokens))
        argv = ("$(python)", "-m", "acme_runtime_plain.serve", *weights.arguments, "--name", preset.name, *limits)
        ready = Probe(check=HttpGet("/health"), period_s=1)
        address = ("--host", "$(host)", "--port", "$(port.http)")
        serve = Process(name="serve", argv=(*argv, *address), mounts=weights.mounts, ready=ready)
        return Launch(main=serve, prepare=weights.prepare, volumes=weights.volumes, ports={"http": 5000})
