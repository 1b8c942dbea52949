"""The answers of transformers and PEFT themselves: a base without adapters, and each adapter loaded alone."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from tests.support.tiny_models import ServedModels, quiet_peft
from transformers import AutoModelForCausalLM, AutoTokenizer


class TransformersReference:
    """Generate greedily with transformers' own ``generate``."""

    def __init__(self, models: ServedModels) -> None:
        self.models = models
        self.tokenizer = AutoTokenizer.from_pretrained(models.base)
        self._model = cache(self._load)

    def completion(
        self, prompt: str, tokens: int, *, adapter: str | None = None, strength: float = 1.0, **options: Any
    ) -> str:
        """The greedy continuation of ``prompt``, by ``generate`` with ``options``."""
        ids = self.tokenizer(prompt, return_tensors="pt")["input_ids"]
        made = self._model(adapter, strength).generate(ids, max_new_tokens=tokens, do_sample=False, **options)
        return str(self.tokenizer.decode(made[0, ids.shape[1] :], skip_special_tokens=True))

    def chat(self, question: str, tokens: int, **options: Any) -> str:
        return self.completion(self._prompt(question), tokens, **options)

    def chat_logits(self, question: str) -> torch.Tensor:
        """The base's logits [vocabulary] for the first token of an answer."""
        ids = self.tokenizer(self._prompt(question), return_tensors="pt")["input_ids"]
        with torch.no_grad():
            logits: torch.Tensor = self._model(None, 1.0)(ids).logits[0, -1]
        return logits

    def _prompt(self, question: str) -> str:
        turns = [{"role": "user", "content": question}]
        return str(self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))

    def _load(self, adapter: str | None, strength: float) -> Any:
        torch.set_num_threads(1)
        model = AutoModelForCausalLM.from_pretrained(self.models.base, dtype="float32")
        if adapter is None:
            return model
        with quiet_peft():
            wrapped = PeftModel.from_pretrained(model, getattr(self.models, adapter))
        for module in wrapped.modules():
            if isinstance(module, LoraLayer):
                module.scaling = {name: value * strength for name, value in module.scaling.items()}
        return wrapped
