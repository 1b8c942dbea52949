"""Two builds without a cache make the same image and the same papers, and their papers tell what is in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.images.support.image_builds import build

pytestmark = pytest.mark.slow


@pytest.mark.timeout(3600)
def test_the_same_commit_makes_the_same_digest_again(tmp_path: Path) -> None:
    first, second = (build("operator", tmp_path / str(number), cached=False) for number in range(2))
    assert first.digest == second.digest
    assert first.bill_of_materials.read_bytes() == second.bill_of_materials.read_bytes()
    assert first.provenance.read_bytes() == second.provenance.read_bytes()
    bill = json.loads(first.bill_of_materials.read_text())
    names = {part["name"] for part in bill["components"]}
    assert {"llmwright", "kubernetes", "libc6"} <= names
    assert "torch" not in names
