"""Our own pack keeps the contract that any pack keeps."""

from __future__ import annotations

import pytest

from llmwright.testing import PresetPackContract

FOLLOWING_MAIN = """
llama-2-7b llama-2-7b-chat llama-2-13b llama-2-13b-chat llama-2-70b llama-2-70b-chat
phi-3-small-8k-instruct phi-3-small-128k-instruct
deepseek-v3.2 deepseek-v4-flash-0731 deepseek-v4-pro gemma-4-12b-it gemma-4-26b-a4b-it gemma-4-31b-it
gemma-4-e2b-it gemma-4-e4b-it glm-5.2-fp8 granite-4.1-8b kimi-k2.5 kimi-k2.6 kimi-k2.7-code minimax-m2.7
mistral-medium-3.5-128b mistral-small-4-119b-2603 mistral-small-4-119b-2603-nvfp4 nemotron-cascade-2-30b-a3b
nvidia-nemotron-3-nano-30b-a3b-bf16 nvidia-nemotron-3-nano-4b-bf16 nvidia-nemotron-3-super-120b-a12b-bf16
nvidia-nemotron-3-ultra-550b-a55b-nvfp4 nvidia-nemotron-nano-12b-v2-vl-bf16 nvidia-nemotron-nano-9b-v2
qwen3-8b-awq qwen3.5-122b-a10b qwen3.5-122b-a10b-gptq-int4 qwen3.5-2b qwen3.5-397b-a17b-gptq-int4 qwen3.5-4b
qwen3.5-9b qwen3.6-27b qwen3.6-35b-a3b qwen3.6-35b-a3b-fp8 qwen3.8-27b
"""
"""KAITO names no commit for these, and nobody has tried one."""


class TestPresets(PresetPackContract):
    @pytest.fixture
    def pack(self) -> str:
        return "llmwright-presets"

    @pytest.fixture
    def unpinned(self) -> frozenset[str]:
        return frozenset(FOLLOWING_MAIN.split())
