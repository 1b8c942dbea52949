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
    """Serves one model with a transformers pipeline, one request at a time."""

    targets = frozenset({"local", "kubernetes"})
    capabilities = Capabilities(streaming=False, cpu=True)
    config_model = Options

    def refuses(self, preset: Preset, fit: Fit) -> str | None:
        """It serves on the CPU."""
        return "the plain runtime serves on CPU only" if fit.gpus else None

    def launch(self, preset: Preset, fit: Fit, adapters: tuple[Adapter, ...], config: Any) -> Launch:
        """One process; the model is loaded from the hub or a directory."""
        model = weights_of(preset).model
        argv = ("$(python)", "-m", "acme_runtime_plain.serve", model, preset.name, str(config.maxTokens))
        ready = Probe(check=HttpGet("/health"), period_s=1)
        serve = Process(name="serve", argv=(*argv, "$(host)", "$(port.http)"), ready=ready)
        return Launch(main=serve, ports={"http": 5000})
