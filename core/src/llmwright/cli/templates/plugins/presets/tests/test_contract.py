"""The pack keeps the contract of packs."""

from __future__ import annotations

import pytest

from llmwright.testing import PresetPackContract


class TestTemplateNamePresets(PresetPackContract):
    """Each law of the contract is a test."""

    @pytest.fixture
    def pack(self) -> str:
        """The name of the distribution."""
        return "llmwright-presets-template-name"
