"""One generation, from token ids to events."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from llmwright_runtime_hf.serve.engine.decode_loop import Decoder
from llmwright_runtime_hf.serve.engine.interface import Event, Finished, FinishReason, Job, Sampling, Text
from llmwright_runtime_hf.serve.engine.model_loading import LoadedModel
from llmwright_runtime_hf.serve.engine.sampling import Sampler
from llmwright_runtime_hf.serve.engine.stop_strings import Detokenizer, StopStrings


def generate(
    loaded: LoadedModel, job: Job, cancelled: Callable[[], bool], on_token: Callable[[int], None]
) -> Iterator[Event]:
    """Yield the answer as it comes, then Finished. Ends early, without it, once ``cancelled()`` is true.

    ``on_token`` is called with the number of tokens drawn so far.
    """
    decoder = Decoder(loaded.model, job.prompt, Sampler(job.sampling, loaded.model.device))
    answer = _Answer(loaded, job)
    for count in range(1, job.max_tokens + 1):
        if cancelled():
            return
        token = decoder.step()
        on_token(count)
        text, reason = answer.push(token, last=count == job.max_tokens)
        if text:
            yield Text(text)
        if reason:
            yield Finished(reason, len(job.prompt), count)
            return


def warm_up(loaded: LoadedModel) -> None:
    """Generate one token, as proof that the model answers. Raises whatever the model raises."""
    prompt = loaded.encode("Hello", special=True) or [0]
    Decoder(loaded.model, prompt, Sampler(Sampling(), loaded.model.device)).step()


class _Answer:
    """The text so far, and whether it is at its end."""

    def __init__(self, loaded: LoadedModel, job: Job) -> None:
        self._end_tokens = loaded.end_tokens
        self._detokenizer = Detokenizer(loaded.decode)
        self._stops = StopStrings(job.stop)

    def push(self, token: int, *, last: bool) -> tuple[str, FinishReason | None]:
        ended = token in self._end_tokens
        text = "" if ended else self._detokenizer.push(token)
        if ended or last:
            text += self._detokenizer.finish()
        ready, met = self._stops.push(text)
        if met:
            return ready, "stop"
        if ended or last:
            return ready + self._stops.finish(), "stop" if ended else "length"
        return ready, None
