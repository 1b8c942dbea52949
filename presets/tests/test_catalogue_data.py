"""The packaged presets and instance types: whole, indexed, and with their sources."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from llmwright.catalogue.catalogue import Catalogue
from llmwright.catalogue.model_description import describe_directory
from llmwright.catalogue.pack import INDEX, PackFile, make_index

ROOT = Path(str(files("llmwright_presets")))
FOLDERS = ("families", "instance_types")


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    presets, types = ([PackFile(path, "here") for path in sorted((ROOT / name).glob("*.yaml"))] for name in FOLDERS)
    return Catalogue(presets, types)


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_index_is_current(folder: str) -> None:
    written = (ROOT / folder / INDEX).read_text(encoding="utf-8")
    assert written == make_index((ROOT / folder).glob("*.yaml")), f"run python -m llmwright.catalogue.index {folder}"


def test_every_figure_has_a_source(catalogue: Catalogue) -> None:
    assert catalogue.problems() == ()
    assert len([preset for preset in catalogue.presets() if not preset.retired]) == 61
    assert all(preset.fact_source for preset in catalogue.presets())
    assert all(machine.fact_source for machine in catalogue.instance_types())
    assert all(machine.price.source for machine in catalogue.instance_types() if machine.price)


def test_names_that_kaito_accepts_are_known(catalogue: Catalogue) -> None:
    for name in ("phi-3-mini-128k-instruct", "llama-3.1-8b-instruct", "Qwen/Qwen2.5-Coder-7B-Instruct"):
        assert catalogue.preset(name).fact_source.startswith("KAITO")
    assert catalogue.preset("mistral-7b-instruct").name == "mistral-7b-instruct-v0.3"
    assert catalogue.preset("gemma-3-4b-instruct") is catalogue.preset("google/gemma-3-4b-it")


def test_the_demo_preset_says_what_its_files_say(catalogue: Catalogue) -> None:
    preset = catalogue.preset("demo")
    found = describe_directory(ROOT / "demo", source=preset.source)
    assert preset.source == (ROOT / "demo").as_uri()
    assert (preset.parameters, preset.context) == (found.parameters, found.config["max_position_embeddings"])
    # the YAML counts the whole file, header included
    assert preset.weight_bytes == (ROOT / "demo" / "model.safetensors").stat().st_size
    config, sizes = found.config, preset.architecture
    assert sizes is not None
    assert (sizes.layers, sizes.hidden_size, sizes.intermediate_size, sizes.vocab_size) == tuple(
        config[key] for key in ("num_hidden_layers", "hidden_size", "intermediate_size", "vocab_size")
    )
    assert preset.kv_bytes_per_token == 2 * sizes.kv_heads * sizes.head_dim * sizes.layers * 2
    assert preset.questions is not None
    assert Path(preset.questions).is_file()


def test_a_retired_machine_names_a_living_successor(catalogue: Catalogue) -> None:
    retired = [machine for machine in catalogue.instance_types() if machine.retired]
    assert "Standard_NC6s_v3" in {machine.name for machine in retired}
    for machine in retired:
        assert machine.successor is not None
        assert not catalogue.instance_type(machine.successor, machine.cloud).retired
