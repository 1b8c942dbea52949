"""The shapes in which a driver meets presets and machines: where weights lie, what is known of them, where they run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from llmwright.plugins.drivers import Capabilities, Runtime
from llmwright.testing.presets import make_instance_type
from llmwright.values.fit import Fit
from llmwright.values.preset import Preset

REVISION = "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00"
"""The commit that the presets from a hub are pinned to."""

REGISTRY = "registry.example/acme/tiny:v1"
"""The image that holds the weights of the presets from a registry."""

GIB = 2**30


def hub_preset(preset: Preset) -> Preset:
    """``preset`` with weights on a model hub, pinned to ``REVISION``."""
    return replace(preset, source="hf://acme/tiny", revision=REVISION)


def registry_preset(preset: Preset) -> Preset:
    """``preset`` with weights in an OCI registry, as the image ``REGISTRY``."""
    return replace(preset, source=f"oci://{REGISTRY}", revision="main")


def preset_shapes(preset: Preset) -> dict[str, Preset]:
    """Return ``preset`` as a driver may meet it, by what is special about it."""
    hub = hub_preset(preset)
    return {
        "the preset as it is": preset,
        "weights on a hub at a pinned revision": hub,
        "weights in a registry": registry_preset(preset),
        "weights in a directory": replace(preset, source="file:///models/tiny"),
        "an architecture that nobody knows": replace(hub, architecture=None),
        "no LoRA targets": replace(hub, lora_targets=()),
        "a name with dots and digits": replace(hub, name="acme-1.5b-instruct"),
    }


def fit_shapes(capabilities: Capabilities | None, fit: Fit) -> dict[str, Fit]:
    """Return Fits on the kinds of machines that ``capabilities`` has, by what is special about them.

    A tuner has no capabilities: it is asked for a processor and for GPUs.
    """
    cpu, gpu = (capabilities.cpu, capabilities.gpu) if capabilities else (True, True)
    shapes = {"the machine as it is": fit}
    if cpu:
        shapes["a machine without GPUs"] = replace(fit, gpus=0, nodes=1, tensor_parallel=1, pipeline_parallel=1)
    if gpu:
        shapes["a machine with one GPU"] = gpu_fit(fit, 1)
        shapes["a machine with four GPUs"] = gpu_fit(fit, 4)
        four = gpu_fit(fit, 4)
        shapes["a machine with four GPUs in two stages"] = replace(four, tensor_parallel=2, pipeline_parallel=2)
    for name in sorted(capabilities.quantizations) if capabilities else ():
        shapes[f"weights quantised as {name}"] = replace(fit, quantization=name)
    return shapes


def gpu_fit(fit: Fit, gpus: int, *, nodes: int = 1) -> Fit:
    """``fit`` on ``nodes`` machines of ``gpus`` GPUs each, tensor parallel inside of one."""
    machine = make_instance_type(
        name=f"acme-{gpus}", cloud="acme", cpus=24, memory_bytes=256 * GIB, gpus=gpus, gpu_memory_bytes=80 * GIB,
        gpu_model="NVIDIA A100", compute_capability=(8, 0),
    )  # fmt: skip
    return replace(
        fit,
        instance_type=machine,
        nodes=nodes,
        gpus=gpus,
        dtype="bfloat16",
        tensor_parallel=gpus,
        pipeline_parallel=nodes,
        budget_bytes=72 * GIB,
    )


def served_shapes(driver: Runtime, preset: Preset, fit: Fit) -> Iterator[tuple[str, Preset, Fit]]:
    """Yield every shape of preset and machine that ``driver`` does not refuse, with its words."""
    for about, each in preset_shapes(preset).items():
        for where, machine in fit_shapes(driver.capabilities, fit).items():
            if driver.refuses(each, machine) is None:
                yield f"{about}, {where}", each, machine
