"""The same fact under the name that our own program has for it.

Where a container of ours runs another program than upstream's, its flags are read back into upstream's words before
they are compared. Only names change here, never values: what differs in value differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ADAPTERS = "/mnt/adapter"
FLAGS: Mapping[str, Mapping[str, str]] = {
    "llmwright_runtime_hf.serve": {
        "model": "pretrained_model_name_or_path",
        "served-model-name": "served_model_name",
        "dtype": "torch_dtype",
        "chat-template": "chat_template",
    },
    "llmwright_tuning_qlora.train": {"nproc-per-node": "num_processes"},
}
"""Program to our flag to upstream's."""

SCRIPTS: Mapping[str, Mapping[str, str]] = {
    "llmwright.artifacts pull": {"reference": "img_ref", "to": "vol_dir"},
    "llmwright.artifacts push": {"reference": "img_ref"},
}
"""Program to our flag to what upstream's shell script works on."""


def in_upstreams_words(container: Mapping[str, Any]) -> dict[str, Any]:
    """A container of ours, with the facts that its own flags state where upstream states them."""
    found = dict(container)
    flags = dict(found.pop("flags", {}))
    program = str(found.get("program", ""))
    for ours, names in FLAGS.items():
        if program.endswith(ours):
            flags = {names.get(name, name): value for name, value in flags.items()}
    for ours, names in SCRIPTS.items():
        if program.endswith(ours):
            found["script"] = {names[name]: flags.pop(name) for name in list(flags) if name in names}
    env = {**found.get("env", {}), **_downloads(program, flags), **_strengths(program, flags)}
    found["env"] = env
    return {**{key: value for key, value in found.items() if value}, **({"flags": flags} if flags else {})}


def _downloads(program: str, flags: dict[str, Any]) -> dict[str, Any]:
    if not program.endswith("llmwright.artifacts download"):
        return {}
    urls = flags.pop("url")
    joined = urls if isinstance(urls, str) else " ".join(urls)
    return {"DATA_URLS": {"value": joined}, "DATA_VOLUME_PATH": {"value": flags.pop("to")}}


def _strengths(program: str, flags: dict[str, Any]) -> dict[str, Any]:
    """``--adapter NAME=PATH,strength=S`` as upstream's variable ``NAME``; the path must be upstream's own."""
    if not program.endswith("llmwright_runtime_hf.serve") or "adapter" not in flags:
        return {}
    given = flags.pop("adapter")
    found, strange = {}, []
    for text in [given] if isinstance(given, str) else given:
        name, _, rest = text.partition("=")
        path, _, strength = rest.partition(",strength=")
        if path != f"{ADAPTERS}/{name}":
            strange.append(text)
        if strength:
            found[name] = {"value": strength}
    if strange:
        flags["adapter"] = strange
    return found
