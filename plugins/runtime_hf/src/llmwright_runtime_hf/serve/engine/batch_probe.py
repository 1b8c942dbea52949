"""Find out by trying whether sequences of a model can share a pass.

No list of architectures is kept: a new one is tried as all others are. Windows longer than the trial's few tokens are
not seen here; the tests of the families see them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import PreTrainedModel

from llmwright_runtime_hf.serve.engine import row_cache
from llmwright_runtime_hf.serve.engine.forward_pass import ForwardPass

_LENGTHS = (9, 4)
_ALIKE = 0.2
"""Of the logits' standard deviation: rounding of bfloat16 stays below it, and a wrong position or mask does not."""


@dataclass(frozen=True, slots=True)
class Ability:
    """Whether rows may share a pass, and what else may be done; the cache's bytes for each token.

    ``parts``: prompts may be read in parts. ``together``: several whole ones in one pass. ``prefixes``: the cache of
    the first tokens can be kept for another prompt that begins with them.
    """

    rows: bool
    parts: bool = False
    together: bool = False
    prefixes: bool = False
    bytes_per_token: int = 0


def probe(model: PreTrainedModel) -> Ability:
    """Generate twice from two short prompts, alone and together, and compare."""
    try:
        with torch.inference_mode():
            return _probe(model)
    except Exception:
        return Ability(rows=False)


def probe_mixing(model: PreTrainedModel, select: Callable[[Sequence[str]], None], names: Sequence[str]) -> bool:
    """Return whether rows of all ``names`` may share a pass. PEFT cannot for each kind of layer and adapter."""
    forward = ForwardPass(model)
    prompt = torch.arange(5, device=model.device)[None] % int(model.config.get_text_config().vocab_size)
    positions = torch.arange(5, device=model.device)[None]
    try:
        with torch.inference_mode():
            alone = []
            for name in names:
                select([name])
                alone.append(forward(prompt, positions, None)[0])
            select(names)
            together, _ = forward(prompt.repeat(len(names), 1), positions.repeat(len(names), 1), None)
            return _alike(together, torch.cat(alone))
    except Exception:
        return False
    finally:
        select(names[:1])


def _probe(model: PreTrainedModel) -> Ability:
    forward = ForwardPass(model)
    vocabulary = int(model.config.get_text_config().vocab_size)
    tokens = torch.arange(sum(_LENGTHS) + len(_LENGTHS), device=model.device) * 7 % vocabulary
    prompts = [tokens[: _LENGTHS[0] + 1][None], tokens[_LENGTHS[0] + 1 :][None]]
    alone = [_alone(forward, prompt) for prompt in prompts]
    caches = [cache for _, cache in alone]
    if not all(row_cache.has_rows(cache) for cache in caches):
        return Ability(rows=False)
    each = torch.cat([logits for logits, _ in alone])
    parts = not row_cache.has_states(caches[0]) and _alike(_in_parts(forward, prompts[0]), each[:1])
    return Ability(
        rows=_alike(_together(forward, prompts), each),
        parts=parts,
        together=row_cache.has_parts(caches[0]) and _alike(_read_together(forward, prompts), each),
        prefixes=parts and row_cache.can_be_cut(caches[0]),
        bytes_per_token=row_cache.bytes_per_token(caches[0]),
    )


def _alone(forward: ForwardPass, prompt: torch.Tensor) -> tuple[torch.Tensor, Any]:
    """Return the logits after the prompt, whose last token is read by itself."""
    positions = torch.arange(prompt.shape[1], device=prompt.device)[None]
    _, cache = forward(prompt[:, :-1], positions[:, :-1], None)
    return forward(prompt[:, -1:], positions[:, -1:], cache)


def _in_parts(forward: ForwardPass, prompt: torch.Tensor) -> torch.Tensor:
    positions = torch.arange(prompt.shape[1], device=prompt.device)[None]
    _, cache = forward(prompt[:, :4], positions[:, :4], None)
    return forward(prompt[:, 4:], positions[:, 4:], cache)[0]


def _together(forward: ForwardPass, prompts: list[torch.Tensor]) -> torch.Tensor:
    caches, lengths, device = [], [prompt.shape[1] - 1 for prompt in prompts], prompts[0].device
    for prompt in prompts:
        positions = torch.arange(prompt.shape[1] - 1, device=device)[None]
        caches.append(forward(prompt[:, :-1], positions, None)[1])
    cache = row_cache.join(caches)
    ids = torch.cat([prompt[:, -1:] for prompt in prompts])
    positions = torch.tensor([[length] for length in lengths], device=device)
    return forward(ids, positions, cache, row_cache.mask(cache, lengths, device))[0]


def _read_together(forward: ForwardPass, prompts: list[torch.Tensor]) -> torch.Tensor:
    return forward.read_together([prompt[0].tolist() for prompt in prompts], prompts[0].device)[0]


def _alike(ours: torch.Tensor, theirs: torch.Tensor) -> bool:
    spread = theirs.float().std().clamp(min=1e-6)
    return bool((ours.float() - theirs.float()).abs().max() <= _ALIKE * spread)
