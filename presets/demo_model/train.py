"""The training of the demo model: a small Llama, next-token loss on the answers of seeded conversations."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from .recipe import Recipe
from .text import Conversations
from .tokenizer import encode_chats

IGNORED = -100


def new_model(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """Return an untrained model of the recipe's sizes."""
    config = LlamaConfig(
        vocab_size=recipe.vocabulary,
        hidden_size=recipe.hidden,
        intermediate_size=recipe.intermediate,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.key_value_heads,
        max_position_embeddings=recipe.context,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


def batches(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> Iterator[dict[str, torch.Tensor]]:
    """Yield batches: ``input_ids``, ``attention_mask`` and ``labels``, each ``[rows, longest in the batch]``."""
    conversations = Conversations(recipe.seed, recipe.seed)
    turns = conversations.turns()
    while True:
        rows = [conversations.conversation(turns, 5) for _ in range(recipe.rows)]
        encoded = encode_chats(
            tokenizer, rows, truncation=True, max_length=recipe.longest_row, return_assistant_tokens_mask=True
        )
        answered = encoded["assistant_masks"].bool()
        yield {
            "input_ids": encoded["input_ids"],
            "attention_mask": encoded["attention_mask"],
            "labels": encoded["input_ids"].masked_fill(~answered, IGNORED),
        }


def schedule(step: int, steps: int) -> float:
    """Return the share of the learning rate at a step: a short warm-up, then a cosine down to 0."""
    warm_up = steps // 20
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / (steps - warm_up)))


def train(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, recipe: Recipe) -> None:
    """Train the model in place, with a progress bar."""
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, betas=(0.9, 0.98), weight_decay=recipe.weight_decay
    )
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: schedule(step, recipe.steps))
    model.train()
    with _progress() as progress:
        task = progress.add_task("training", total=recipe.steps, loss=float("nan"))
        for _, batch in zip(range(recipe.steps), batches(recipe, tokenizer), strict=False):
            loss = model(**batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
            progress.update(task, advance=1, loss=loss.item())


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.3f}"),
        TimeRemainingColumn(),
    )
