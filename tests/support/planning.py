"""The real drivers and packaged data, and an engine that spreads over machines as vLLM does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from llmwright.api.workspace import Workspace
from llmwright.plugins.driver_set import DriverSet
from llmwright.plugins.drivers import Capabilities, Runtime
from llmwright.provisioners.byo import ByoProvisioner
from llmwright.provisioners.local import LocalProvisioner
from llmwright.settings.model import Settings
from llmwright.values.adapter import Adapter
from llmwright.values.fit import Fit
from llmwright.values.instance_type import InstanceType
from llmwright.values.launch import Launch, Process
from llmwright.values.plan import Plan
from llmwright.values.preset import Preset
from llmwright_provisioner_karpenter.driver import KarpenterProvisioner
from llmwright_runtime_hf.driver import HfRuntime
from llmwright_tuning_qlora.driver import LoraTuner, QloraTuner

GIB = 1024**3
HERE = InstanceType(name="local", cloud="local", cpus=2, memory_bytes=16 * GIB)
NO_SETTINGS = Settings()
Planned = Callable[..., Plan]
"""The fixture ``planned``, which plans a Workspace of the given parts."""
Part = TypeVar("Part")


class Engine(Runtime):
    """Serves over several machines, with adapters of one strength only."""

    targets = frozenset({"kubernetes"})
    default_rank = {"kubernetes": 100}
    lowest_capability = (7, 0)
    listed_as = "vllm"
    load_metrics: ClassVar[tuple[str, ...]] = ("engine_requests",)
    capabilities = Capabilities(adapters=True, multi_node=True)

    def launch(self, preset: Preset, fit: Fit, adapters: tuple[Adapter, ...], config: Any) -> Launch:
        parallel = f"{fit.tensor_parallel}x{fit.pipeline_parallel}x{fit.data_parallel}"
        return Launch(main=Process(name="serve", argv=("engine", preset.name, parallel)), ports={"http": 5000})


def drivers_with(**runtimes: type[Runtime]) -> DriverSet:
    """The provisioners and tuners there are, hf, and ``runtimes`` beside it."""
    return DriverSet.of_classes(
        provisioners={"byo": ByoProvisioner, "karpenter": KarpenterProvisioner, "local": LocalProvisioner},
        runtimes={"hf": HfRuntime, "transformers": HfRuntime, **runtimes},
        tuners={"lora": LoraTuner, "qlora": QloraTuner},
    )


PLAIN = drivers_with()
WITH_ENGINE = drivers_with(vllm=Engine)


def workspace(**parts: Any) -> Workspace:
    document = {
        "apiVersion": "kaito.sh/v1beta1",
        "kind": "Workspace",
        "metadata": {"name": "ws", **parts.pop("metadata", {})},
        "resource": parts.pop("resource", {}),
        **parts,
    }
    return Workspace.model_validate(document)


def required(part: Part | None) -> Part:
    """Return a part of a plan that the test requires to be there."""
    assert part is not None
    return part


def tuning(name: str = "demo", **more: Any) -> dict[str, Any]:
    part = {
        "preset": {"name": name},
        "method": "qlora",
        "input": {"urls": ["file:///data/rows.jsonl"]},
        "output": {"volumeSource": {"hostPath": {"path": "/out"}}},
    }
    return {**part, **more}


def inference(name: str = "demo", **more: Any) -> dict[str, Any]:
    return {"preset": {"name": name}, **more}
