"""Whether an adapter fits a base, by shapes alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llmwright.catalogue.adapter_fit import misfits
from llmwright.values.lora_adapter import LoraAdapter

Q = "base_model.model.model.layers.{}.self_attn.q_proj.lora_{}.weight"
ADAPTER = LoraAdapter(
    base="acme/other", rank=8, targets=("q_proj",), shapes={Q.format(1, "A"): (8, 64), Q.format(1, "B"): (48, 8)}
)
BASE = {"q_proj": (48, 64), "v_proj": (32, 64)}


def kinds(adapter: LoraAdapter, **changes: object) -> list[str]:
    arguments = {"sizes": BASE, "complete": True, "layers": 2, **changes}
    return [misfit.kind for misfit in misfits(adapter, **arguments)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "base", [BASE, {"model.layers.0.self_attn.q_proj": (32, 64), "model.layers.1.self_attn.q_proj": (48, 64)}]
)
def test_an_adapter_with_the_base_s_shapes_fits(base: dict[str, tuple[int, int]]) -> None:
    assert kinds(ADAPTER, sizes=base) == []


def test_each_misfit_is_of_its_kind() -> None:
    assert kinds(replace(ADAPTER, rank=513)) == ["rank"]
    assert kinds(ADAPTER, max_rank=4) == ["rank"]
    assert kinds(replace(ADAPTER, targets=("q_proj", "query_key_value"))) == ["modules"]
    assert kinds(replace(ADAPTER, targets=("query_key_value",)), complete=False) == []
    assert kinds(ADAPTER, sizes={"q_proj": (48, 128)}) == ["shape"]
    assert kinds(ADAPTER, sizes={"q_proj": (96, 64)}) == ["shape"]
    assert kinds(ADAPTER, layers=1) == ["layers"]
    assert kinds(ADAPTER, layers=None) == []
