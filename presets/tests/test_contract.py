"""Our own pack keeps the contract that any pack keeps."""

from __future__ import annotations

import pytest

from llmwright.testing import PresetPackContract


class TestPresets(PresetPackContract):
    @pytest.fixture
    def pack(self) -> str:
        return "llmwright-presets"
