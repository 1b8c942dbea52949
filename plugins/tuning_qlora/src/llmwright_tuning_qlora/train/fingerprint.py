"""The fingerprint of a run: it is the same for the same data, model and configuration, and for nothing else."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any

from llmwright_tuning_qlora.train.model.metadata import chat_template, model_identity
from llmwright_tuning_qlora.train.prepared_data import PreparedData
from llmwright_tuning_qlora.train.tuning_options import TuningOptions

WITHOUT_EFFECT = {
    "TrainingArguments": {
        "output_dir", "resume", "checkpoint_seconds", "save_strategy", "save_steps", "save_total_limit",
        "gradient_checkpointing", "logging_steps", "dataloader_num_workers", "per_device_eval_batch_size",
    },
    "ModelConfig": {"cache_dir", "local_files_only", "force_download"},
}  # fmt: skip
"""Keys that change how a run proceeds, but not the adapter."""


def run_fingerprint(options: TuningOptions, prepared: PreparedData) -> str:
    """Return a SHA-256 of all that decides the result. A checkpoint with another one belongs to another run."""
    config = options.config.model_dump(by_alias=True, mode="json")
    parts = {
        "method": options.method,
        "config": {name: _keys_with_effect(name, values) for name, values in config.items()},
        "model": model_identity(options.model, options.revision),
        "data": prepared.data_digest,
        "chat_template": chat_template(options.config.model),
        "limit": prepared.max_tokens,
        "target_modules": options.target_modules,
        # The number of processes changes the batches, and with them the order of rows.
        "processes": os.environ.get("WORLD_SIZE", "1"),
    }
    return "sha256:" + hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _keys_with_effect(section: str, values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in WITHOUT_EFFECT.get(section, ())}
