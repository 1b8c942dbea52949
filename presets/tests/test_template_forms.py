"""Each preset's form of chat template is one that the circle of training and serving closes."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.chat_templates import FAMILIES, REWRITERS
from tests.support.preset_templates import PRESET_TEMPLATES, table, template_form

import llmwright_presets
from llmwright.reading.yaml_reader import read

DIRECTORY = Path(llmwright_presets.__file__).parent / "families"
CIRCLE = {**FAMILIES, **REWRITERS}


def preset_names() -> list[str]:
    documents = (read(file.read_text(), file.name)[0].data for file in sorted(DIRECTORY.glob("*.yaml")))
    return [str(model["name"]) for document in documents for model in document["models"]]


@pytest.mark.parametrize("preset", preset_names())
def test_each_preset_has_a_form_in_the_circle(preset: str) -> None:
    row = template_form(preset)
    assert row is not None, f"{preset} has no line in tests/support/preset_templates.py"
    assert row.form in CIRCLE, f"{preset}: no template of the form {row.form!r} is in tests/support/chat_templates.py"


def test_no_line_is_about_presets_that_are_gone() -> None:
    used = {template_form(preset) for preset in preset_names()}
    assert [row.pattern for row in PRESET_TEMPLATES if row not in used] == []


def test_the_documentation_has_the_table(pytestconfig: pytest.Config) -> None:
    assert table() in (pytestconfig.rootpath / "docs/training-data.md").read_text()
