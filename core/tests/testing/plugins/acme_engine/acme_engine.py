"""A runtime of nothing but the standard library: the driver."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from llmwright.plugins.drivers import Capabilities, Runtime
from llmwright.plugins.weights import weights_of
from llmwright.values.adapter import Adapter
from llmwright.values.fit import Fit
from llmwright.values.launch import HttpGet, Launch, Probe, Process, SecretKey
from llmwright.values.preset import Preset

API_KEY = SecretKey("llmwright-api-key", "LLMWRIGHT_API_KEY")


class Options(BaseModel):
    """``inference.runtimeConfig``."""

    model_config = ConfigDict(extra="forbid")

    max_tokens: int = Field(default=64, ge=1, description="tokens of an answer at most")
    greeting: str = Field(default="", description="the first word of every answer")


class AcmeEngine(Runtime):
    """Echoes what it is asked, once it has read the weights."""

    targets = frozenset({"local", "kubernetes"})
    default_rank = {"local": 10}
    capabilities = Capabilities(
        adapters=True, adapter_strength=True, multi_node=False, cpu=True, quantizations=frozenset({"int8"})
    )
    config_model = Options

    def refuses(self, preset: Preset, fit: Fit) -> str | None:
        """One process serves from one machine."""
        if preset.architecture is not None and preset.architecture.layers > 1000:
            return f"{preset.name} has too many layers"
        return f"{preset.name} needs {fit.nodes} machines" if fit.nodes > 1 else None

    def launch(self, preset: Preset, fit: Fit, adapters: tuple[Adapter, ...], config: Any) -> Launch:
        """One process."""
        weights = weights_of(preset)
        serve = Process(
            name="serve",
            argv=(
                *("$(python)", "-m", "acme_serve", *weights.arguments),
                *("--name", preset.name),
                *("--host", "$(host)"),
                *("--port", "$(port.http)"),
                *("--context", str(fit.context)),
                *("--quantization", fit.quantization or "none"),
                *("--max-tokens", str(config.max_tokens)),
                *("--greeting", config.greeting),
                *(part for each in adapters for part in ("--adapter", adapter_argument(each))),
            ),
            env={"LLMWRIGHT_API_KEY": API_KEY},
            mounts=(*weights.mounts,),
            startup=Probe(check=HttpGet("/health"), failure_threshold=180),
            live=Probe(check=HttpGet("/health")),
            ready=Probe(check=HttpGet("/health"), period_s=1),
            gpus=fit.gpus,
        )
        return Launch(
            main=serve,
            prepare=weights.prepare,
            volumes=(*weights.volumes,),
            ports={"http": 5000},
        )


def adapter_argument(adapter: Adapter) -> str:
    """``NAME=PATH`` and its strength."""
    return f"{adapter.name}={adapter.path}" + (f",{adapter.strength:g}" if adapter.strength is not None else "")
