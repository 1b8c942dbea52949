"""A model's directory of two shards, without the libraries that make real ones."""

from __future__ import annotations

import json
import random
from pathlib import Path

from llmwright.plugins.adapter_files import safetensors

SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "dtype": "bfloat16",
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_attention_heads": 4,
    "num_hidden_layers": 3,
    "max_position_embeddings": 256,
    "vocab_size": 100,
}
PACKED = (
    "LICENSE",
    "README.md",
    "additional_chat_templates/rag.jinja",
    "config.json",
    *SHARDS,
    "model.safetensors.index.json",
    "tokenizer.json",
)
"""The files that the image has; the others are none of a model that is loaded."""


def write_model(directory: Path, licence: str = "apache-2.0", shard_bytes: int = 300_000) -> Path:
    """Write the model, and beside it what no image is to have."""
    directory.mkdir(parents=True)
    (directory / "config.json").write_text(json.dumps(CONFIG))
    (directory / "tokenizer.json").write_text('{"version": "1.0"}')
    (directory / "LICENSE").write_text("do as you like")
    (directory / "README.md").write_text(f"---\nlicense: {licence}\n---\n# A model\n" if licence else "# A model\n")
    (directory / "additional_chat_templates").mkdir()
    (directory / "additional_chat_templates/rag.jinja").write_text("{{ messages }}")
    for seed, name in enumerate(SHARDS):
        noise = random.Random(seed).randbytes(shard_bytes)
        (directory / name).write_bytes(safetensors({f"w{seed}": ("U8", (shard_bytes,), noise)}))
    index = {"metadata": {"total_size": 2 * shard_bytes}, "weight_map": dict(zip(("w0", "w1"), SHARDS, strict=True))}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index))
    for name in ("pytorch_model.bin", "consolidated.safetensors", ".gitattributes"):
        (directory / name).write_bytes(b"not packed")
    return directory


def same_model(pulled: Path, model: Path) -> bool:
    """Whether ``pulled`` has the packed files, and nothing else but its hidden note."""
    files = sorted(path.relative_to(pulled).as_posix() for path in pulled.rglob("*") if path.is_file())
    assert [name for name in files if not name.startswith(".")] == list(PACKED)
    return all((pulled / name).read_bytes() == (model / name).read_bytes() for name in PACKED)
