"""Layers by oneDNN give what torch's own give, and only where a trial shows that they are faster."""

from __future__ import annotations

import copy
import logging
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import nn
from torch.nn import functional

from llmwright_runtime_hf.serve.engine import onednn_linear
from llmwright_runtime_hf.serve.engine.onednn_linear import OneDnnLinear, use_onednn


class Tied(nn.Module):
    """A model with a bias, a layer of half precision, and a last layer that shares its weight."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(96, 48)
        self.hidden = nn.Linear(48, 48)
        self.brief = nn.Linear(48, 48, dtype=torch.bfloat16)
        self.last = nn.Linear(48, 96, bias=False)
        self.last.weight = self.embedding.weight

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        hidden = self.hidden(self.embedding(ids))
        logits: torch.Tensor = self.last(hidden + self.brief(hidden.bfloat16()).float())
        return logits


@pytest.fixture
def faster(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take oneDNN whatever the trial gives."""
    monkeypatch.setattr(onednn_linear, "FASTER", 0)
    monkeypatch.setattr(onednn_linear, "LEAST_PRODUCTS", 0)


@pytest.mark.usefixtures("faster")
@pytest.mark.parametrize("ids", [[[3]], [[1, 2, 3]], [[5, 6], [7, 8], [9, 0]]])
def test_the_sums_are_those_of_torch(ids: list[list[int]], caplog: pytest.LogCaptureFixture) -> None:
    torch.manual_seed(0)
    model = Tied().eval()
    ours = copy.deepcopy(model)
    with caplog.at_level(logging.INFO, "llmwright.serve"):
        use_onednn(ours)

    assert [type(layer) for layer in (ours.hidden, ours.brief, ours.last)] == [OneDnnLinear, nn.Linear, OneDnnLinear]
    assert ours.last.weight is ours.embedding.weight
    assert "times as fast here as torch's first choice" in caplog.text
    with torch.inference_mode():
        expected, got = model(torch.tensor(ids)), ours(torch.tensor(ids))
    assert got.shape == expected.shape
    torch.testing.assert_close(got, expected)


@pytest.mark.usefixtures("faster")
def test_an_adapter_rests_on_such_a_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model = Tied().eval()
    use_onednn(model)
    adapted = get_peft_model(model, LoraConfig(r=4, target_modules=["hidden"], init_lora_weights=False)).eval()
    ids = torch.tensor([[1, 2, 3]])

    with torch.inference_mode():
        ours = adapted(ids)
    monkeypatch.setattr(onednn_linear, "LEAST_PRODUCTS", float("inf"))
    with torch.inference_mode():
        torch.testing.assert_close(ours, adapted(ids))


@pytest.mark.usefixtures("faster")
def test_gradients_flow_as_in_torch() -> None:
    model = Tied()
    use_onednn(model)

    model(torch.tensor([[1, 2]])).sum().backward()

    assert model.hidden.weight.grad is not None


def test_a_trial_without_a_gain_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onednn_linear, "_seconds", lambda *_: 1.0)
    model = Tied()
    use_onednn(model)

    assert type(model.hidden) is nn.Linear


@pytest.mark.usefixtures("faster")
def test_a_torch_without_the_function_keeps_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> torch.Tensor:
        raise AttributeError("'_OpNamespace' 'mkldnn' object has no attribute '_linear_pointwise'")

    monkeypatch.setattr(onednn_linear, "by_onednn", missing)
    monkeypatch.setattr(onednn_linear, "FASTER", 1)
    model = Tied()
    use_onednn(model)

    assert type(model.hidden) is nn.Linear


def test_a_model_without_plain_layers_is_left_alone() -> None:
    use_onednn(nn.Embedding(3, 4))


class Quantised(torch.Tensor):
    """A weight as torchao's: it says float32 and CPU, and knows of torch's functions the linear layer alone."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if "mkldnn" in str(func):
            raise NotImplementedError(f"{func} with a quantised weight")
        return super().__torch_function__(func, types, args, kwargs or {})  # type: ignore[no-untyped-call]


@pytest.mark.usefixtures("faster")
@pytest.mark.parametrize("later", [False, True])
def test_a_weight_of_another_class_stays_with_torch(later: bool) -> None:
    model = Tied().eval()
    if later:
        use_onednn(model)
    model.hidden.weight = nn.Parameter(model.hidden.weight.detach().as_subclass(Quantised))
    ids = torch.tensor([[1, 2, 3]])
    with torch.no_grad():
        expected = functional.linear(model.embedding(ids), model.hidden.weight, model.hidden.bias)
        use_onednn(model)
        torch.testing.assert_close(model.hidden(model.embedding(ids)), expected)

    assert type(model.last) is OneDnnLinear


@pytest.mark.usefixtures("faster")
def test_a_layer_keeps_to_the_precision_that_is_asked_for_around_it() -> None:
    model = Tied().eval()
    use_onednn(model)

    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        assert model.hidden(torch.ones(3, 48)).dtype == torch.bfloat16


@pytest.mark.usefixtures("faster")
@pytest.mark.parametrize("wrong", [1.01, float("nan")])
def test_a_library_that_gives_other_sums_is_not_used(monkeypatch: pytest.MonkeyPatch, wrong: float) -> None:
    right = onednn_linear.by_onednn
    monkeypatch.setattr(onednn_linear, "by_onednn", lambda rows, layer: right(rows, layer) * wrong)
    monkeypatch.setattr(onednn_linear, "FASTER", 1e-9)
    model = Tied()
    use_onednn(model)

    assert type(model.hidden) is nn.Linear
