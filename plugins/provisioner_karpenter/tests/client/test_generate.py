"""The committed client is what the generator yields."""

from __future__ import annotations

import filecmp
import json
import shutil
from pathlib import Path

import pytest
from plugins.provisioner_karpenter.client import generate


def test_the_client_is_what_the_document_yields(tmp_path: Path) -> None:
    if shutil.which("java") is None:
        pytest.skip("generating the client needs Java 11 or later: install a JRE")
    made = tmp_path / "karpenter_client"
    generate.generate(generate.DOCUMENT, made)
    files = sorted(str(file.relative_to(made)) for file in made.rglob("*.py"))
    there = sorted(str(file.relative_to(generate.CLIENT)) for file in generate.CLIENT.rglob("*.py"))
    assert files == there
    _, different, missing = filecmp.cmpfiles(made, generate.CLIENT, files, shallow=False)
    assert (different, missing) == ([], [])


def test_preparing_a_prepared_document_changes_nothing() -> None:
    text = generate.DOCUMENT.read_text()
    document = json.loads(text)
    assert generate.as_text(generate.prepare(document)) == text
