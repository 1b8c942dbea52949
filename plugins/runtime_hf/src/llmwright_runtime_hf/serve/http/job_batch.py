"""The jobs of one request: one for each choice of each prompt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from llmwright_runtime_hf.serve.engine.interface import Finished, Job
from llmwright_runtime_hf.serve.http.responses import Usage


@dataclass(frozen=True, slots=True)
class JobBatch:
    """``jobs`` in the order of the choices: all of the first prompt, then all of the second.

    ``echoes`` are the texts of the prompts, in that order, where answers begin with them.
    """

    jobs: tuple[Job, ...]
    prompt_tokens: int
    echoes: tuple[str, ...] = ()

    def usage(self, ends: Iterable[Finished]) -> Usage:
        """Return the token counts of the whole request."""
        counts = [(end.completion_tokens, end.reasoning_tokens) for end in ends]
        reasoning = sum(count for _, count in counts) if any(job.parts for job in self.jobs) else None
        return Usage(self.prompt_tokens, sum(count for count, _ in counts), reasoning)


def job_batch(jobs: Sequence[Job], choices: int, echoes: Sequence[str] = ()) -> JobBatch:
    """Return ``choices`` jobs for each of ``jobs``, one of which belongs to each prompt.

    With a seed each choice has one of its own, counted on from it, as in vLLM: else all would be the same.
    """
    return JobBatch(
        jobs=tuple(_numbered(job, number) for job in jobs for number in range(choices)),
        prompt_tokens=sum(len(job.prompt) for job in jobs),
        echoes=tuple(echo for echo in echoes for _ in range(choices)),
    )


def _numbered(job: Job, number: int) -> Job:
    seed = job.sampling.seed
    if seed is None or number == 0:
        return job
    # Seeds are 64 bits wide, and the largest one may be asked for.
    following = (seed + number + 2**63) % 2**64 - 2**63
    return replace(job, sampling=replace(job.sampling, seed=following))
