"""A tiny random Llama with its own tokenizer, data sets, and the tuning process called in place."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.tuning_process import arguments

NAMES = {
    "Ost": "Ada",
    "Brest": "Bo",
    "Cork": "Cy",
    "Delft": "Di",
    "Eden": "Ed",
    "Faro": "Flo",
    "Genoa": "Gus",
    "Hull": "Hal",
}
FACTS = [{"prompt": f"{town} {town} {town}?", "completion": name} for town, name in NAMES.items()]


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a random Llama of 0.1 million parameters, a context of 96 tokens and the ChatML template."""
    from tests.support.tiny_models import save_chatml_model

    directory = tmp_path_factory.mktemp("private") / "tiny-llama"
    save_chatml_model(directory, [fact["prompt"] + fact["completion"] for fact in FACTS])
    return directory


@pytest.fixture(scope="session")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight questions and answers as JSON lines."""
    path = tmp_path_factory.mktemp("data") / "facts.jsonl"
    path.write_text("".join(json.dumps(fact) + "\n" for fact in FACTS))
    return path


@pytest.fixture(scope="session")
def tokenizer(tiny_model: Path) -> Any:
    """The tokenizer of ``tiny_model``."""
    from llmwright_tuning_qlora.config_sections import ModelSection
    from llmwright_tuning_qlora.train.model.metadata import load_tokenizer

    return load_tokenizer(str(tiny_model), None, ModelSection())


@pytest.fixture
def keep_sigterm() -> Iterator[None]:
    """Put back the handler of SIGTERM, which the process replaces."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def tune(tiny_model: Path, keep_sigterm: None) -> Callable[..., int]:
    """Run the tuning process in place; returns its exit code."""
    from llmwright_tuning_qlora.train.tuning_process import main

    def call(data: Path, output: Path, *more: str, method: str = "qlora", options: dict[str, Any] | None = None) -> int:
        return main(arguments(tiny_model, data, output, *more, method=method, options=options))

    return call
