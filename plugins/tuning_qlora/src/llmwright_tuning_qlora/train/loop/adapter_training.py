"""The part of a run that needs torch: model, training, results."""

from __future__ import annotations

import json
import math
import resource
import shutil
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import transformers
from transformers.utils import logging as transformers_logging

from llmwright.errors import ConfigError
from llmwright_tuning_qlora.train.data.token_rows import split
from llmwright_tuning_qlora.train.fingerprint import Prepared
from llmwright_tuning_qlora.train.loop.checkpoint_store import Checkpoint, CheckpointStore
from llmwright_tuning_qlora.train.loop.collator import Collator, RowSet
from llmwright_tuning_qlora.train.loop.trainer import AnswerTrainer, Run, arguments_for, build
from llmwright_tuning_qlora.train.model.base_weights import add_adapter, keeps_logits, load_base, wants_recompute
from llmwright_tuning_qlora.train.model.device import Device, compute_dtype, this_device
from llmwright_tuning_qlora.train.model.metadata import public_name
from llmwright_tuning_qlora.train.progress_reporter import Reporter
from llmwright_tuning_qlora.train.results.loss_curve import Curve, draw
from llmwright_tuning_qlora.train.results.results_directory import RECORD, Results, model_card
from llmwright_tuning_qlora.train.termination import Stop
from llmwright_tuning_qlora.train.tuning_options import Options

VERSIONS = ("llmwright-tuning-qlora", "torch", "transformers", "peft", "accelerate", "bitsandbytes")
COPIES = 3
"""An adapter and the optimizer's two moments are of the same size."""


def tune(
    options: Options,
    prepared: Prepared,
    store: CheckpointStore,
    start: Checkpoint | None,
    told: Reporter,
    stop: Stop,
) -> None:
    """Train and write the results.

    Raises:
        ConfigError: the model cannot be loaded, or the disk is too small.
        TargetError: training failed.
        SystemExit: SIGTERM came.
    """
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    # peft still asks transformers by the old name; that is between the two.
    warnings.filterwarnings("ignore", message=".*gradient_checkpointing.*is deprecated", category=FutureWarning)
    run = Run(
        section=options.config.training,
        shuffle=options.config.dataset.shuffle_dataset,
        store=store,
        reporter=told,
        stop=stop,
    )
    device = this_device()
    loaded = _load(options, prepared, device)
    _check_room(options.output, loaded.model, store.keep)
    trainer = _trainer(options, prepared, run, loaded, device)
    if start is not None:
        told.tell("resumed", step=start.step)
    trainer.train(resume_from_checkpoint=str(start.path) if start else None)
    stop.gentle = False
    if trainer.is_world_process_zero():
        told.tell("saving", directory=str(options.output))
        _save(options, prepared, run, loaded, trainer)
        told.tell("done", message=f"adapter in {options.output}")


@dataclass(frozen=True, slots=True)
class Loaded:
    """The model with its adapter; whether it computes activations again, and logits for chosen positions only."""

    model: Any
    recompute: bool
    keeps_logits: bool


def _load(options: Options, prepared: Prepared, device: Device) -> Loaded:
    transformers.set_seed(options.config.training.seed)
    base = load_base(options, device)
    again = wants_recompute(options, base, device, prepared.checked.summary.longest)
    model = add_adapter(base, options, checkpointing=again)
    adapter = model.peft_config["default"]
    adapter.base_model_name_or_path = public_name(options.model, options.base_name, options.preset_name)
    return Loaded(model, again, keeps_logits(base))


def _trainer(options: Options, prepared: Prepared, run: Run, loaded: Loaded, device: Device) -> AnswerTrainer:
    config = options.config
    dataset = config.dataset
    share = dataset.train_test_split
    rows = prepared.checked.rows
    train, evaluation = split(len(rows), share, shuffle=dataset.shuffle_dataset, seed=dataset.shuffle_seed)
    arguments = arguments_for(
        config.training,
        device,
        compute_dtype(device, config.model.torch_dtype),
        run.store.root,
        rows=len(train),
        evaluates=bool(evaluation),
        recompute=loaded.recompute,
    )
    collator = Collator(
        prepared.pad,
        multiple=config.collator.pad_to_multiple_of or (8 if device.is_gpu else 1),
        keep_logits=loaded.keeps_logits,
    )
    held_out = RowSet(rows, evaluation) if evaluation else None
    return build(run, loaded.model, arguments, RowSet(rows, train), held_out, collator)


def _check_room(output: Path, model: Any, keep: int) -> None:
    trained = sum(p.numel() * p.element_size() for p in model.parameters() if p.requires_grad)
    needed = trained * (COPIES * (keep + 1) + 1)
    free = shutil.disk_usage(output).free
    if needed > free:
        sizes = f"{needed / 2**20:.0f} MiB are needed for checkpoints and adapter, {free / 2**20:.0f} MiB are free"
        raise ConfigError(f"no disk space left for {output}: {sizes}", hint="name another output", reason="NoDiskSpace")


def _save(options: Options, prepared: Prepared, run: Run, loaded: Loaded, trainer: AnswerTrainer) -> None:
    results = Results(options.output)
    record = {**_record(options, prepared, run, trainer), "gradient_checkpointing": loaded.recompute}
    title = f"{record['preset'] or record['base_model']} · {options.method}"

    def fill(directory: Path) -> None:
        trainer.save_model(str(directory))
        (directory / "README.md").write_text(model_card(record), encoding="utf-8")
        (directory / RECORD).write_text(_json(record), encoding="utf-8")
        draw(_curve(trainer), title, directory / "loss.png")

    results.write(fill)
    results.finish(datetime.now(UTC))
    run.store.remove_all()


def _json(record: dict[str, Any]) -> str:
    return json.dumps(record, indent=2, ensure_ascii=False) + "\n"


def _curve(trainer: AnswerTrainer) -> Curve:
    history = trainer.state.log_history
    training = tuple((int(entry["step"]), entry["loss"]) for entry in history if "loss" in entry)
    evaluation = tuple((int(entry["step"]), entry["eval_loss"]) for entry in history if "eval_loss" in entry)
    return Curve(training, evaluation)


def _record(options: Options, prepared: Prepared, run: Run, trainer: AnswerTrainer) -> dict[str, Any]:
    curve = _curve(trainer)
    return {
        "method": options.method,
        "preset": options.preset_name,
        "base_model": public_name(options.model, options.base_name, options.preset_name),
        "revision": options.revision,
        "config": options.config.model_dump(by_alias=True, mode="json"),
        "fingerprint": run.store.fingerprint,
        "data": {"name": prepared.data_name, "digest": prepared.data_digest},
        "rows": prepared.checked.summary.rows,
        "longest_row_tokens": prepared.checked.summary.longest,
        "steps": trainer.state.global_step,
        "final_loss": curve.training[-1][1] if curve.training else math.nan,
        "eval_loss": curve.evaluation[-1][1] if curve.evaluation else None,
        "losses": [list(point) for point in curve.training],
        "eval_losses": [list(point) for point in curve.evaluation],
        "tokens_per_second": round(run.meter.tokens_per_second, 1),
        "train_seconds": round(run.meter.seconds, 3),
        "train_cpu_seconds": round(run.meter.cpu, 3),
        "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "versions": {name: version(name) for name in VERSIONS},
    }
