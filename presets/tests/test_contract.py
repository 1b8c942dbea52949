"""Our own pack keeps the contract that any pack keeps."""

from __future__ import annotations

import pytest

from llmwright.testing import PresetPackContract

FOLLOWING_MAIN = """
mistral-small-4-119b-2603
phi-3-small-8k-instruct phi-3-small-128k-instruct qwen3.5-397b-a17b-gptq-int4
"""
"""KAITO names no commit for these, and no two of the public repositories that were searched agree on one."""


class TestPresets(PresetPackContract):
    @pytest.fixture
    def pack(self) -> str:
        return "llmwright-presets"

    @pytest.fixture
    def unpinned(self) -> frozenset[str]:
        return frozenset(FOLLOWING_MAIN.split())
