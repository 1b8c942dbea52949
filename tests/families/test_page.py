"""docs/models.md has every family that is tested, every gated preset, and every architecture of the catalogue."""

from __future__ import annotations

import re
from pathlib import Path

import transformers
from tests.support.model_families import FAMILIES, random_model

from llmwright.app.session import Session

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "models.md").read_text()
WITHOUT_A_CLASS = frozenset({
    "KimiK25ForConditionalGeneration", "MistralLarge3ForCausalLM", "NemotronH_Nano_VL_V2", "Phi3SmallForCausalLM"
})  # fmt: skip
"""Architectures of presets that transformers has under no such name; the page says what serves them."""


def test_the_table_has_the_families_that_are_tested() -> None:
    rows = [line for line in PAGE.split("## Gated models")[0].splitlines() if line.startswith("| `")]
    assert sorted(re.findall(r"`(\w+)`", "".join(row.split("|")[1] for row in rows))) == sorted(FAMILIES)


def test_every_architecture_of_the_catalogue_has_its_family() -> None:
    presets = Session().catalogue.presets()
    needed = {name for preset in presets if preset.architecture for name in preset.architecture.names}
    tested = {type(random_model(family)).__name__ for family in FAMILIES}
    assert needed - tested == WITHOUT_A_CLASS
    assert [name for name in WITHOUT_A_CLASS if hasattr(transformers, name)] == []
    assert [name for name in WITHOUT_A_CLASS if name not in PAGE] == []


def test_the_page_names_every_gated_preset_with_its_page_on_the_hub() -> None:
    gated = {preset.name: preset for preset in Session().catalogue.presets() if preset.gated}
    rows = re.findall(r"\| `(.+?)` \| (\S+) \| <https://huggingface.co/(.+?)> \|", PAGE)
    listed = {name: (licence, f"hf://{page}") for name, licence, page in rows}
    assert listed == {name: (preset.license, preset.source) for name, preset in gated.items()}
