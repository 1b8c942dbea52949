"""Label selectors, as kubectl takes them."""

from __future__ import annotations

import pytest

from llmwright.api.label_selector import label_selector
from llmwright.errors import ConfigError

LABELS = {"app": "phi", "tier": "test", "team/name": "search"}


@pytest.mark.parametrize(
    "text", ["", "app=phi", "app==phi,tier!=live", "app", "!gone", "app in (phi, qwen),tier notin (live)", "gone!=x",
             "team/name=search"],
)  # fmt: skip
def test_labels_match(text: str) -> None:
    assert label_selector(text)(LABELS)


@pytest.mark.parametrize("text", ["app=qwen", "app,gone", "!app", "app notin (phi)", "tier!=test", "gone in (x)"])
def test_labels_do_not_match(text: str) -> None:
    assert not label_selector(text)(LABELS)


@pytest.mark.parametrize("text", ["=x", "app in phi", "app=a b", "a=(b", "app in (a"])
def test_what_is_no_selector_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is no selector"):
        label_selector(text)
