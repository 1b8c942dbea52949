"""The tiny models, one server for the session, and the answers of transformers itself to the same prompts."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest
from tests.support.hf_server import KEY, RunningServer, running_server
from tests.support.tiny_models import ServedModels, save_served_models
from tests.support.transformers_reference import TransformersReference


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> ServedModels:
    return save_served_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def adapter_directory(tmp_path_factory: pytest.TempPathFactory, models: ServedModels) -> Path:
    """A directory for adapters that requests may load, and beside it one that they may not."""
    root = tmp_path_factory.mktemp("hot")
    for name in ("in", "out"):
        for adapter in (models.facts, models.rhymes):
            shutil.copytree(adapter, root / name / adapter.name)
    return root / "in"


@pytest.fixture(scope="session")
def server(
    models: ServedModels, adapter_directory: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    """Base ``tiny``, adapters ``facts``, ``rhymes`` and, at half strength, ``facts.half``; behind a key."""
    log = tmp_path_factory.mktemp("server") / "log"
    adapters = (f"facts={models.facts}", f"rhymes={models.rhymes}", f"facts.half={models.facts},strength=0.5")
    flags = [part for adapter in adapters for part in ("--adapter", adapter)]
    flags += ["--adapter-directory", str(adapter_directory), "--max-lora-rank", "8", "--threads", "1"]
    with running_server(log, "--model", str(models.base), "--served-model-name", "tiny", *flags, key=KEY) as running:
        running.wait_until_ready()
        yield running


@pytest.fixture
def http(server: RunningServer) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


@pytest.fixture
def client(server: RunningServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key=KEY, max_retries=0) as made:
        yield made


@pytest.fixture(scope="session")
def reference(models: ServedModels) -> TransformersReference:
    return TransformersReference(models)
