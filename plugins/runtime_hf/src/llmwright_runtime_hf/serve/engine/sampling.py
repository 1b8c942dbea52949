"""Choose the next token from the logits."""

from __future__ import annotations

import torch
from transformers import (
    GenerationConfig,
    LogitsProcessorList,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from llmwright_runtime_hf.serve.engine.interface import SamplingParams


def sampling_of(config: GenerationConfig | None) -> SamplingParams:
    """Return the defaults in a model's ``generation_config.json``: greedy without ``do_sample``, as in transformers."""
    if config is None:
        return SamplingParams()
    temperature = 1.0 if config.temperature is None else config.temperature
    return SamplingParams(
        temperature=temperature if config.do_sample else 0.0,
        top_p=1.0 if config.top_p is None else config.top_p,
        top_k=config.top_k or 0,
        repetition_penalty=config.repetition_penalty or 1.0,
    )


class Sampler:
    """Choose tokens for one generation.

    It has a random generator of its own: with a shared one, other requests would change what a seed gives.
    """

    def __init__(self, sampling: SamplingParams, device: torch.device) -> None:
        self._greedy = sampling.greedy
        self._processors = _processors(sampling)
        self._random = torch.Generator(device=device)
        if sampling.seed is None:
            self._random.seed()
        else:
            self._random.manual_seed(sampling.seed)

    def pick(self, logits: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        """Return a token id [1, 1] chosen from ``logits`` [1, vocabulary], after the tokens ``seen`` [1, length]."""
        if self._processors:
            logits = self._processors(seen, logits.float())  # type: ignore[arg-type]  # transformers names the dtypes
        if self._greedy:
            return logits.argmax(dim=-1, keepdim=True)
        return torch.multinomial(logits.float().softmax(dim=-1), 1, generator=self._random)


def _processors(sampling: SamplingParams) -> LogitsProcessorList:
    """Return the same chain, in the same order, that transformers' ``generate`` builds."""
    chain = LogitsProcessorList()
    if sampling.repetition_penalty != 1.0:
        chain.append(RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty))
    if sampling.greedy:
        return chain
    if sampling.temperature != 1.0:
        chain.append(TemperatureLogitsWarper(float(sampling.temperature)))
    if sampling.top_k > 0:
        chain.append(TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1.0:
        chain.append(TopPLogitsWarper(sampling.top_p))
    return chain
