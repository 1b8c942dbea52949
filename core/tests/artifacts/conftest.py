"""Real servers on loopback: docker-registry, and HTTP sites."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.docker_registry import closed_registry, open_registry
from tests.support.http_site import Site

from llmwright.artifacts import wire as wire_module
from llmwright.artifacts.adapter_image import pack_adapter
from llmwright.plugins.adapter_files import safetensors
from llmwright.values.backoff import Backoff

__all__ = ["closed_registry", "open_registry"]


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"):
            monkeypatch.delenv(name)


@pytest.fixture
def other_site() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """A directory as peft's save_pretrained writes it; the weights are noise that does not compress."""
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 8}')
    noise = random.Random(7).randbytes(300_000)
    (folder / "adapter_model.safetensors").write_bytes(safetensors({"noise": ("U8", (300_000,), noise)}))
    (folder / "README.md").write_text("not packed")
    return folder


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests to registries are repeated at once."""
    monkeypatch.setattr(wire_module, "PAUSES", Backoff(0.0, 0.0))


@pytest.fixture
def layout(adapter: Path, tmp_path: Path) -> Path:
    """The adapter as an image layout."""
    pack_adapter(adapter, tmp_path / "layout", "team/adapter:v1", "demo")
    return tmp_path / "layout"
