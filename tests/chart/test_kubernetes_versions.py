"""The oldest Kubernetes that the chart asks for knows all that chart, CRD and operator write."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.chart.support.earlier_fields import Fields, oldest
from tests.chart.support.helm import MONITORING, NAMESPACE, Helm
from tests.chart.test_values import VALUES
from tests.cluster.test_manifests import typed, with_goldens
from tests.conformance.manifest_scenario import Cluster as Rendering
from tests.support.documents import ROOT
from tests.support.earlier_kubernetes import emulating

from llmwright.api.cel_rules import cel_rules
from llmwright.api.crd import crd
from llmwright.api.versions import API_VERSIONS
from llmwright.app.cluster_doctor.examination import OLDEST
from llmwright.testing.cluster import Cluster

Object = dict[str, Any]

FIELDS = Fields.kept()
EMULATED = "1.31"
"""The oldest release that today's API server emulates."""
SINCE = {
    "has": "1.25",
    "contains": "1.25",
    "lowerAscii": "1.25",
    "matches": "1.25",
    "size": "1.25",
    "hasValue": "1.29",
    "value": "1.29",
}
"""The release in which rules of a CRD may call a function: `apiserver/pkg/cel/environment/base.go` of Kubernetes. Rules
may use a library one release after the one that it came with; CRDs have rules since 1.25."""
OLD_SELF_SINCE = "1.30"
"""The release from which on `optionalOldSelf` is kept unless a gate is off (KEP-4008: beta in 1.30)."""
WORKSPACE: Object = {
    "apiVersion": "kaito.sh/v1beta1",
    "kind": "Workspace",
    "metadata": {"name": "demo", "namespace": "default"},
    "resource": {"instanceType": "Standard_NC24ads_A100_v4", "labelSelector": {"matchLabels": {"a": "b"}}},
    "inference": {"preset": {"name": "phi-4-mini-instruct"}},
}


def number(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in release.split("."))


def test_all_name_the_same_release() -> None:
    assert number(oldest()) == OLDEST
    assert oldest() == FIELDS.release, "python -m tests.chart.support.earlier_fields"
    page = (ROOT / "docs/installation.md").read_text(encoding="utf-8")
    assert f"Kubernetes {oldest()} or newer" in page


def test_helm_refuses_an_older_one(helm: Helm) -> None:
    major, minor = number(oldest())
    done = helm.template({}, "--kube-version", f"{major}.{minor - 1}.14")
    assert done.code != 0
    assert "incompatible with Kubernetes" in done.err
    assert helm.template({}, "--kube-version", f"{oldest()}.0").code == 0


@pytest.mark.parametrize("name", VALUES)
def test_it_knows_every_field_that_the_chart_writes(helm: Helm, name: str) -> None:
    for each in helm.objects(VALUES[name]):
        if each["apiVersion"] != MONITORING:
            assert FIELDS.unknown(each) == []


@pytest.mark.parametrize(("name", "given"), with_goldens().items(), ids=lambda it: it if isinstance(it, str) else "")
def test_it_knows_every_field_that_the_operator_writes(name: str, given: Object) -> None:
    for kind, found in Rendering().objects(given).items():
        if kind != "nodeclaim":
            assert FIELDS.unknown({**typed(kind, found), **found}) == []


def test_a_field_of_a_newer_release_is_told() -> None:
    image = {"name": "model", "image": {"reference": "registry.example/model:1"}}
    pod = {"spec": {"volumes": [image]}}
    newer = {"apiVersion": "apps/v1", "kind": "StatefulSet", "spec": {"template": pod}}
    assert FIELDS.unknown(newer) == ["apps/v1/StatefulSet.spec.template.spec.volumes[0].image"]
    rule = {"x-kubernetes-validations": [{"rule": "true", "laterThan": True}]}
    schema = {"properties": {"a": {"items": rule}}}
    definition = {**crd(), "spec": {"versions": [{"schema": {"openAPIV3Schema": schema}}]}}
    assert [each.rpartition(".")[2] for each in FIELDS.unknown(definition)] == ["laterThan"]


def test_rules_call_no_function_of_a_newer_release() -> None:
    rules = [
        rule
        for version in API_VERSIONS
        for fixed in (True, False)
        for some in cel_rules(version, options_fixed=fixed).values()
        for rule in some
    ]
    called = {name for rule in rules for name in re.findall(r"(\w+)\(", without_texts(rule["rule"]))}
    assert called == SINCE.keys()
    assert max(map(number, SINCE.values())) <= number(oldest())
    assert any("optionalOldSelf" in rule for rule in rules)
    assert number(OLD_SELF_SINCE) <= number(oldest())


def without_texts(rule: str) -> str:
    return re.sub(r"'[^']*'", "''", rule)


@pytest.fixture(scope="module")
def emulated(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster whose API server does as an earlier release, with LLMwright installed."""
    folder = tmp_path_factory.mktemp("emulated")
    started = Cluster.start(emulating(assets, EMULATED, folder / "programs"), folder / "plane")
    started.install()
    yield started
    started.stop()


@pytest.mark.cluster
def test_an_api_server_that_emulates_an_earlier_one_takes_it(emulated: Cluster, helm: Helm) -> None:
    version = json.loads(emulated.kubectl("get", "--raw=/version"))
    assert (version["emulationMajor"], version["emulationMinor"]) == tuple(EMULATED.split("."))
    (stored,) = [each for each in emulated.get("crds") if each["spec"]["group"] == "kaito.sh"]
    assert rules_of(stored) == rules_of(crd()), "none of the rules was dropped"
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    emulated.apply(namespace)
    for name in ("defaults", "webhook", "device plugin", "one operator"):
        objects = [each for each in helm.objects(VALUES[name]) if each["apiVersion"] != MONITORING]
        items = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        emulated.kubectl("apply", "--server-side", "--dry-run=server", "--force-conflicts", "-f", "-", stdin=items)


@pytest.mark.cluster
def test_its_rules_judge_there(emulated: Cluster) -> None:
    emulated.apply(WORKSPACE)
    emulated.kubectl("label", "workspace", "demo", "team=search")
    about = {**WORKSPACE["metadata"], "name": "with.dots"}
    said = emulated.kubectl("create", "-f", "-", stdin=json.dumps({**WORKSPACE, "metadata": about}), check=False)
    assert "the name of a Workspace has no dots" in said
    patch = '{"inference": {"preset": {"name": "phi-4"}}}'
    said = emulated.kubectl("patch", "workspace", "demo", "--type=merge", "-p", patch, check=False)
    assert "preset cannot be changed" in said


def rules_of(definition: Object) -> list[Object]:
    """Return all rules of a definition, wherever they stand."""
    return [*_rules(definition["spec"]["versions"])]


def _rules(part: Any) -> Iterator[Object]:
    if isinstance(part, dict):
        yield from part.get("x-kubernetes-validations", ())
        for key in sorted(part):
            yield from _rules(part[key])
    if isinstance(part, list):
        for each in part:
            yield from _rules(each)
