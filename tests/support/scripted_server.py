"""The hf server in this process, with a script in the place of the model's choices.

All else is the server's own: prompts, batches, masks, log-probabilities, texts, routes. The model runs for each token,
and what it would have chosen is not taken where the script goes on.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import torch
from starlette.testclient import TestClient

from llmwright_runtime_hf.serve.engine.model_thread import ModelThread
from llmwright_runtime_hf.serve.engine.sampling import Sampler
from llmwright_runtime_hf.serve.http.routes import create_app
from llmwright_runtime_hf.serve.serve_options import ServeOptions
from llmwright_runtime_hf.serve.server_metrics import ServerMetrics

Script = Callable[[str], list[int] | None]
"""What the model says to a prompt; None: what it would say itself."""


@contextlib.contextmanager
def scripted_server(options: ServeOptions, script: Script) -> Iterator[TestClient]:
    """Yield a client of the server. Where a mask forbids the script's token, the model's own choice is taken."""
    metrics = ServerMetrics()
    engine = ModelThread(options, metrics)
    own: Any = Sampler._pick

    def pick(self: Any, logits: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        chosen: torch.Tensor = own(self, logits, seen)
        loaded, begin = engine.loaded, self._prompt
        words = script(loaded.decode(seen[0, :begin].tolist(), special=True)) if loaded and begin else None
        place = seen.shape[1] - begin
        if words is None or place >= len(words):
            return chosen
        left = self._processors(seen, logits.float()) if self._processors else logits
        return chosen.new_tensor([[words[place]]]) if bool(torch.isfinite(left[0, words[place]])) else chosen

    ended = threading.Event()
    with patch.object(Sampler, "_pick", pick), patch.object(Sampler, "takes_the_best", property(lambda _: False)):
        engine.start(ended.set, ended.set)
        assert ended.wait(120)
        assert engine.failure is None, engine.failure
        try:
            yield TestClient(create_app(options, engine, metrics), base_url="http://127.0.0.1")
        finally:
            engine.stop(10)
