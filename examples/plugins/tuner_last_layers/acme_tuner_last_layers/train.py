"""The workload half: peft's LoRA on rows of Parquet files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from acme_tuner_last_layers.driver import Options
from llmwright.plugins.trainer import Row, Run, main


def read(data: Path) -> list[Row]:
    """The rows of all Parquet files."""
    from pyarrow.parquet import read_table

    rows = [row for file in sorted(data.rglob("*.parquet")) for row in read_table(file).to_pylist()]
    if not rows or not all(isinstance(row[key], str) for row in rows for key in ("prompt", "completion")):
        raise ValueError("the data set needs Parquet files with the texts prompt and completion")
    return rows


def train(run: Run[Options]) -> None:
    """Tune with checkpoints, and save the adapter in peft's layout."""
    import torch
    from peft import LoraConfig, get_peft_model
    from torch.nn.utils.rnn import pad_sequence
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source: dict[str, Any] = {"revision": run.revision or "main", "trust_remote_code": run.trust_remote_code}
    tokenizer = AutoTokenizer.from_pretrained(run.model, **source)
    base = AutoModelForCausalLM.from_pretrained(run.model, dtype=torch.float32, **source)
    last = list(range(base.config.num_hidden_layers))[-run.options.layers :]
    torch.manual_seed(0)
    tuned = get_peft_model(base, LoraConfig(r=16, target_modules=[*run.targets], layers_to_transform=last))
    learned = {name: weight for name, weight in tuned.named_parameters() if weight.requires_grad}
    optimizer = torch.optim.AdamW(learned.values(), lr=2e-3)

    def encode(row: Row) -> tuple[torch.Tensor, torch.Tensor]:
        """Token ids and labels; the loss is on the completion."""
        chat = [{"role": "user", "content": row["prompt"]}]
        head = tokenizer(tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)).input_ids
        tail = tokenizer(row["completion"] + tokenizer.eos_token).input_ids
        return torch.tensor(head + tail), torch.tensor([-100] * len(head) + tail)

    rows = [encode(row) for row in run.rows]

    def step(number: int) -> float:
        torch.manual_seed(number)
        chosen = [rows[each] for each in torch.randint(len(rows), (8,)).tolist()]
        ids = pad_sequence([ids for ids, _ in chosen], batch_first=True)
        labels = pad_sequence([labels for _, labels in chosen], batch_first=True, padding_value=-100)
        optimizer.zero_grad()
        loss = tuned(input_ids=ids, labels=labels).loss
        loss.backward()
        optimizer.step()
        return float(loss.item())

    def save(folder: Path) -> None:
        torch.save((learned, optimizer.state_dict()), folder / "state.pt")

    def load(folder: Path) -> None:
        weights, moments = torch.load(folder / "state.pt")
        tuned.load_state_dict(weights, strict=False)
        optimizer.load_state_dict(moments)

    run.repeat(step, run.options.steps, save=save, load=load, every=5)
    tuned.save_pretrained(str(run.results))


if __name__ == "__main__":
    sys.exit(main(train, Options, read=read))
