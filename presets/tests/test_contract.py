"""Our own pack keeps the contract that any pack keeps."""

from __future__ import annotations

import pytest

from llmwright.testing import PresetPackContract

FOLLOWING_MAIN = """
deepseek-v4-flash-0731 granite-4.1-8b kimi-k2.7-code mistral-medium-3.5-128b mistral-small-4-119b-2603
mistral-small-4-119b-2603-nvfp4 nemotron-cascade-2-30b-a3b nvidia-nemotron-3-ultra-550b-a55b-nvfp4
nvidia-nemotron-nano-12b-v2-vl-bf16 phi-3-small-8k-instruct phi-3-small-128k-instruct qwen3.5-397b-a17b-gptq-int4
qwen3.8-27b
"""
"""KAITO names no commit for these, and no two of the public repositories that were searched agree on one."""


class TestPresets(PresetPackContract):
    @pytest.fixture
    def pack(self) -> str:
        return "llmwright-presets"

    @pytest.fixture
    def unpinned(self) -> frozenset[str]:
        return frozenset(FOLLOWING_MAIN.split())
