"""The chart has the rights that the code prints, and values that keep their schema."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import jsonschema
import pytest
import yaml
from tests.chart.support.chart_files import CHART
from tests.chart.support.helm import Helm

from llmwright.plugins.driver_set import DriverSet
from llmwright.plugins.registry import Registry
from llmwright.targets.kubernetes.operator.rbac import manifests

Object = dict[str, Any]

DRIVERS = DriverSet.of_registry(Registry())
LABELS_OF_CHARTS = ("app.kubernetes.io", "helm.sh")
RIGHTS = ("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding", "ServiceAccount")


def test_the_values_keep_their_own_schema() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load((CHART / "values.yaml").read_text()), schema)


@pytest.mark.parametrize(
    ("provisioners", "webhook"),
    [(("karpenter",), False), (("aks",), True), (("byo",), False), (("byo", "karpenter", "aks"), True)],
)
def test_the_rights_of_the_chart_are_those_of_the_code(
    helm: Helm, provisioners: tuple[str, ...], webhook: bool
) -> None:
    first, *others = provisioners
    values = {"provisioner": {"name": first, "alsoAllowed": others}, "webhook": {"enabled": webhook}}
    declared = DRIVERS.access_rules(provisioners)
    coded = manifests("llmwright-system", "llmwright-operator", declared, webhook=webhook)
    names = {(each["kind"], each["metadata"]["name"]) for each in coded}
    objects = {(each["kind"], each["metadata"]["name"]): each for each in helm.objects(values)}
    assert {name for name in objects if name[0] in RIGHTS} <= names
    assert comparable([each for name, each in objects.items() if name in names]) == comparable(coded)


def comparable(objects: list[Object]) -> list[str]:
    """Each object without the labels that charts have, its rules in any order."""
    found = []
    for each in objects:
        metadata = {**each["metadata"], "labels": own_labels(each)}
        rules = sorted(json.dumps(rule, sort_keys=True) for rule in each.get("rules") or ())
        found.append(json.dumps({**each, "metadata": metadata, "rules": rules}, sort_keys=True))
    return sorted(found)


def own_labels(each: Object) -> Object:
    labels = each["metadata"].get("labels") or {}
    return {name: value for name, value in labels.items() if name.partition("/")[0] not in LABELS_OF_CHARTS}


@pytest.mark.parametrize("words", [("--provisioner", "karpenter"), ("--provisioner", "aks", "--webhook")])
def test_the_command_prints_the_rights_of_the_chart(helm: Helm, words: tuple[str, ...]) -> None:
    command = (sys.executable, "-m", "llmwright", "rbac", *words, "-o", "json")
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    printed = json.loads(done.stdout)["items"]
    values = {"provisioner": {"name": words[1]}, "webhook": {"enabled": "--webhook" in words}}
    names = {(each["kind"], each["metadata"]["name"]) for each in printed}
    rendered = [each for each in helm.objects(values) if (each["kind"], each["metadata"]["name"]) in names]
    assert comparable(rendered) == comparable(printed)
