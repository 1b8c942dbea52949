"""What the driver makes of a preset, for tests."""

from __future__ import annotations

from typing import Any

from llmwright.testing.presets import make_preset
from llmwright.values.fit import Fit
from llmwright.values.instance_type import InstanceType
from llmwright.values.launch import Launch
from llmwright_runtime_vllm.driver import VllmRuntime

GIB = 1024**3
A100 = InstanceType(name="a100", cloud="azure", gpus=1, gpu_model="NVIDIA A100", gpu_memory_bytes=80 * GIB)
FIT = Fit(instance_type=A100, gpus=1, dtype="bfloat16")
PRESET = make_preset(source="hf://acme/Tiny", revision="abc", distributable=True)


def launched(runtime: VllmRuntime, fit: Fit = FIT, files: dict[str, str] | None = None, **given: Any) -> Launch:
    preset = given.pop("preset", PRESET)
    config = runtime.configure(given.pop("options", {}), files or {})
    return runtime.launch(preset, fit, given.pop("adapters", ()), config)


def flags(launch: Launch) -> dict[str, str | None]:
    found = (part[2:].partition("=") for part in launch.main.argv if part.startswith("--"))
    return {name: value if equals else None for name, equals, value in found}


def engine_argv(runtime: VllmRuntime, text: str, **given: Any) -> list[str]:
    return list(launched(runtime, files={"inference_config.yaml": f"vllm: {text}"}, **given).main.argv)
