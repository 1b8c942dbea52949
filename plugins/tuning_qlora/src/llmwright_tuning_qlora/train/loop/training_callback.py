"""The work between steps: report progress, request checkpoints, end on SIGTERM."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState

from llmwright.errors import TargetError
from llmwright_tuning_qlora.train.loop.checkpoint_interval import CheckpointInterval
from llmwright_tuning_qlora.train.loop.training_context import TrainingContext
from llmwright_tuning_qlora.train.termination import TERMINATED


class TrainingCallback(TrainerCallback):
    """Transformers' Trainer calls these methods. ``set_epoch`` passes the epoch on to the sampler."""

    def __init__(self, context: TrainingContext, set_epoch: Callable[[int], None], *, processes: int) -> None:
        self._context = context
        self._set_epoch = set_epoch
        self._processes = processes
        self._loss = math.nan
        self._interval = CheckpointInterval(context.section.checkpoint_seconds, time.monotonic())
        self._step_end = 0.0

    def on_train_begin(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Start the clocks."""
        throughput = self._context.throughput
        throughput.start = self._interval.started = time.monotonic()
        throughput.cpu = -time.process_time()
        throughput.first_step = state.global_step
        # From here on there is a state to save, so SIGTERM waits for the next step instead of ending at once.
        self._context.termination.graceful = True
        self._context.progress.emit("training", step=state.global_step, steps=state.max_steps)

    def on_epoch_begin(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Set the order of the rows for this epoch."""
        self._set_epoch(int(state.epoch or 0))

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Request a checkpoint if one is due, or if the process shall end."""
        self._step_end = time.monotonic()
        last = state.global_step >= state.max_steps
        terminating = self._context.termination.requested
        if terminating and not self._writes_checkpoints():
            raise SystemExit(TERMINATED)
        if not last and (terminating or self._checkpoint_due()):
            control.should_save = True
        # A checkpoint does not hold the losses since the last log. Without a log they would be lost on resume.
        control.should_log = control.should_log or control.should_save or last
        if not control.should_log and not math.isnan(self._loss):
            self._report_step(state, last=last)

    def on_save(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Note the cost of the checkpoint; then end if SIGTERM requested it."""
        self._interval.written(self._step_end, time.monotonic())
        # Exit after the checkpoint is written, never before: otherwise the steps since the last one are lost.
        if self._context.termination.requested:
            raise SystemExit(TERMINATED)

    def on_log(
        self, args: Any, state: TrainerState, control: TrainerControl, logs: dict[str, float] | None = None, **_: Any
    ) -> None:
        """Report the step, or the loss of an evaluation.

        Raises:
            TargetError: the loss is not a number.
        """
        if logs and "loss" in logs:
            self._loss = logs["loss"]
            if not math.isfinite(self._loss):
                hint = "lower learning_rate, or use float32"
                message = f"the loss is not a number at step {state.global_step}"
                raise TargetError(message, hint=hint, reason="TrainingDiverged")
            self._report_step(state, last=state.global_step >= state.max_steps)
        elif logs and "eval_loss" in logs:
            self._context.progress.emit("evaluated", step=state.global_step, eval_loss=logs["eval_loss"])

    def on_train_end(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Stop the clocks."""
        self._context.throughput.end = time.monotonic()
        self._context.throughput.cpu += time.process_time()

    def _writes_checkpoints(self) -> bool:
        return self._context.section.checkpoint_seconds != 0

    def _checkpoint_due(self) -> bool:
        # By the clock only in a single process: the clocks of ranks differ, and a rank that saves waits for the others.
        by_time = self._processes == 1 and self._context.section.save_strategy == "no"
        return by_time and self._interval.due(time.monotonic())

    def _report_step(self, state: TrainerState, *, last: bool) -> None:
        if not state.is_world_process_zero or not self._context.progress.step_due(last=last):
            return
        throughput = self._context.throughput
        self._context.progress.emit(
            "step",
            step=state.global_step,
            steps=state.max_steps,
            loss=round(self._loss, 6),
            tokens_per_second=round(throughput.tokens_per_second, 1),
            seconds_left=round(throughput.seconds_left(state.global_step, state.max_steps), 1),
            epoch=round(state.epoch or 0.0, 3),
        )
