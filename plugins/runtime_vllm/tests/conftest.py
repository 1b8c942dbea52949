"""The driver, for every test."""

from __future__ import annotations

import pytest

from llmwright.testing import make_context
from llmwright_runtime_vllm.driver import VllmRuntime


@pytest.fixture
def runtime() -> VllmRuntime:
    return VllmRuntime(make_context())
