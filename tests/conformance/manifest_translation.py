"""Our programs' flags, translated into the names that upstream's programs use.

Where our container runs another program than upstream's, the names of its flags are translated before the two are
compared. Values are never changed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

ADAPTERS = "/mnt/adapter"
LOGINS = "/root/.docker"
OWN_LOGINS = "/mnt/docker"
"""The directory of registry logins, upstream's and ours."""
FLAGS: Mapping[str, Mapping[str, str]] = {
    "llmwright_runtime_hf.serve": {
        "model": "pretrained_model_name_or_path",
        "served-model-name": "served_model_name",
        "dtype": "torch_dtype",
        "chat-template": "chat_template",
    },
    "llmwright_tuning_qlora.train": {"nproc-per-node": "num_processes"},
}
"""Program to our flag to upstream's flag."""

SCRIPTS: Mapping[str, Mapping[str, str]] = {
    "llmwright.artifacts pull": {"reference": "img_ref", "to": "vol_dir"},
    "llmwright.artifacts push": {"reference": "img_ref"},
}
"""Program to our flag to the variable of upstream's shell script."""


ENGINE = re.compile(r"\bvllm serve (\S+)")
"""vLLM's own program takes the model as its first argument, KAITO's as a flag."""


def in_upstreams_names(container: Mapping[str, Any]) -> dict[str, Any]:
    """Return a container of ours with upstream's names of flags and variables."""
    result = dict(container)
    flags = dict(result.pop("flags", {}))
    program = str(result.get("program", ""))
    if served := ENGINE.search(program):
        result["program"] = ENGINE.sub("vllm serve", program)
        flags["model"] = served[1]
    for ours, names in FLAGS.items():
        if program.endswith(ours):
            flags = {names.get(name, name): value for name, value in flags.items()}
    for ours, names in SCRIPTS.items():
        if program.endswith(ours):
            result["script"] = {names[name]: flags.pop(name) for name in list(flags) if name in names}
    if "mounts" in result:
        result["mounts"] = {_place(path): mount for path, mount in result["mounts"].items()}
    env = {**result.get("env", {}), **_downloads(program, flags), **_strengths(program, flags)}
    result["env"] = env
    return {**{key: value for key, value in result.items() if value}, **({"flags": flags} if flags else {})}


def _place(path: str) -> str:
    """Return the mount path of logins as upstream has it: those of one use are in a directory below."""
    if path == OWN_LOGINS:
        return LOGINS
    return f"{LOGINS}/config.d/{path.removeprefix(f'{OWN_LOGINS}/')}" if path.startswith(f"{OWN_LOGINS}/") else path


def _downloads(program: str, flags: dict[str, Any]) -> dict[str, Any]:
    if not program.endswith("llmwright.artifacts download"):
        return {}
    urls = flags.pop("url")
    joined = urls if isinstance(urls, str) else " ".join(urls)
    return {"DATA_URLS": {"value": joined}, "DATA_VOLUME_PATH": {"value": flags.pop("to")}}


def _strengths(program: str, flags: dict[str, Any]) -> dict[str, Any]:
    """Return ``--adapter NAME=PATH,strength=S`` as upstream's variable ``NAME``. Another path stays a flag."""
    if not program.endswith("llmwright_runtime_hf.serve") or "adapter" not in flags:
        return {}
    adapters = flags.pop("adapter")
    strengths, strange = {}, []
    for text in [adapters] if isinstance(adapters, str) else adapters:
        name, _, rest = text.partition("=")
        path, _, strength = rest.partition(",strength=")
        if path != f"{ADAPTERS}/{name}":
            strange.append(text)
        if strength:
            strengths[name] = {"value": strength}
    if strange:
        flags["adapter"] = strange
    return strengths
