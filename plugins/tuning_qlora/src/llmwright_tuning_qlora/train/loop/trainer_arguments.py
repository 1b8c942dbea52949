"""From ``TrainingArguments`` of the training config to those of transformers."""

from __future__ import annotations

import math
from dataclasses import fields
from pathlib import Path
from typing import Any

from transformers import TrainingArguments

from llmwright_tuning_qlora.config_sections import TrainingSection
from llmwright_tuning_qlora.train.model.device import Device

LOGGED_STEPS = 2000
"""At most about this many losses are logged, so that the record and the curve of a long run stay small."""

UNCHANGED = (
    "num_train_epochs", "max_steps", "per_device_train_batch_size", "per_device_eval_batch_size",
    "gradient_accumulation_steps", "learning_rate", "lr_scheduler_type", "lr_scheduler_kwargs", "optim", "optim_args",
    "weight_decay", "adam_beta1", "adam_beta2", "adam_epsilon", "max_grad_norm", "neftune_noise_alpha", "tf32", "seed",
    "data_seed", "ddp_find_unused_parameters", "dataloader_num_workers", "save_strategy", "save_steps",
)  # fmt: skip
"""Keys that transformers gets with the name and value of the training config."""


def trainer_arguments(
    section: TrainingSection,
    device: Device,
    number_format: str,
    directory: Path,
    *,
    rows: int,
    evaluates: bool,
    recompute: bool,
) -> TrainingArguments:
    """Return transformers' arguments for training on ``rows`` rows, with checkpoints in ``directory``.

    ``number_format`` is that of computations. ``recompute`` computes activations again in the backward pass.
    """
    steps = section.max_steps if section.max_steps > 0 else _steps(section, rows)
    return TrainingArguments(
        output_dir=str(directory),
        warmup_steps=section.warmup_ratio if section.warmup_ratio else section.warmup_steps,
        logging_steps=section.logging_steps or max(1, steps // LOGGED_STEPS),
        # With the filter transformers hides a loss that is not a number, and a broken run looks like a good one.
        logging_nan_inf_filter=False,
        eval_strategy=(section.eval_strategy or "epoch") if evaluates else "no",
        eval_steps=section.eval_steps,
        prediction_loss_only=True,
        use_cpu=not device.is_gpu,
        dataloader_pin_memory=device.is_gpu,
        remove_unused_columns=False,
        disable_tqdm=True,
        report_to="none",
        **{
            **_values(section, UNCHANGED),
            **_half_precision(section, device, number_format),
            **(_recompute() if recompute else {}),
        },
    )


def _values(section: TrainingSection, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name in names if (value := getattr(section, name)) is not None}


def _half_precision(section: TrainingSection, device: Device, number_format: str) -> dict[str, Any]:
    if not device.is_gpu:
        return {}
    return {
        "bf16": number_format == "bfloat16",
        "fp16": number_format == "float16",
        **_values(section, ("bf16", "fp16")),
    }


def _recompute() -> dict[str, Any]:
    # transformers 5.2x renames the argument; older ones know only the old name.
    known = {argument.name for argument in fields(TrainingArguments)}
    name = "activation_checkpointing" if "activation_checkpointing" in known else "gradient_checkpointing"
    return {name: True, f"{name}_kwargs": {"use_reentrant": False}}


def _steps(section: TrainingSection, rows: int) -> int:
    batches = math.ceil(rows / section.per_device_train_batch_size)
    return math.ceil(math.ceil(batches / section.gradient_accumulation_steps) * section.num_train_epochs)
