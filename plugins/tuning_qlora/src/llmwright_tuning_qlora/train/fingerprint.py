"""What is done before torch is loaded: the data set read and checked, the run's fingerprint taken."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from typing import Any

from llmwright_tuning_qlora.train.data.data_file import find
from llmwright_tuning_qlora.train.data.dataset import Checked, check
from llmwright_tuning_qlora.train.data.tokenization import Encoder
from llmwright_tuning_qlora.train.model.metadata import config_of, context_length, identity, tokenizer_of
from llmwright_tuning_qlora.train.tuning_options import Options

WITHOUT_EFFECT = {
    "TrainingArguments": {
        "output_dir", "resume", "checkpoint_seconds", "save_strategy", "save_steps", "save_total_limit",
        "gradient_checkpointing", "logging_steps", "dataloader_num_workers", "per_device_eval_batch_size",
    },
    "ModelConfig": {"cache_dir", "local_files_only", "force_download"},
}  # fmt: skip
"""Keys that change how a run goes and not what comes of it."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything known before the model is loaded. ``limit`` is the longest row allowed, in tokens."""

    checked: Checked
    limit: int
    pad: int
    data_digest: str
    data_name: str


def prepare(options: Options) -> Prepared:
    """Read and check the data set.

    Raises:
        ConfigError: data set or model cannot be used.
    """
    wanted = options.config.dataset
    file = find(options.data, wanted.dataset_extension)
    config = config_of(options.model, options.revision, options.config.model)
    tokenizer = tokenizer_of(options.model, options.revision, options.config.model)
    longest = options.config.training.max_length
    limit = context_length(config, tokenizer.model_max_length, options.context, longest)
    checked = check(file, Encoder(tokenizer), wanted, limit)
    return Prepared(checked, limit, _pad(tokenizer), file.digest(), file.path.name)


def fingerprint(options: Options, prepared: Prepared) -> str:
    """SHA-256 of all that decides the result; a checkpoint of another fingerprint is of another run."""
    config = options.config.model_dump(by_alias=True, mode="json")
    decisive = {name: _decisive(name, values) for name, values in config.items()}
    parts = {
        "method": options.method,
        "config": decisive,
        "model": identity(options.model, options.revision),
        "data": prepared.data_digest,
        "limit": prepared.limit,
        "target_modules": options.target_modules,
        "processes": os.environ.get("WORLD_SIZE", "1"),
    }
    return "sha256:" + hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _decisive(section: str, values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in WITHOUT_EFFECT.get(section, ())}


def _pad(tokenizer: Any) -> int:
    # Padding is masked, so any token will do where the tokenizer has none.
    known = (tokenizer.pad_token_id, tokenizer.eos_token_id, 0)
    return next(int(token) for token in known if token is not None)
