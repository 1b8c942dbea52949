"""The step before the engine that brings a model of the hub, so that its Workspace tells how far the weights are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from llmwright.plugins.weights import FETCH_MODEL, MODEL_VOLUME, weights_of
from llmwright.values.fit import Fit
from llmwright.values.launch import Mount, Process
from llmwright.values.preset import Preset
from llmwright_runtime_vllm.config import EngineConfig
from llmwright_runtime_vllm.engine_weights import WEIGHTS
from llmwright_runtime_vllm.flags import Flags
from llmwright_runtime_vllm.model_facts import is_this_machine

SAFETENSORS = "*.safetensors"
FILES: Mapping[str, str] = {
    **dict.fromkeys(("safetensors", "fastsafetensors", "instanttensor"), SAFETENSORS),
    "mistral": "consolidated*.safetensors",
}
"""The files that the engine fetches, by the format that it loads (vLLM 0.32, ``DefaultModelLoader``). Models of any
other format it fetches by itself."""
IGNORED = "original/**/*"
"""The files that it leaves out unless a flag names others (``--ignore-patterns``)."""
FORMAT = "load-format"
PLACED = frozenset({"download-dir", "revision", "ignore-patterns", "hf-token"})
"""Flags of a user's config by which the engine fetches other files, or to another place. It then does so by itself."""


def fetch_steps(
    preset: Preset, fit: Fit, config: EngineConfig, computed: Flags, *, image: str, module: str, packages: Mount
) -> tuple[Process, ...]:
    """Return the process that fetches, in the engine's own image; none where the engine does it alone.

    On one machine the core fetches, whatever the runtime; for a format of its own the engine says which files.

    Args:
        computed: the flags of the engine, before those of the user's config.
        image: the role of the engine's image.
        module: what it runs, as it is found in ``packages``.
    """
    source, written = weights_of(preset), config.user_flags
    pattern = FILES.get(str(written.get(FORMAT, computed.get("load_format"))))
    if source.revision is None or config.local_weights or PLACED & written.keys() or pattern is None:
        return ()
    model = ("--model", source.model, "--revision", source.revision)
    if is_this_machine(fit):
        return () if pattern == SAFETENSORS else (_here(model, pattern),)
    place = (*model, "--to", f"$(volume.{MODEL_VOLUME})")
    return (
        Process(
            name=FETCH_MODEL,
            image=image,
            argv=("$(python)", "-m", module, *place, "--files", pattern, "--ignore", IGNORED),
            env={"PYTHONPATH": f"$(volume.{packages.volume})"},
            mounts=(WEIGHTS, replace(packages, read_only=True)),
        ),
    )


def _here(model: tuple[str, ...], pattern: str) -> Process:
    """Return the core's process in place of its own, which would bring the files of other loaders."""
    argv = ("$(python)", "-m", "llmwright.artifacts", FETCH_MODEL, *model, "--files", pattern)
    return Process(name=FETCH_MODEL, argv=argv)
