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
    """Serves one model with a transformers pipeline, one request at a time.

    On one machine it declares a higher rank than ``hf``, so installing it makes it the default there: for models
    without adapters, and for machines without a GPU. For everything else the next in rank is chosen.
    """

    targets = frozenset({"local", "kubernetes"})
    default_rank = {"local": 60}
    capabilities = Capabilities(streaming=False, cpu=True, gpu=False)
    config_model = Options

    def launch(self, preset: Preset, fit: Fit, adapters: tuple[Adapter, ...], config: Any) -> Launch:
        """One process; the model is loaded from the hub or a directory."""
        model = weights_of(preset).model
        argv = ("$(python)", "-m", "acme_runtime_plain.serve", model, preset.name, str(config.maxTokens))
        ready = Probe(check=HttpGet("/health"), period_s=1)
        serve = Process(name="serve", argv=(*argv, "$(host)", "$(port.http)"), ready=ready)
        return Launch(main=serve, ports={"http": 5000})
