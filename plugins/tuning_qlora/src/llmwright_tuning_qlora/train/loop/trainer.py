"""Transformers' Trainer with our loss, our order of rows, and checkpoints that survive a kill."""

from __future__ import annotations

from typing import Any, cast

import torch
from transformers import PrinterCallback, Trainer, TrainingArguments

from llmwright_tuning_qlora.train.loop.collator import AnswerCollator, RowSubset
from llmwright_tuning_qlora.train.loop.loss import answer_loss
from llmwright_tuning_qlora.train.loop.sampler import EpochSampler
from llmwright_tuning_qlora.train.loop.training_callback import TrainingCallback
from llmwright_tuning_qlora.train.loop.training_context import TrainingContext


class AnswerTrainer(Trainer):  # type: ignore[misc, unused-ignore]
    """A Trainer of adapters on ``RowSubset`` rows."""

    def __init__(self, context: TrainingContext, **arguments: Any) -> None:
        self._training_context = context
        self._sampler: EpochSampler | None = None
        super().__init__(**arguments)
        # ``answer_loss`` divides by the tokens of the whole step. Trainer counts them only for models with this flag.
        self.model_accepts_loss_kwargs = True
        self.remove_callback(PrinterCallback)
        self.add_callback(TrainingCallback(context, self._set_epoch, processes=self.accelerator.num_processes))

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """Return the mean loss on answers; see ``answer_loss``."""
        context = self._training_context
        labels = inputs["labels"]
        model_inputs = {key: value for key, value in inputs.items() if key != "labels"}
        outputs = model(**model_inputs, use_cache=False)
        smoothing = context.section.label_smoothing_factor
        loss = answer_loss(outputs.logits, labels, model_inputs.get("logits_to_keep"), num_items_in_batch, smoothing)
        if model.training:
            context.throughput.tokens += inputs["attention_mask"].sum()
        if num_items_in_batch is not None:
            # As Trainer does: gradients are averaged over processes, while the count is that of all processes.
            loss = loss * self.accelerator.num_processes
        return (loss, outputs) if return_outputs else loss

    def floating_point_ops(self, inputs: Any) -> int:
        """Return 0: the count is not used, and counting walks through all weights at each step."""
        return 0

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Write the adapter alone. Without ``save_embedding_layers=False`` peft asks a hub about the embeddings."""
        if self.args.should_save and output_dir is not None:
            self.unwrapped_model.save_pretrained(output_dir, save_embedding_layers=False)

    @property
    def unwrapped_model(self) -> Any:
        """The model without what accelerate puts around it."""
        return self.accelerator.unwrap_model(self.model)

    def _set_epoch(self, epoch: int) -> None:
        # When a run resumes in the middle of an epoch, transformers does not pass the epoch on to the sampler: the rest
        # of the epoch would come in the order of epoch 0, and rows would be seen twice or never.
        if self._sampler is not None:
            self._sampler.set_epoch(epoch)

    def _get_train_sampler(self, train_dataset: Any = None) -> EpochSampler:
        context, args = self._training_context, self.args
        rows: RowSubset = cast("RowSubset", self.train_dataset)
        seed = args.seed if args.data_seed is None else args.data_seed
        options = {"shuffle": context.shuffle, "group": context.section.group_by_length}
        self._sampler = EpochSampler(rows.lengths, self._train_batch_size, seed, **options)
        return self._sampler

    def _get_output_dir(self, trial: Any) -> str:
        return str(self._training_context.checkpoints.staging)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        # Wait before the commit: it digests the random states, and each rank writes its own.
        self.accelerator.wait_for_everyone()
        if self.args.should_save:
            self._training_context.checkpoints.commit(self.state.global_step)


def build_trainer(
    context: TrainingContext,
    model: Any,
    arguments: TrainingArguments,
    train: RowSubset,
    evaluation: RowSubset | None,
    collator: AnswerCollator,
) -> AnswerTrainer:
    """Return the trainer. One process uses one device, also on a machine with several GPUs."""
    if arguments.n_gpu > 1:
        # Otherwise Trainer wraps the model in DataParallel over all GPUs.
        arguments._n_gpu = 1
    return AnswerTrainer(
        context,
        model=model,
        args=arguments,
        train_dataset=train,
        eval_dataset=evaluation,
        data_collator=collator,
    )
