"""The control half: what to run for a preset. It imports no model library and starts nothing."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from llmwright.plugins.drivers import Capabilities, Runtime
from llmwright.plugins.programs import server_launch
from llmwright.values.adapter import Adapter
from llmwright.values.fit import Fit, MemoryTerm
from llmwright.values.launch import Launch
from llmwright.values.preset import Preset


class Options(BaseModel):
    """``inference.runtimeConfig`` of a Workspace."""

    model_config = ConfigDict(extra="forbid")

    maxTokens: int = Field(default=64, ge=1, description="tokens of an answer at most")  # noqa: N815


class TemplateNameRuntime(Runtime):
    """Says back what it hears."""

    targets = frozenset({"local", "kubernetes"})
    capabilities = Capabilities(adapters=True, api_key=True, cpu=True, gpu=False, metrics=True)
    load_metrics = ("vllm:num_requests_running", "vllm:num_requests_waiting")
    config_model = Options

    def refuses(self, preset: Preset, fit: Fit) -> str | None:
        """One process serves from one machine."""
        return f"{preset.name} needs {fit.nodes} machines" if fit.nodes > 1 else None

    def memory(self, preset: Preset, fit: Fit, config: Any) -> tuple[MemoryTerm, ...]:
        """The program without the model: smaller than the core takes it for, because no library is loaded."""
        return (MemoryTerm("process", 50 * 2**20, "Python alone"),)

    def launch(self, preset: Preset, fit: Fit, adapters: tuple[Adapter, ...], config: Any) -> Launch:
        """One server. The setting `images` maps the role of its image to an image with this package in it."""
        options = {
            "max-tokens": config.maxTokens,
        }
        module = "llmwright_runtime_template_name.serve"
        return server_launch(module, preset, fit, adapters, image="template-name", options=options)
