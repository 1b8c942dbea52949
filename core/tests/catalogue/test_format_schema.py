"""The schemas of pack files say what the readers read: both take our own files, and both refuse the same mistakes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from llmwright.catalogue import instance_type_file, preset_file
from llmwright.catalogue.pack import SCHEMAS
from llmwright.catalogue.yaml_fields import FieldError

PACK = Path(__file__).parents[3] / "presets/src/llmwright_presets"
FILES = sorted((*PACK.glob("families/*.yaml"), *PACK.glob("instance_types/*.yaml"), *PACK.glob("demo/*.yaml")))
READERS = {preset_file.KIND: preset_file.read_family, instance_type_file.KIND: instance_type_file.read_types}

FAMILY: dict[str, Any] = {
    "kind": "PresetFamily",
    "family": "tiny",
    "models": [
        {
            "name": "tiny",
            "source": "hf://acme/tiny",
            "parameters": 1000,
            "weightBytes": "2Mi",
            "context": 2048,
            "kvBytesPerToken": 0,
            "aliases": ["acme/tiny"],
            "gated": False,
            "flags": {"vllm": {"max-model-len": 10}},
            "architecture": {
                "names": ["A"], "layers": 2, "hiddenSize": 4, "attentionHeads": 2, "kvHeads": 1, "headDim": 2,
            },
        }
    ],
}  # fmt: skip
TYPES: dict[str, Any] = {
    "kind": "InstanceTypes",
    "cloud": "acme",
    "types": [
        {
            "name": "big",
            "gpus": 1,
            "gpuMemoryBytes": "16GiB",
            "computeCapability": "8.0",
            "gpuTeraflops": 1.5,
            "price": {"usdPerHour": 1, "source": "a list", "asOf": "2026-01-31"},
        }
    ],
}

Change = Callable[[dict[str, Any]], object]


def verdicts(document: Any) -> tuple[bool, bool]:
    """Whether the schema and whether the reader take ``document``."""
    schema = SCHEMAS[document["kind"]]()
    try:
        READERS[document["kind"]](document)
    except FieldError:
        read = False
    else:
        read = True
    return Draft202012Validator(schema).is_valid(document), read


@pytest.mark.parametrize("kind", SCHEMAS)
def test_each_schema_is_a_schema_in_which_every_field_is_described(kind: str) -> None:
    schema = SCHEMAS[kind]()

    Draft202012Validator.check_schema(schema)
    assert all("description" in field for field in fields_of(schema) if "const" not in field)


def fields_of(schema: Any) -> list[dict[str, Any]]:
    own = list(schema.get("properties", {}).values())
    return own + [deeper for field in own for deeper in fields_of({**field.get("items", {}), **field})]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_our_own_files_are_valid(path: Path) -> None:
    assert verdicts(yaml.safe_load(path.read_text())) == (True, True)


def model(document: dict[str, Any]) -> dict[str, Any]:
    return dict.__getitem__(document, "models")[0]  # type: ignore[no-any-return]


def machine(document: dict[str, Any]) -> dict[str, Any]:
    return dict.__getitem__(document, "types")[0]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("document", "change"),
    [
        (FAMILY, lambda d: d.pop("family")),
        (FAMILY, lambda d: d.update(models="abc")),
        (FAMILY, lambda d: d.update(models={"a": 1})),
        (FAMILY, lambda d: d.update(model=[])),
        (FAMILY, lambda d: model(d).pop("context")),
        (FAMILY, lambda d: model(d).update(contxt=1)),
        (FAMILY, lambda d: model(d).update(kv_bytes_per_token=1)),
        (FAMILY, lambda d: model(d).update(context=0)),
        (FAMILY, lambda d: model(d).update(context=True)),
        (FAMILY, lambda d: model(d).update(context="4k")),
        (FAMILY, lambda d: model(d).update(parameters=-1)),
        (FAMILY, lambda d: model(d).update(weightBytes=0)),
        (FAMILY, lambda d: model(d).update(weightBytes="2 MB of weights")),
        (FAMILY, lambda d: model(d).update(weightBytes=-5)),
        (FAMILY, lambda d: model(d).update(source="acme/tiny")),
        (FAMILY, lambda d: model(d).update(aliases="acme/tiny")),
        (FAMILY, lambda d: model(d).update(aliases=[1])),
        (FAMILY, lambda d: model(d).update(gated="no")),
        (FAMILY, lambda d: model(d).update(license=2.0)),
        (FAMILY, lambda d: model(d).update(flags={"vllm": []})),
        (FAMILY, lambda d: model(d)["architecture"].pop("layers")),
        (FAMILY, lambda d: model(d)["architecture"].update(layers=0)),
        (TYPES, lambda d: d.pop("cloud")),
        (TYPES, lambda d: machine(d).pop("gpus")),
        (TYPES, lambda d: machine(d).update(gpus=-1)),
        (TYPES, lambda d: machine(d).update(gpus=1.5)),
        (TYPES, lambda d: machine(d).update(computeCapability=8.0)),
        (TYPES, lambda d: machine(d).update(computeCapability="8")),
        (TYPES, lambda d: machine(d).update(gpuTeraflops=-1)),
        (TYPES, lambda d: machine(d).update(nvlink=1)),
        (TYPES, lambda d: machine(d)["price"].pop("source")),
        (TYPES, lambda d: machine(d)["price"].update(currency="EUR")),
    ],
)
def test_schema_and_reader_refuse_the_same(document: dict[str, Any], change: Change) -> None:
    wrong = copy.deepcopy(document)
    change(wrong)

    assert verdicts(document) == (True, True)
    assert verdicts(wrong) == (False, False)


@pytest.mark.parametrize("size", ["2Mi", "2MiB", "2M", "2MB", "2k", "2B", ".5Gi", "0.5G", "17", 17])
def test_schema_and_reader_take_the_same_sizes(size: object) -> None:
    document = copy.deepcopy(FAMILY)
    model(document).update(weightBytes=size)

    assert verdicts(document) == (True, True)
