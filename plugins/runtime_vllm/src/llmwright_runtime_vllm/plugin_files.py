"""Our plugin of the engine, laid beside it as files of a volume. The engine's image holds nothing of ours."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files

from llmwright.catalogue.base_layers import base_layers
from llmwright.values.launch import API_KEY, Mount, Process, SecretKey, Volume
from llmwright.values.preset import Preset
from llmwright_runtime_vllm.config import VllmConfig

NAME = "llmwright"
"""The plugin's name in ``VLLM_PLUGINS``."""

KEY = "VLLM_API_KEY"
"""The engine's variable for the key."""

VOLUME = Volume(name="engine-plugin")
MOUNT = Mount(volume=VOLUME.name, path="/opt/llmwright/engine-plugin")
PACKAGE = "llmwright_engine_plugin"
METADATA = f"{PACKAGE}-1.dist-info"
"""The folder by which the engine's Python takes the package for an installed one, with its entry point."""

FETCH_MODULE = f"{PACKAGE}.fetch_model"
"""The module that brings a model of the hub before the engine starts."""

CARRIED = (
    *("catalogue/adapter_rules.py", "catalogue/adapter_fit.py", "values/lora_adapter.py"),
    *("plugins/progress_server.py", "artifacts/transfer_events.py", "artifacts/transfer_rate.py"),
)
"""Modules of the core that travel too, each by its own name: adapters are judged by one set of rules everywhere, and
progress is told in one form. They import each other and the standard library."""
_FROM_CORE = re.compile(r"^from llmwright(?:\.\w+)*\.(\w+) import ", re.MULTILINE)

COPY = 'cd "$1"; shift; while [ $# -gt 0 ]; do mkdir -p "${1%/*}"; printf %s "$2" > "$1"; shift 2; done'
"""Writes files, given as pairs of path and content, below a directory. The shell of any image can do it."""


def copying(image: str) -> Process:
    """Return the process that lays the plugin's files into ``VOLUME``, in the engine's own image."""
    pairs = (part for pair in _contents().items() for part in pair)
    argv = ("/bin/sh", "-ec", COPY, "sh", f"$(volume.{VOLUME.name})", *pairs)
    return Process(name="engine-plugin", image=image, argv=argv, mounts=(MOUNT,))


def environment(preset: Preset, config: VllmConfig, others: Mapping[str, str]) -> dict[str, str | SecretKey]:
    """Return the variables by which the engine loads the plugin, beside those that a preset names in ``others``.

    Where ``VLLM_PLUGINS`` is set the engine loads none but the named, of any kind.
    """
    if not config.engine_plugin:
        return {}
    named = [name for name in others.get("VLLM_PLUGINS", "").split(",") if name]
    plugin = {"PYTHONPATH": f"$(volume.{VOLUME.name})", "VLLM_PLUGINS": ",".join([*named, NAME])}
    return {**plugin, **_adapters(preset, config)}


def _adapters(preset: Preset, config: VllmConfig) -> dict[str, str | SecretKey]:
    """Return the variables by which adapters are loaded while the engine runs: with a key, which must be there."""
    if not config.adapter_directories:
        return {}
    directories = ":".join(config.adapter_directories)
    key = replace(API_KEY, optional=False)
    return {
        "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1",
        "LLMWRIGHT_ADAPTER_DIRECTORIES": directories,
        "LLMWRIGHT_BASE_MODEL": _base(preset),
        KEY: key,
    }


def _base(preset: Preset) -> str:
    """Return what is known of the base's layers, as JSON: the engine's server does not know them itself."""
    base, architecture = base_layers(preset), preset.architecture
    layers = {"layers": architecture.layers} if architecture else {}
    return json.dumps({"sizes": base.sizes, "complete": base.complete, **layers}, separators=(",", ":"))


@cache
def _contents() -> dict[str, str]:
    """Return the plugin's files, by path. They are read once, so that a Launch is made without reading any."""
    folder = files("llmwright_runtime_vllm") / "engine_plugin"
    sources = [each for each in folder.iterdir() if each.name.endswith(".py")]
    sources += [files("llmwright").joinpath(name) for name in CARRIED]
    texts = {source.name: source.read_text(encoding="utf-8") for source in sources}
    return {
        f"{METADATA}/METADATA": f"Metadata-Version: 2.1\nName: {PACKAGE.replace('_', '-')}\nVersion: 1\n",
        f"{METADATA}/entry_points.txt": f"[vllm.endpoint_plugins]\n{NAME} = {PACKAGE}.routes:Routes\n",
        **{f"{PACKAGE}/{name}": _FROM_CORE.sub(r"from .\1 import ", texts[name]) for name in sorted(texts)},
    }
