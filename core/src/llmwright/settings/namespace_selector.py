"""The label selector of the namespaces that an operator carries out, as Kubernetes has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.alias_generators import to_camel

MODEL = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class LabelRule(BaseModel):
    """One expression on a label. ``values`` are for In and NotIn alone."""

    model_config = MODEL

    key: str
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _has_values_where_it_needs_them(self) -> LabelRule:
        if (self.operator in ("In", "NotIn")) != bool(self.values):
            raise ValueError(f"{self.operator} takes {'values' if self.operator in ('In', 'NotIn') else 'no values'}")
        return self


class NamespaceSelector(BaseModel):
    """Labels of namespaces: all of ``match_labels``, and all of ``match_expressions``. Without any, every namespace."""

    model_config = MODEL

    match_labels: dict[str, str] = {}
    match_expressions: tuple[LabelRule, ...] = ()


def matches(selector: NamespaceSelector, labels: Mapping[str, str]) -> bool:
    """Return whether a namespace with these labels is selected."""
    wanted = all(labels.get(key) == value for key, value in selector.match_labels.items())
    return wanted and all(_holds(rule, labels) for rule in selector.match_expressions)


def _holds(rule: LabelRule, labels: Mapping[str, str]) -> bool:
    if rule.operator in ("Exists", "DoesNotExist"):
        return (rule.key in labels) == (rule.operator == "Exists")
    # As Kubernetes has it: a label that is not there is not in any list.
    return (labels.get(rule.key) in rule.values) == (rule.operator == "In")
