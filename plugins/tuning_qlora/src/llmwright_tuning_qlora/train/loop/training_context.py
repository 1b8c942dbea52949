"""Objects that the trainer and its callback share: settings, checkpoints, progress, termination, throughput."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from llmwright_tuning_qlora.config_sections import TrainingSection
from llmwright_tuning_qlora.train.loop.checkpoint_store import CheckpointStore
from llmwright_tuning_qlora.train.progress_reporter import ProgressReporter
from llmwright_tuning_qlora.train.termination import Termination

if TYPE_CHECKING:
    import torch


@dataclass(slots=True)
class Throughput:
    """Tokens (without padding) and seconds of this process's training. ``cpu`` is CPU seconds of all threads."""

    start: float = 0.0
    end: float = 0.0
    first_step: int = 0
    cpu: float = 0.0
    tokens: torch.Tensor | int = 0

    @property
    def seconds(self) -> float:
        """Seconds of training until now, or until its end."""
        return max(1e-9, (self.end or time.monotonic()) - self.start)

    @property
    def tokens_per_second(self) -> float:
        """Tokens per second, without padding."""
        return float(self.tokens) / self.seconds

    def seconds_left(self, step: int, steps: int) -> float:
        """Return the seconds for the rest of ``steps`` at the speed so far; 0 before the first step."""
        done = step - self.first_step
        return self.seconds / done * (steps - step) if done else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingContext:
    """Everything that a trainer needs besides model and rows."""

    section: TrainingSection
    shuffle: bool
    checkpoints: CheckpointStore
    progress: ProgressReporter
    termination: Termination
    throughput: Throughput = field(default_factory=Throughput)
