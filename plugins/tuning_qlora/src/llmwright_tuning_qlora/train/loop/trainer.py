"""Training with transformers' Trainer: loss on answers only, order by epoch, checkpoints that survive a kill."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, cast

import torch
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from llmwright.errors import TargetError
from llmwright_tuning_qlora.config_sections import TrainingSection
from llmwright_tuning_qlora.train.loop.checkpoint_store import Cadence, CheckpointStore
from llmwright_tuning_qlora.train.loop.collator import Collator, RowSet, answer_loss
from llmwright_tuning_qlora.train.loop.sampler import EpochSampler
from llmwright_tuning_qlora.train.model.device import Device
from llmwright_tuning_qlora.train.progress_reporter import Reporter
from llmwright_tuning_qlora.train.termination import TERMINATED, Stop

LOGGED_STEPS = 2000
PASSED_ON = (
    "num_train_epochs", "max_steps", "per_device_train_batch_size", "per_device_eval_batch_size",
    "gradient_accumulation_steps", "learning_rate", "lr_scheduler_type", "lr_scheduler_kwargs", "optim", "optim_args",
    "weight_decay", "adam_beta1", "adam_beta2", "adam_epsilon", "max_grad_norm", "neftune_noise_alpha", "tf32", "seed",
    "data_seed", "ddp_find_unused_parameters", "dataloader_num_workers", "save_strategy", "save_steps",
)  # fmt: skip


@dataclass(slots=True)
class Meter:
    """Tokens (padding not counted) and seconds of this process's training; ``cpu`` is CPU seconds, of all threads."""

    began: float = 0.0
    ended: float = 0.0
    first_step: int = 0
    cpu: float = 0.0
    tokens: torch.Tensor | int = 0

    @property
    def seconds(self) -> float:
        """How long training has gone on."""
        return max(1e-9, (self.ended or time.monotonic()) - self.began)

    @property
    def tokens_per_second(self) -> float:
        """Tokens of rows, padding not counted, per second."""
        return float(self.tokens) / self.seconds

    def seconds_left(self, step: int, steps: int) -> float:
        """At the pace so far; 0 before the first step."""
        done = step - self.first_step
        return self.seconds / done * (steps - step) if done else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a trainer needs besides model and rows."""

    section: TrainingSection
    shuffle: bool
    store: CheckpointStore
    reporter: Reporter
    stop: Stop
    meter: Meter = field(default_factory=Meter)


class AnswerTrainer(Trainer):  # type: ignore[misc, unused-ignore]
    """A Trainer of adapters on ``RowSet`` rows."""

    def __init__(self, run: Run, **arguments: Any) -> None:
        self._run = run
        self._sampler: EpochSampler | None = None
        super().__init__(**arguments)
        # The loss below is divided by the tokens of the whole step, which Trainer counts for such models only.
        self.model_accepts_loss_kwargs = True
        self.remove_callback(PrinterCallback)
        self.add_callback(Conductor(run, self))

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """The mean loss on answers; see ``answer_loss``."""
        labels = inputs["labels"]
        given = {key: value for key, value in inputs.items() if key != "labels"}
        outputs = model(**given, use_cache=False)
        smooth = self._run.section.label_smoothing_factor
        loss = answer_loss(outputs.logits, labels, given.get("logits_to_keep"), num_items_in_batch, smooth)
        if model.training:
            self._run.meter.tokens += inputs["attention_mask"].sum()
        if num_items_in_batch is not None:
            # As Trainer does: gradients are averaged over processes, while the count is of all of them.
            loss = loss * self.accelerator.num_processes
        return (loss, outputs) if return_outputs else loss

    def floating_point_ops(self, inputs: Any) -> int:
        """0: the count is not used, and counting walks through all weights at each step."""
        return 0

    def set_epoch(self, epoch: int) -> None:
        """Tell the sampler, which the loader of a resumed epoch no longer reaches."""
        if self._sampler is not None:
            self._sampler.set_epoch(epoch)

    def _get_train_sampler(self, train_dataset: Any = None) -> EpochSampler:
        rows: RowSet = cast("RowSet", self.train_dataset)
        section, args = self._run.section, self.args
        seed = args.seed if args.data_seed is None else args.data_seed
        options = {"shuffle": self._run.shuffle, "group": section.group_by_length}
        self._sampler = EpochSampler(rows.lengths, self._train_batch_size, seed, **options)
        return self._sampler

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """The adapter alone; embeddings are never part of it, and asking a hub about them is none of its business."""
        if self.args.should_save and output_dir is not None:
            self.accelerator.unwrap_model(self.model).save_pretrained(output_dir, save_embedding_layers=False)

    def _get_output_dir(self, trial: Any) -> str:
        return str(self._run.store.staging)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        self.accelerator.wait_for_everyone()
        if self.args.should_save:
            self._run.store.commit(self.state.global_step)


class Conductor(TrainerCallback):
    """Tells progress, asks for checkpoints, and ends the run when told to."""

    def __init__(self, run: Run, trainer: AnswerTrainer) -> None:
        self._run = run
        self._trainer = trainer
        self._loss = math.nan
        self._cadence = Cadence(run.section.checkpoint_seconds, time.monotonic())
        self._asked = 0.0

    def on_train_begin(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Start the clocks."""
        self._run.meter.began = self._cadence.started = time.monotonic()
        self._run.meter.cpu = -time.process_time()
        self._run.meter.first_step = state.global_step
        self._run.stop.gentle = True
        self._run.reporter.tell("training", step=state.global_step, steps=state.max_steps)

    def on_epoch_begin(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Set the order of the epoch."""
        self._trainer.set_epoch(int(state.epoch or 0))

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Ask for a checkpoint where one is due, or where the run is to end."""
        self._asked = time.monotonic()
        last = state.global_step >= state.max_steps
        if self._run.stop.requested and not self._saves():
            raise SystemExit(TERMINATED)
        if not last and (self._run.stop.requested or self._due()):
            control.should_save = True
        # The sum of losses since the last log is no part of a checkpoint, so one is logged with each.
        control.should_log = control.should_log or control.should_save or last
        if not control.should_log and not math.isnan(self._loss):
            self._tell(state, last=last)

    def on_save(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Note what it cost; end if that is why it was written."""
        self._cadence.written(self._asked, time.monotonic())
        if self._run.stop.requested:
            raise SystemExit(TERMINATED)

    def on_log(
        self, args: Any, state: TrainerState, control: TrainerControl, logs: dict[str, float] | None = None, **_: Any
    ) -> None:
        """Tell the step, or an evaluation's loss.

        Raises:
            TargetError: the loss is not a number any more.
        """
        if logs and "loss" in logs:
            self._loss = logs["loss"]
            if not math.isfinite(self._loss):
                hint = "lower learning_rate, or use float32"
                message = f"the loss is not a number at step {state.global_step}"
                raise TargetError(message, hint=hint, reason="TrainingDiverged")
            self._tell(state, last=state.global_step >= state.max_steps)
        elif logs and "eval_loss" in logs:
            self._run.reporter.tell("evaluated", step=state.global_step, eval_loss=logs["eval_loss"])

    def on_train_end(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Stop the clock."""
        self._run.meter.ended = time.monotonic()
        self._run.meter.cpu += time.process_time()

    def _saves(self) -> bool:
        return self._run.section.checkpoint_seconds != 0

    def _due(self) -> bool:
        alone = self._trainer.accelerator.num_processes == 1
        return alone and self._run.section.save_strategy == "no" and self._cadence.due(time.monotonic())

    def _tell(self, state: TrainerState, *, last: bool) -> None:
        if not state.is_world_process_zero or not self._run.reporter.step_due(last=last):
            return
        meter = self._run.meter
        self._run.reporter.tell(
            "step",
            step=state.global_step,
            steps=state.max_steps,
            loss=round(self._loss, 6),
            tokens_per_second=round(meter.tokens_per_second, 1),
            seconds_left=round(meter.seconds_left(state.global_step, state.max_steps), 1),
            epoch=round(state.epoch or 0.0, 3),
        )


def arguments_for(
    section: TrainingSection,
    device: Device,
    number: str,
    directory: Path,
    *,
    rows: int,
    evaluates: bool,
    recompute: bool,
) -> TrainingArguments:
    """transformers' arguments; ``number`` is the format of computations, ``rows`` how many are trained on."""
    given = {name: value for name in PASSED_ON if (value := getattr(section, name)) is not None}
    steps = section.max_steps if section.max_steps > 0 else _steps(section, rows)
    half = {"bf16": number == "bfloat16", "fp16": number == "float16"} if device.is_gpu else {}
    said = {name: value for name in ("bf16", "fp16") if (value := getattr(section, name)) is not None and device.is_gpu}
    return TrainingArguments(
        output_dir=str(directory),
        warmup_steps=section.warmup_ratio if section.warmup_ratio else section.warmup_steps,
        logging_steps=section.logging_steps or max(1, steps // LOGGED_STEPS),
        logging_nan_inf_filter=False,
        eval_strategy=(section.eval_strategy or "epoch") if evaluates else "no",
        eval_steps=section.eval_steps,
        prediction_loss_only=True,
        use_cpu=not device.is_gpu,
        dataloader_pin_memory=device.is_gpu,
        remove_unused_columns=False,
        disable_tqdm=True,
        report_to="none",
        **{**given, **half, **said, **(_recompute() if recompute else {})},
    )


def _recompute() -> dict[str, Any]:
    # transformers 5.2x renames the argument; older ones know only the old name.
    known = {argument.name for argument in fields(TrainingArguments)}
    name = "activation_checkpointing" if "activation_checkpointing" in known else "gradient_checkpointing"
    return {name: True, f"{name}_kwargs": {"use_reentrant": False}}


def _steps(section: TrainingSection, rows: int) -> int:
    batches = math.ceil(rows / section.per_device_train_batch_size)
    return math.ceil(math.ceil(batches / section.gradient_accumulation_steps) * section.num_train_epochs)


def build(
    run: Run, model: Any, arguments: TrainingArguments, train: RowSet, evaluation: RowSet | None, collator: Collator
) -> AnswerTrainer:
    """The trainer. One process drives one device, however many the machine has."""
    if arguments.n_gpu > 1:
        arguments._n_gpu = 1
    return AnswerTrainer(
        run,
        model=model,
        args=arguments,
        train_dataset=train,
        eval_dataset=evaluation,
        data_collator=collator,
    )
