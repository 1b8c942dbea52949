"""Layers by oneDNN give what torch's own give, and only where a trial shows that they are faster."""

from __future__ import annotations

import copy
import logging

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import nn

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
