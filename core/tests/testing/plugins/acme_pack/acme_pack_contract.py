"""The test of its author."""

from __future__ import annotations

import pytest

from llmwright.testing import PresetPackContract


class TestAcmePack(PresetPackContract):
    @pytest.fixture
    def pack(self) -> str:
        return "acme-pack"
