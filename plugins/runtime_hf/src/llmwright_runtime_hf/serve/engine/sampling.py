"""Choose the next token from the logits."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    NoRepeatNGramLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
    TypicalLogitsWarper,
)

from llmwright_runtime_hf.serve.engine.guides import Guided
from llmwright_runtime_hf.serve.engine.interface import SamplingParams
from llmwright_runtime_hf.serve.engine.token_rules import AllowedTokens, CountPenalties, NoEndBefore, Shaped, TokenBias


class NoTokenError(Exception):
    """No token can be chosen for a row. It ends the answer of that row alone."""

    status = 500
    message = "the model's scores for the next token are no numbers"


class NoTokenLeftError(NoTokenError):
    """The rules of a request, such as allowed tokens that may not repeat, leave no token to choose."""

    status = 400
    message = "the request's own rules leave no token to generate"


class WrongLogitsError(NoTokenError):
    """The model gave NaN: an overflow of float16, or broken weights."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Pairs of token and log-probability: the chosen one, and the likeliest, best first."""

    chosen: tuple[int, float]
    top: tuple[tuple[int, float], ...]


class Sampler:
    """Choose tokens for one generation.

    It has a random generator of its own: with a shared one, other requests would change what a seed gives.
    """

    def __init__(
        self, sampling: SamplingParams, device: torch.device, *, prompt: int = 0, logprobs: int | None = None
    ) -> None:
        """``prompt`` is the number of tokens that are not the answer's.

        With ``logprobs`` each ``pick`` leaves ``scores``, of the token and of that many likeliest ones.
        """
        self.scores: Scores | None = None
        self._logprobs = logprobs
        self._greedy = sampling.greedy
        self._prompt = prompt
        self._restricted = bool(sampling.allowed or sampling.no_repeat_ngram)
        self._processors = _rules(sampling, prompt)
        self._rules = len(self._processors)
        if not sampling.greedy:
            self._processors.extend(_warpers(sampling))
        self._random = torch.Generator(device=device)
        if sampling.seed is None:
            self._random.seed()
        else:
            self._random.manual_seed(sampling.seed)

    def forbid_ends(self, ends: frozenset[int], count: int) -> None:
        """Choose none of ``ends`` within the answer's first ``count`` tokens."""
        if ends and count:
            self._processors.insert(0, NoEndBefore(ends, self._prompt + count))
            self._rules += 1
            self._restricted = True

    def keep_to(self, answer: Guided, ends: frozenset[int]) -> None:
        """Choose what goes on to an answer of a shape; one of ``ends`` only where it is whole."""
        # Before temperature and the like, which look at the tokens that are left.
        self._processors.insert(self._rules, Shaped(answer, ends, self._prompt))
        self._restricted = True

    @property
    def takes_the_best(self) -> bool:
        """Whether ``pick`` is the token of the highest logit and nothing else."""
        return self._greedy and not self._processors and self._logprobs is None

    def pick(self, logits: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        """Return a token id [1, 1] chosen from ``logits`` [1, vocabulary], after the tokens ``seen`` [1, length].

        Raises NoTokenLeftError where the request's own rules leave none, WrongLogitsError where logits are no numbers.
        """
        token = self._pick(logits, seen)
        if self._logprobs is not None:
            self.scores = _scores(logits[0], int(token), self._logprobs)
        return token

    def _pick(self, logits: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        # Looked at before ``multinomial``: what it says to such numbers ends a GPU's whole process.
        if bool(logits.isnan().any()):
            raise WrongLogitsError
        if self._processors:
            logits = self._processors(seen, logits.float())  # type: ignore[arg-type]  # transformers names the dtypes
        if self._restricted and not bool(torch.isfinite(logits).any()):
            raise NoTokenLeftError
        if self._greedy:
            return logits.argmax(dim=-1, keepdim=True)
        chances = logits.float().softmax(dim=-1)
        if not bool(chances.isfinite().all()):
            raise WrongLogitsError
        return torch.multinomial(chances, 1, generator=self._random)


def _scores(logits: torch.Tensor, token: int, count: int) -> Scores:
    """Return the log-probabilities of ``token`` and of the ``count`` likeliest, of ``logits`` [vocabulary]."""
    logprobs = logits.float().log_softmax(dim=-1)
    best = logprobs.topk(min(count, len(logprobs)))
    top = tuple(zip(best.indices.tolist(), best.values.tolist(), strict=True))
    return Scores((token, float(logprobs[token])), top)


def _rules(sampling: SamplingParams, prompt: int) -> LogitsProcessorList:
    """Return the rules of a chain that is, in the same order, the one of transformers' ``generate``.

    OpenAI's rules come before it.
    """
    chain = LogitsProcessorList()
    if sampling.bias:
        chain.append(TokenBias(sampling.bias))
    if sampling.repetition_penalty != 1.0:
        chain.append(RepetitionPenaltyLogitsProcessor(float(sampling.repetition_penalty)))
    if sampling.frequency_penalty or sampling.presence_penalty:
        chain.append(CountPenalties(sampling.frequency_penalty, sampling.presence_penalty, prompt))
    if sampling.no_repeat_ngram:
        chain.append(NoRepeatNGramLogitsProcessor(sampling.no_repeat_ngram))
    if sampling.allowed:
        chain.append(AllowedTokens(sampling.allowed))
    return chain


def _warpers(sampling: SamplingParams) -> LogitsProcessorList:
    chain = LogitsProcessorList()
    if sampling.temperature != 1.0:
        chain.append(TemperatureLogitsWarper(float(sampling.temperature)))
    if sampling.top_k > 0:
        chain.append(TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1.0:
        chain.append(TopPLogitsWarper(float(sampling.top_p)))
    if sampling.min_p > 0.0:
        chain.append(MinPLogitsWarper(float(sampling.min_p)))
    if sampling.typical_p < 1.0:
        chain.append(TypicalLogitsWarper(float(sampling.typical_p)))
    return chain
