"""Namespaces are selected as Kubernetes does."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from llmwright.settings.namespace_selector import NamespaceSelector, matches


def selects(labels: dict[str, str], **selector: object) -> bool:
    return matches(NamespaceSelector.model_validate(selector), labels)


def test_all_labels_have_to_be_there() -> None:
    assert selects({})
    assert selects({"a": "1", "b": "2"}, matchLabels={"a": "1"})
    assert not selects({"a": "2"}, matchLabels={"a": "1"})


@pytest.mark.parametrize(
    ("operator", "values", "expected"),
    [
        ("In", ["x"], (True, False)),
        ("NotIn", ["x"], (False, True)),
        ("Exists", [], (True, False)),
        ("DoesNotExist", [], (False, True)),
    ],
)
def test_expressions(operator: str, values: list[str], expected: tuple[bool, bool]) -> None:
    rule = {"key": "a", "operator": operator, "values": values}
    found = tuple(selects(labels, matchExpressions=[rule]) for labels in ({"a": "x"}, {}))
    assert found == expected


def test_a_rule_without_its_values_is_refused() -> None:
    with pytest.raises(ValidationError, match="In takes values"):
        NamespaceSelector.model_validate({"matchExpressions": [{"key": "a", "operator": "In"}]})
