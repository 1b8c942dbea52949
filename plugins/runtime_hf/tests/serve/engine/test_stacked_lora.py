"""The pass of rows with different adapters, against PEFT's own."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import Linear
from torch import nn

from llmwright_runtime_hf.serve.engine.stacked_lora import BASE_ROW, Mix, StackedLora

ROWS = ["one", BASE_ROW, "two", "one", "two", "three"]
X = torch.randn(len(ROWS), 3, 16, generator=torch.Generator().manual_seed(1))


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(16, 24)
        self.second = nn.Linear(24, 8)

    def forward(self, x: torch.Tensor, adapter_names: list[str] | None = None) -> Any:
        return self.second(self.first(x))


def layers(**of_b: Any) -> list[Any]:
    """Return the two layers, with adapters of different ranks, strengths and targets in them."""
    torch.manual_seed(0)
    both = ["first", "second"]
    model = get_peft_model(Two(), LoraConfig(r=4, target_modules=both, init_lora_weights=False), "one")
    model.add_adapter("two", LoraConfig(r=2, lora_alpha=32, target_modules=both, init_lora_weights=False, **of_b))
    model.add_adapter("three", LoraConfig(r=3, use_rslora=True, target_modules=["second"], init_lora_weights=False))
    return [module for module in model.eval().modules() if isinstance(module, Linear)]


def both_ways(layer: Any, x: torch.Tensor, rows: list[str] | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    mix = Mix(rows or ROWS)
    with torch.inference_mode():
        apart = layer._mixed_batch_forward(x, adapter_names=mix.rows)
        return apart, StackedLora(layer, lambda: mix)(x, adapter_names=mix.rows)


def test_each_row_is_what_peft_gives() -> None:
    first, second = layers()

    for layer, x in ((first, X), (second, first.base_layer(X).detach())):
        apart, stacked = both_ways(layer, x)
        assert torch.allclose(apart, stacked, atol=1e-5)
        assert not torch.allclose(stacked, layer.base_layer(x))


def test_a_layer_that_no_adapter_of_the_pass_has_is_the_base() -> None:
    first, _ = layers()

    _, stacked = both_ways(first, X[:2], ["three", BASE_ROW])

    assert torch.equal(stacked, first.base_layer(X[:2]))


def test_a_bias_of_lora_takes_pefts_own_pass() -> None:
    first, _ = layers(lora_bias=True)

    apart, stacked = both_ways(first, X)

    assert torch.equal(apart, stacked)


def test_an_adapter_that_overflows_spoils_no_other_row() -> None:
    first, _ = layers()
    with torch.no_grad():
        first.lora_A["two"].weight.fill_(float("inf"))

    _, stacked = both_ways(first, X)

    finite = [bool(row.isfinite().all()) for row in stacked]
    assert finite == [name != "two" for name in ROWS]


@pytest.mark.parametrize("others", [["one", "two"], ["two", "three", "one"]])
def test_another_mix_is_stacked_anew(others: list[str]) -> None:
    first, _ = layers()
    current = [Mix(ROWS)]
    stacked = StackedLora(first, lambda: current[0])
    with torch.inference_mode():
        stacked(X, adapter_names=ROWS)
        current[0] = Mix(others)

        again = stacked(X[: len(others)], adapter_names=others)

    assert torch.allclose(again, both_ways(first, X[: len(others)], others)[0], atol=1e-5)
