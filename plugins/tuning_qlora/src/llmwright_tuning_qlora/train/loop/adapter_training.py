"""The part of a run that needs torch: load the model, train the adapter, write the results."""

from __future__ import annotations

import shutil
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import transformers
from transformers.utils import logging as transformers_logging

from llmwright.errors import ConfigError
from llmwright_tuning_qlora.config_sections import CHAT_TEMPLATE, GENERATION_CONFIG
from llmwright_tuning_qlora.train.data.train_eval_split import split_rows
from llmwright_tuning_qlora.train.loop.checkpoint_store import Checkpoint, CheckpointStore
from llmwright_tuning_qlora.train.loop.collator import AnswerCollator, RowSubset
from llmwright_tuning_qlora.train.loop.trainer import AnswerTrainer, build_trainer
from llmwright_tuning_qlora.train.loop.trainer_arguments import trainer_arguments
from llmwright_tuning_qlora.train.loop.training_context import TrainingContext
from llmwright_tuning_qlora.train.model.activation_memory import recomputes_activations
from llmwright_tuning_qlora.train.model.base_model import can_skip_logits, load_base_model
from llmwright_tuning_qlora.train.model.device import Device, compute_dtype, this_device
from llmwright_tuning_qlora.train.model.lora import (
    add_adapter,
    rewrites_base,
    save_for_plain_base,
    save_initial_adapter,
)
from llmwright_tuning_qlora.train.model.metadata import chat_template, public_name
from llmwright_tuning_qlora.train.prepared_data import PreparedData
from llmwright_tuning_qlora.train.progress_reporter import ProgressReporter
from llmwright_tuning_qlora.train.results.generation_config import generation_config
from llmwright_tuning_qlora.train.results.loss_curve import draw_curve
from llmwright_tuning_qlora.train.results.model_card import model_card
from llmwright_tuning_qlora.train.results.results_directory import ResultsDirectory
from llmwright_tuning_qlora.train.results.training_record import RECORD, loss_curve, record_json, training_record
from llmwright_tuning_qlora.train.termination import Termination
from llmwright_tuning_qlora.train.tuning_options import TuningOptions

COPIES = 3
"""A checkpoint needs the size of the adapter three times: the adapter and the optimizer's two moments."""


def train_adapter(
    options: TuningOptions,
    prepared: PreparedData,
    checkpoints: CheckpointStore,
    start: Checkpoint | None,
    progress: ProgressReporter,
    termination: Termination,
) -> None:
    """Train, from the checkpoint ``start`` if there is one, and write the results.

    Raises:
        ConfigError: the model cannot be loaded, or the disk is too small.
        TargetError: training failed.
        SystemExit: SIGTERM came.
    """
    _quiet_libraries()
    context = TrainingContext(
        section=options.config.training,
        shuffle=options.config.dataset.shuffle_dataset,
        checkpoints=checkpoints,
        progress=progress,
        termination=termination,
    )
    device = this_device()
    loaded = _load_model(options, prepared, device)
    _check_disk_space(options.output, loaded.model, checkpoints.keep)
    trainer = _build_trainer(options, prepared, context, loaded, device)
    if start is not None:
        progress.emit("resumed", step=start.step)
    trainer.train(resume_from_checkpoint=str(start.path) if start else None)
    # Training is over, so no step comes that could notice a SIGTERM: it must end the process at once again.
    termination.graceful = False
    if trainer.is_world_process_zero():
        progress.emit("saving", directory=str(options.output))
        _write_results(options, prepared, context, loaded, trainer)
        progress.emit("done", message=f"adapter in {options.output}")


@dataclass(frozen=True, slots=True)
class _LoadedModel:
    """The model with its adapter. ``recompute``: activations are computed again in the backward pass.

    ``initial_adapter`` is the untrained adapter on disk where its initialisation rewrote the base's weights.
    """

    model: Any
    initial_adapter: Path | None
    recompute: bool
    can_skip_logits: bool


def _quiet_libraries() -> None:
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    # peft calls transformers by an old name. The user can do nothing about that.
    warnings.filterwarnings("ignore", message=".*gradient_checkpointing.*is deprecated", category=FutureWarning)


def _load_model(options: TuningOptions, prepared: PreparedData, device: Device) -> _LoadedModel:
    # The seed before the adapter: its weights are random, and the same run must start with the same ones.
    transformers.set_seed(options.config.training.seed)
    base = load_base_model(options, device)
    recompute = recomputes_activations(options.config.training, base, device, prepared.dataset.summary.longest)
    model = add_adapter(base, options, checkpointing=recompute)
    adapter = model.peft_config["default"]
    adapter.base_model_name_or_path = public_name(options.model, options.base_name, options.preset_name)
    adapter.revision = options.revision if options.base_name else None
    initial = save_initial_adapter(model, options) if rewrites_base(options.config.lora) else None
    return _LoadedModel(model, initial, recompute, can_skip_logits(base))


def _build_trainer(
    options: TuningOptions, prepared: PreparedData, context: TrainingContext, loaded: _LoadedModel, device: Device
) -> AnswerTrainer:
    config = options.config
    section = config.dataset
    rows = prepared.dataset.rows
    train, evaluation = split_rows(
        len(rows), section.train_test_split, shuffle=section.shuffle_dataset, seed=section.shuffle_seed
    )
    arguments = trainer_arguments(
        config.training,
        device,
        compute_dtype(device, config.model.torch_dtype),
        context.checkpoints.root,
        rows=len(train),
        evaluates=bool(evaluation),
        recompute=loaded.recompute,
    )
    collator = AnswerCollator(
        prepared.pad_token,
        multiple=config.collator.pad_to_multiple_of or (8 if device.is_gpu else 1),
        keep_logits=loaded.can_skip_logits,
    )
    held_out = RowSubset(rows, evaluation) if evaluation else None
    return build_trainer(context, loaded.model, arguments, RowSubset(rows, train), held_out, collator)


def _check_disk_space(output: Path, model: Any, keep: int) -> None:
    trained = sum(p.numel() * p.element_size() for p in model.parameters() if p.requires_grad)
    # One checkpoint more than ``keep``: the oldest is removed only after the new one is complete.
    needed = trained * (COPIES * (keep + 1) + 1)
    free = shutil.disk_usage(output).free
    if needed > free:
        sizes = f"{needed / 2**20:.0f} MiB are needed for checkpoints and adapter, {free / 2**20:.0f} MiB are free"
        raise ConfigError(f"no disk space left for {output}: {sizes}", hint="name another output", reason="NoDiskSpace")


def _write_results(
    options: TuningOptions,
    prepared: PreparedData,
    context: TrainingContext,
    loaded: _LoadedModel,
    trainer: AnswerTrainer,
) -> None:
    record = training_record(
        options,
        prepared,
        fingerprint=context.checkpoints.fingerprint,
        history=trainer.state.log_history,
        steps=trainer.state.global_step,
        throughput=context.throughput,
        recompute=loaded.recompute,
    )
    title = f"{record['preset'] or record['base_model']} · {options.method}"

    def fill(directory: Path) -> None:
        if loaded.initial_adapter is None:
            trainer.save_model(str(directory))
        else:
            save_for_plain_base(trainer.unwrapped_model, directory, loaded.initial_adapter)
        if options.config.model.chat_template:
            (directory / CHAT_TEMPLATE).write_text(chat_template(options.config.model), encoding="utf-8")
        ends = generation_config(loaded.model.get_base_model(), prepared.dataset.end_tokens)
        (directory / GENERATION_CONFIG).write_text(ends, encoding="utf-8")
        (directory / "README.md").write_text(model_card(record), encoding="utf-8")
        (directory / RECORD).write_text(record_json(record), encoding="utf-8")
        draw_curve(loss_curve(trainer.state.log_history), title, directory / "loss.png")

    results = ResultsDirectory(options.output)
    results.write(fill)
    # The sentinel after all files: readers that wait for it must find the others complete.
    results.finish(datetime.now(UTC))
    if loaded.initial_adapter is not None:
        shutil.rmtree(loaded.initial_adapter.parent, ignore_errors=True)
    # The checkpoints last: a kill before the sentinel must find one to go on from.
    context.checkpoints.remove_all()
