"""Laws of adapters that are loaded while a server runs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from llmwright.catalogue.adapter_directory import read_adapter
from llmwright.catalogue.weight_files import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from llmwright.plugins.adapter_files import safetensors
from llmwright.testing.contract import Contract
from llmwright.testing.endpoint_choices import assert_refused
from llmwright.testing.http_answers import Answer
from llmwright.testing.served_model import ServedModel

LOAD, UNLOAD = "/v1/load_lora_adapter", "/v1/unload_lora_adapter"
LATER = "later"
_FLOAT_BYTES = 4


class HotAdaptersContract(Contract):
    """Laws of ``hot_adapters``. A server that was not given ``adapterDirectories`` loads nothing."""

    def test_adapters_are_loaded_while_it_runs(self, served: ServedModel) -> None:
        """An adapter of a named directory is served from its loading to its unloading; elsewhere nothing is loaded."""
        before = _names(served)
        if not (served.able.hot_adapters and served.hot_adapter):
            answer = _load(served, Path("/absent"))
            assert 400 <= answer.status < 500, f"without adapterDirectories POST {LOAD} answers {answer.status}"
            assert _names(served) == before
            return
        strength = {"strength": 0.5} if served.able.adapter_strength else {"strength": 1}
        answer = _load(served, served.hot_adapter, **strength)
        assert answer.status == 200, f"POST {LOAD} answers {answer.status}: {answer.body[:200]!r}"
        assert _names(served) == [*before, LATER]
        assert served.chat(model=LATER, max_tokens=4).status == 200
        assert_refused(_load(served, served.hot_adapter), "a name that is served already")
        answer = served.client.post(UNLOAD, {"lora_name": LATER})
        assert answer.status == 200, f"POST {UNLOAD} answers {answer.status}: {answer.body[:200]!r}"
        assert _names(served) == before
        assert_refused(served.chat(model=LATER, max_tokens=4), "an adapter that was unloaded")

    @pytest.mark.parametrize("fault", ["elsewhere", "link", "pickle", "torn", "bias", "code", "rank", "shape"])
    def test_an_adapter_that_cannot_be_served_is_refused(self, served: ServedModel, fault: str, tmp_path: Path) -> None:
        """Its directory, its files or its sizes are at fault: the request is refused, and nothing has changed."""
        if not (served.able.hot_adapters and served.hot_adapter):
            return
        before, good = _names(served), served.hot_adapter
        place = tmp_path if fault == "elsewhere" else good.parent
        folder = place / f"{good.name}-{fault}"
        shutil.copytree(good, folder)
        try:
            _FAULTS[fault](folder, tmp_path)
            assert_refused(_load(served, folder), f"an adapter with the fault {fault!r}")
        finally:
            shutil.rmtree(folder)
        assert _names(served) == before

    @pytest.mark.parametrize(
        ("fault", "fields"),
        [
            ("name", {"lora_name": "../later"}),
            ("base", {}),
            ("field", {"lora_weight": 1}),
            ("strength", {"strength": -0.5}),
        ],
    )
    def test_a_request_to_load_is_read_strictly(
        self, served: ServedModel, fault: str, fields: Mapping[str, Any]
    ) -> None:
        """A name that is none or the base's, an unknown field and a strength that does not count are refused."""
        if not (served.able.hot_adapters and served.hot_adapter):
            return
        before = _names(served)
        named = {"lora_name": served.model} if fault == "base" else fields
        assert_refused(_load(served, served.hot_adapter, **named), f"a request with the fault {fault!r}")
        assert _names(served) == before


def _load(served: ServedModel, directory: Path, **fields: Any) -> Answer:
    return served.client.post(LOAD, {"lora_name": LATER, "lora_path": str(directory), **fields})


def _names(served: ServedModel) -> list[str]:
    answer = served.client.get("/v1/models")
    assert answer.status == 200, f"GET /v1/models answers {answer.status}"
    return [model["id"] for model in answer.json["data"]]


def _configured(**values: Any) -> Callable[[Path, Path], None]:
    def change(folder: Path, _: Path) -> None:
        file = folder / ADAPTER_CONFIG
        file.write_text(json.dumps({**json.loads(file.read_text()), **values}))

    return change


def _link(folder: Path, elsewhere: Path) -> None:
    (folder / ADAPTER_WEIGHTS).rename(elsewhere / ADAPTER_WEIGHTS)
    (folder / ADAPTER_WEIGHTS).symlink_to(elsewhere / ADAPTER_WEIGHTS)


def _torn(folder: Path, _: Path) -> None:
    content = (folder / ADAPTER_WEIGHTS).read_bytes()
    (folder / ADAPTER_WEIGHTS).write_bytes(content[:-1])


def _shape(folder: Path, _: Path) -> None:
    """Halve the inputs of every layer: an engine that copies what is there would serve half of an adapter."""
    shapes = read_adapter(folder, folder.name).shapes
    sizes = {name: (rows, columns // 2 if ".lora_A" in name else columns) for name, (rows, columns) in shapes.items()}
    tensors = {name: ("F32", size, bytes(_FLOAT_BYTES * size[0] * size[1])) for name, size in sizes.items()}
    (folder / ADAPTER_WEIGHTS).write_bytes(safetensors(tensors))


_FAULTS: Mapping[str, Callable[[Path, Path], object]] = {
    "elsewhere": lambda folder, _: folder,
    "link": _link,
    "pickle": lambda folder, _: (folder / ADAPTER_WEIGHTS).rename(folder / "adapter_model.bin"),
    "torn": _torn,
    "bias": _configured(bias="all"),
    "code": _configured(auto_mapping={"parent_library": "another", "base_model_class": "Model"}),
    "rank": _configured(r=1024),
    "shape": _shape,
}
