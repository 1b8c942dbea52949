"""Presets and instance types from files: good, broken, doubled, indexed."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmwright.catalogue.catalogue import Catalogue
from llmwright.catalogue.index import main as write_indexes
from llmwright.catalogue.pack import INDEX, PackFile, directory_files, make_index
from llmwright.errors import ConfigError

MODEL = """\
kind: PresetFamily
family: tiny
factSource: a test
models:
  - name: {name}
    aliases: [acme/{name}]
    source: {source}
    parameters: 1000
    weightBytes: 1.5Ki
    context: 128
    kvBytesPerToken: 64
"""
TYPES = """\
kind: InstanceTypes
cloud: azure
factSource: a test
types:
  - {name: Big_One, gpus: 2, gpuMemoryBytes: 16Gi, computeCapability: "8.6",
     price: {usdPerHour: 2.5, source: a list, asOf: 2025-01-31}}
"""


def write(directory: Path, name: str, text: str) -> PackFile:
    path = directory / name
    path.write_text(text, encoding="utf-8")
    return PackFile(path, "acme-pack 1.0")


def model(name: str = "tiny", source: str = "hf://acme/tiny") -> str:
    return MODEL.format(name=name, source=source)


def test_a_preset_is_found_by_name_and_alias_in_any_case(tmp_path: Path) -> None:
    catalogue = Catalogue([write(tmp_path, "tiny.yaml", model())])
    assert catalogue.preset("Tiny") is catalogue.preset("ACME/tiny")
    preset = catalogue.preset("tiny")
    assert (preset.weight_bytes, preset.family, preset.origin) == (1536, "tiny", "acme-pack 1.0")
    assert preset.fact_source == "a test"


def test_files_and_questions_are_relative_to_their_yaml(tmp_path: Path) -> None:
    text = model(source="file:./weights") + "    questions: ../questions.jsonl\n"
    preset = Catalogue([write(tmp_path, "tiny.yaml", text)]).preset("tiny")
    assert preset.source == (tmp_path / "weights").as_uri()
    assert preset.questions == str(tmp_path.parent / "questions.jsonl")


def test_an_unknown_name_says_what_was_meant_and_what_lists_them(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        Catalogue([write(tmp_path, "tiny.yaml", model())]).preset("tinny")
    assert caught.value.reason == "UnknownPreset"
    assert "did you mean 'tiny'?" in caught.value.hint
    assert "`llmwright presets list`" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("kind: PresetFamily\nfamily: [", "while parsing"),
        ("just text", "kind is None"),
        ("kind: [a]", "kind is ['a']"),
        ("kind: Presets\n", "kind is 'Presets'"),
        (model().replace("context: 128", "context: -1"), "models[0].context: expected a whole number"),
        (model().replace("context: 128", "context: 0"), "models[0].context: expected a whole number above 0"),
        (model().replace("context: 128", "contxt: 128"), "models[0].contxt: unknown field, did you mean 'context'?"),
        (model().replace("    context: 128\n", ""), "models[0]: lacks context"),
        (model().replace("1.5Ki", "lots"), "models[0].weightBytes: 'lots' is not an amount of bytes"),
        (model().replace("hf://acme/tiny", "tiny"), "models[0].source: expected hf://"),
        (model() + "    architecture: {layers: 2}\n", "models[0].architecture: lacks"),
        (model() + "    architecture: {layers: two}\n", "models[0].architecture.layers: expected a whole number"),
        (model() + "    tunable: 'yes'\n", "models[0].tunable: expected true or false"),
    ],
)
def test_a_broken_file_names_its_pack_and_place_and_the_others_stay(tmp_path: Path, text: str, told: str) -> None:
    good, bad = write(tmp_path, "a.yaml", model("good")), write(tmp_path, "b.yaml", text)
    catalogue = Catalogue([bad, good])
    assert [preset.name for preset in catalogue.presets()] == ["good"]
    (problem,) = catalogue.problems()
    assert problem.message.startswith("acme-pack 1.0: ")
    assert "b.yaml" in problem.message
    assert told in problem.message


def test_a_doubled_name_keeps_the_first_and_names_both(tmp_path: Path) -> None:
    first = write(tmp_path, "a.yaml", model())
    second = PackFile(write(tmp_path, "b.yaml", model(source="hf://other/tiny")).path, "other-pack 2.0")
    catalogue = Catalogue([first, second])
    assert catalogue.preset("tiny").source == "hf://acme/tiny"
    (problem,) = catalogue.problems()
    assert "other-pack 2.0" in problem.message
    assert "acme-pack 1.0" in problem.message


def test_a_directory_of_the_users_own_may_hold_both_kinds(tmp_path: Path) -> None:
    write(tmp_path, "tiny.yaml", model())
    write(tmp_path, "types.yaml", TYPES)
    catalogue = Catalogue(directories=[tmp_path])
    assert catalogue.preset("tiny").origin == str(tmp_path)
    machine = catalogue.instance_type("big_one", "azure")
    assert (machine.gpus, machine.gpu_memory_bytes, machine.compute_capability) == (2, 16 * 1024**3, (8, 6))
    assert machine.price is not None
    assert str(machine.price.as_of) == "2025-01-31"
    assert catalogue.problems() == ()
    with pytest.raises(ConfigError, match="is not a directory"):
        directory_files(tmp_path / "nowhere")


def test_an_unknown_instance_type_is_told(tmp_path: Path) -> None:
    catalogue = Catalogue((), [write(tmp_path, "types.yaml", TYPES)])
    with pytest.raises(ConfigError, match="unknown instance type 'Big_Two'") as caught:
        catalogue.instance_type("Big_Two")
    assert caught.value.reason == "UnknownInstanceType"


def test_the_index_gives_what_the_yaml_gives_and_a_stale_one_is_not_believed(tmp_path: Path) -> None:
    files = [write(tmp_path, "tiny.yaml", model(source="file:./weights")), write(tmp_path, "types.yaml", TYPES)]
    plain = Catalogue(files, files)
    assert write_indexes([str(tmp_path)]) == 0
    indexed = Catalogue(files, files)
    assert indexed.presets() == plain.presets()
    assert indexed.instance_types() == plain.instance_types()
    write(tmp_path, "tiny.yaml", model("renamed"))
    assert [preset.name for preset in Catalogue(files).presets()] == ["renamed"]
    (tmp_path / INDEX).write_text("not JSON")
    assert [preset.name for preset in Catalogue(files).presets()] == ["renamed"]


def test_an_index_is_not_written_from_a_broken_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "tiny.yaml", "kind: PresetFamily")
    assert write_indexes([str(tmp_path)]) == 2
    assert "lacks family, models" in capsys.readouterr().err
    assert not (tmp_path / INDEX).exists()


def test_an_index_names_no_place_on_this_machine(tmp_path: Path) -> None:
    write(tmp_path, "tiny.yaml", model(source="file:./weights"))
    assert str(tmp_path) not in make_index([tmp_path / "tiny.yaml"])


def test_extra_presets_come_first(tmp_path: Path) -> None:
    catalogue = Catalogue([write(tmp_path, "tiny.yaml", model())])
    other = Catalogue([write(tmp_path, "b.yaml", model("other"))]).preset("other")
    assert [preset.name for preset in catalogue.with_presets(other).presets()] == ["other", "tiny"]
