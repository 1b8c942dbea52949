"""The workload half: ``python -m … MODEL REVISION CODE DATA RESULTS TARGETS LAYERS STEPS``."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from pyarrow.parquet import read_table
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModelForCausalLM, AutoTokenizer


def read(tokenizer: Any, data: Path) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Token ids and labels of each row of ``prompt`` and ``completion``; the loss is on the completion."""
    rows = []
    for row in itertools.chain.from_iterable(read_table(file).to_pylist() for file in sorted(data.rglob("*.parquet"))):
        chat = [{"role": "user", "content": row["prompt"]}]
        head = tokenizer(tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)).input_ids
        tail = tokenizer(row["completion"] + tokenizer.eos_token).input_ids
        rows.append((torch.tensor(head + tail), torch.tensor([-100] * len(head) + tail)))
    return rows


def main(model: str, revision: str, code: str, data: str, results: str, targets: str, *numbers: str) -> None:
    """Tune and save the adapter in peft's layout."""
    torch.manual_seed(0)
    layers, steps = map(int, numbers)
    source = {"revision": revision, "trust_remote_code": code == "its-own-code"}
    base = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32, **source)
    last = list(range(base.config.num_hidden_layers))[-layers:]
    tuned = get_peft_model(base, LoraConfig(r=16, target_modules=targets.split(","), layers_to_transform=last))
    optimizer = torch.optim.AdamW([p for p in tuned.parameters() if p.requires_grad], lr=2e-3)
    rows = read(AutoTokenizer.from_pretrained(model, **source), Path(data))
    for step in range(1, steps + 1):
        chosen = [rows[number] for number in torch.randint(len(rows), (8,)).tolist()]
        ids = pad_sequence([ids for ids, _ in chosen], batch_first=True)
        labels = pad_sequence([labels for _, labels in chosen], batch_first=True, padding_value=-100)
        optimizer.zero_grad()
        loss = tuned(input_ids=ids, labels=labels).loss
        loss.backward()
        optimizer.step()
        print(f"step {step}/{steps}, loss {loss.item():.4f}", flush=True)
    tuned.save_pretrained(results)


if __name__ == "__main__":
    main(*sys.argv[1:])
