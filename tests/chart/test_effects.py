"""Each value of the chart is documented, and changes something that is applied: another value is tried for each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest
import yaml
from tests.chart.support.chart_files import CHART, PAGE
from tests.chart.support.helm import Done, Helm

Object = dict[str, Any]

DIGEST = "sha256:" + "0" * 64
PLUGIN = {"plugins": [{"name": "acme-machines", "version": "1.2.0", "hashes": [DIGEST]}]}
NODE_CLASS = {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "gpu"}
SETTINGS, POD, RIGHTS = {"ConfigMap", "Deployment"}, {"Deployment"}, {"ClusterRole"}
ACCOUNT = {"ServiceAccount", "Deployment", "ClusterRoleBinding", "RoleBinding"}
WATCHED: Object = {"metrics": {"podMonitor": {"enabled": True}, "rules": {"enabled": True}}}
SHOWN: Object = {"metrics": {"dashboard": {"enabled": True}}}
PLUGGED: Object = {"devicePlugin": {"enabled": True}}
JUDGED: Object = {"webhook": {"enabled": True}}
OTHER = {"requests": {"cpu": "7m"}}
LABELS = {"team": "search"}
PULLED = [{"name": "mirror"}]


@dataclass(frozen=True)
class Other:
    """Another value, the kinds of what it changes, and the values without which it has nothing to change."""

    value: Any
    changes: set[str]
    beside: Object = field(default_factory=dict)


OTHERS: Mapping[str, Other] = {
    "image.repository": Other("registry.example/operator", POD),
    "image.tag": Other("9.9", POD),
    "image.digest": Other(DIGEST, POD),
    "image.pullPolicy": Other("Always", POD),
    "imageRegistry": Other("mirror.example", {*SETTINGS, "DaemonSet"}, PLUGGED),
    "imagePullSecrets": Other(PULLED, {*POD, "DaemonSet"}, PLUGGED),
    "images": Other({"workload": "registry.example/workload:1"}, SETTINGS),
    "workloads.imagePullSecrets": Other(PULLED, SETTINGS),
    "replicas": Other(3, POD),
    "progressDeadlineSeconds": Other(77, POD),
    "podDisruptionBudget.enabled": Other(False, {"PodDisruptionBudget"}),
    "podDisruptionBudget.maxUnavailable": Other("50%", {"PodDisruptionBudget"}),
    "priorityClassName": Other("system-cluster-critical", POD),
    "serviceAccount.create": Other(False, {"ServiceAccount"}),
    "serviceAccount.name": Other("mine", ACCOUNT),
    "serviceAccount.annotations": Other({"azure.workload.identity/client-id": "0"}, {"ServiceAccount"}),
    "provisioner.name": Other("byo", {*SETTINGS, *RIGHTS}),
    "provisioner.inImage": Other(True, {"refused"}, {"provisioner": {"name": "acme"}}),
    "provisioner.alsoAllowed": Other(["aks"], SETTINGS),
    "provisioner.karpenter": Other({"nodeClassRef": NODE_CLASS}, SETTINGS),
    "provisioner.aks": Other({"maxPools": 3}, SETTINGS, {"provisioner": {"name": "aks"}}),
    "plugins": Other(PLUGIN["plugins"], SETTINGS),
    "pluginIndex.url": Other("https://pypi.example/simple", POD, PLUGIN),
    "pluginIndex.netrcSecret": Other("login", POD, PLUGIN),
    "pluginIndex.resources": Other(OTHER, POD, PLUGIN),
    "settings": Other({"preflight": False}, SETTINGS),
    "bind": Other("::", POD),
    "logFormat": Other("text", POD),
    "webhook.enabled": Other(True, {*SETTINGS, *RIGHTS, "Service", "NetworkPolicy", "ValidatingWebhookConfiguration"}),
    "webhook.failurePolicy": Other("Fail", SETTINGS, JUDGED),
    "webhook.timeout": Other(7, SETTINGS, JUDGED),
    "crds.install": Other(False, {"CustomResourceDefinition"}),
    "uninstallWarning": Other(False, {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}),
    "networkPolicy.enabled": Other(False, {"NetworkPolicy"}),
    "networkPolicy.metricsFrom": Other([{"podSelector": {}}], {"NetworkPolicy"}),
    "networkPolicy.egress": Other([{"ports": [{"port": 443}]}], {"NetworkPolicy"}),
    "metrics.podMonitor.enabled": Other(True, {"PodMonitor"}),
    "metrics.podMonitor.interval": Other("7s", {"PodMonitor"}, WATCHED),
    "metrics.podMonitor.labels": Other(LABELS, {"PodMonitor"}, WATCHED),
    "metrics.rules.enabled": Other(True, {"PrometheusRule"}),
    "metrics.rules.labels": Other(LABELS, {"PrometheusRule"}, WATCHED),
    "metrics.dashboard.enabled": Other(True, {"ConfigMap"}),
    "metrics.dashboard.namespace": Other("grafana", {"ConfigMap"}, SHOWN),
    "metrics.dashboard.labels": Other(LABELS, {"ConfigMap"}, SHOWN),
    "devicePlugin.enabled": Other(True, {"DaemonSet"}),
    "devicePlugin.image.repository": Other("registry.example/plugin", {"DaemonSet"}, PLUGGED),
    "devicePlugin.image.tag": Other("v9", {"DaemonSet"}, PLUGGED),
    "devicePlugin.image.digest": Other(DIGEST, {"DaemonSet"}, PLUGGED),
    "devicePlugin.runtimeClassName": Other("nvidia", {"DaemonSet"}, PLUGGED),
    "devicePlugin.nodeSelector": Other(LABELS, {"DaemonSet"}, PLUGGED),
    "devicePlugin.tolerations": Other([], {"DaemonSet"}, PLUGGED),
    "devicePlugin.resources": Other(OTHER, {"DaemonSet"}, PLUGGED),
    "resources": Other(OTHER, POD),
    "proxy.http": Other("http://proxy.example:3128", POD),
    "proxy.https": Other("http://proxy.example:3128", POD),
    "proxy.except": Other(["10.0.0.0/8"], POD, {"proxy": {"https": "http://proxy.example:3128"}}),
    "caBundle.configMap": Other("company-ca", POD),
    "caBundle.key": Other("roots.pem", POD, {"caBundle": {"configMap": "company-ca"}}),
    "extraEnv": Other([{"name": "HF_ENDPOINT", "value": "https://hub.example"}], POD),
    "extraVolumes": Other([{"name": "presets", "emptyDir": {}}], POD),
    "extraVolumeMounts": Other([{"name": "tmp", "mountPath": "/presets"}], POD),
    "podLabels": Other(LABELS, POD),
    "podAnnotations": Other(LABELS, POD),
    "nodeSelector": Other(LABELS, POD),
    "tolerations": Other([{"operator": "Exists"}], POD),
    "affinity": Other({"nodeAffinity": {}}, POD),
    "topologySpreadConstraints": Other(
        [{"maxSkew": 2, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}], POD
    ),
}
NO_OTHER = {"provisioner.byo": "it has no settings, so nothing but {} is accepted"}


def documented() -> set[str]:
    """The paths of the values that ``docs/chart.md`` has a row for, without those of sections."""
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    return {row.split("`")[1] for row in rows}


def shipped(values: Object, known: set[str], above: str = "") -> Iterator[str]:
    """Yield the path of each value of ``values.yaml``; what is ``known`` is a value, whatever is in it."""
    for name, each in values.items():
        path = f"{above}{name}"
        if isinstance(each, dict) and path not in known:
            yield from shipped(each, known, f"{path}.")
        else:
            yield path


def test_every_value_is_documented_and_tried() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert {*shipped(values, documented())} == documented()
    assert documented() == {*OTHERS, *NO_OTHER}


@pytest.mark.parametrize("path", OTHERS)
def test_another_value_changes_what_is_applied(helm: Helm, path: str) -> None:
    other = OTHERS[path]
    nested: Object = {}
    merge(nested, other.beside)
    before = rendered(helm, json.dumps(nested))
    *sections, name = path.split(".")
    within = nested
    for section in sections:
        within = within.setdefault(section, {})
    within[name] = other.value
    after = helm.template(nested)
    assert after.code == 0, after.err
    assert changed(before, after) == other.changes


@cache
def rendered(helm: Helm, values: str) -> Done:
    """Render these values, which many others are compared with."""
    return helm.template(json.loads(values))


def merge(into: Object, more: Object) -> None:
    """Put ``more`` into it, section by section, so that a change to it changes nobody else's."""
    for key, part in more.items():
        if isinstance(part, dict):
            merge(into.setdefault(key, {}), part)
        else:
            into[key] = part


def changed(before: Done, after: Done) -> set[str]:
    """Return the kinds of what is other, more or less afterwards; ``refused`` where it was not rendered at first."""
    if before.code != 0:
        return {"refused"}
    first, then = objects(before), objects(after)
    return {key[0] for key in {*first, *then} if first.get(key) != then.get(key)}


def objects(done: Done) -> dict[tuple[str, str, str], Object]:
    """Return what was rendered by kind, namespace and name."""
    found = [each for each in yaml.load_all(done.out, Loader=yaml.CSafeLoader) if each]
    return {(each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]): each for each in found}
