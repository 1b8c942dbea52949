"""Values: what may be written, what is refused and in which words, and what a real API server says of the objects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.chart.support.chart_files import CHART
from tests.chart.support.helm import NAMESPACE, Helm

from llmwright.settings import load
from llmwright.testing.cluster import Cluster
from llmwright.values.image_names import mirrored

Object = dict[str, Any]

DIGEST = "sha256:" + "0" * 64
PLUGIN = {"name": "acme-machines", "version": "1.2.0", "hashes": [DIGEST]}
NODE_CLASS = {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "gpu"}
LIMITS = {"nodes": 8, "usdPerHour": 40, "instanceTypes": ["Standard_NC24ads_A100_v4"]}

MONITORING_CRDS = Path(__file__).parent / "support/monitoring_crds.yaml"
"""Definitions of Prometheus Operator. An API server refuses fields that they have not."""

VALUES: dict[str, Object] = {
    "defaults": {},
    "karpenter": {"provisioner": {"name": "karpenter", "karpenter": {"nodeClassRef": NODE_CLASS, "mode": "nodepool"}}},
    "aks": {"provisioner": {"name": "aks", "aks": {"subscriptionId": "0000", "maxPools": 20}}},
    "byo with others": {"provisioner": {"name": "byo", "alsoAllowed": ["karpenter", "aks"]}},
    "a plugin": {
        "provisioner": {"name": "acme"},
        "plugins": [PLUGIN],
        "pluginIndex": {"url": "https://pypi.example/simple", "netrcSecret": "pypi-login"},
        "settings": {"plugins": {"provisioner": {"acme": {"region": "east"}}}, "allowedPlugins": ["acme-machines"]},
    },
    "an image of one's own": {"provisioner": {"name": "acme", "inImage": True}},
    "images": {
        "imageRegistry": "mirror.example/cache/",
        "image": {"repository": "llmwright/operator", "digest": DIGEST},
        "imagePullSecrets": [{"name": "mirror"}],
        "images": {"workload": f"llmwright/workload@{DIGEST}"},
        "workloads": {"imagePullSecrets": [{"name": "mirror"}]},
    },
    "webhook": {"webhook": {"enabled": True, "failurePolicy": "Fail", "timeout": 3}},
    "limits": {"settings": {"limits": LIMITS, "namespaceLimits": {"research": {"totalUsdPerHour": 120}}}},
    "watched": {
        "metrics": {
            "podMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
            "rules": {"enabled": True},
            "dashboard": {"enabled": True},
        }
    },
    "device plugin": {"devicePlugin": {"enabled": True, "runtimeClassName": "nvidia"}},
    "behind a proxy": {
        "proxy": {"http": "http://proxy.example:3128", "https": "http://proxy.example:3128", "except": ["10.0.0.0/8"]},
        "caBundle": {"configMap": "company-ca"},
        "extraEnv": [{"name": "HF_ENDPOINT", "value": "https://hub.example"}],
        "networkPolicy": {
            "metricsFrom": [{"namespaceSelector": {"matchLabels": {"team": "monitoring"}}}],
            "egress": [{"ports": [{"port": 443}]}],
        },
    },
    "one operator": {
        "replicas": 1,
        "podDisruptionBudget": {"enabled": False},
        "networkPolicy": {"enabled": False},
        "uninstallWarning": False,
        "crds": {"install": False},
        "priorityClassName": "system-cluster-critical",
        "serviceAccount": {"create": False, "name": "mine"},
        "podLabels": {"azure.workload.identity/use": "true"},
        "podAnnotations": {"linkerd.io/inject": "enabled"},
        "nodeSelector": {"pool": "system"},
        "tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "extraVolumes": [{"name": "presets", "configMap": {"name": "presets"}}],
        "extraVolumeMounts": [{"name": "presets", "mountPath": "/presets"}],
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway"}
        ],
    },
}

REFUSED: dict[str, tuple[Object, tuple[str, ...]]] = {
    "a key of nothing": ({"replica": 3}, ("additional properties 'replica' not allowed",)),
    "a key below": ({"image": {"tags": "1"}}, ("/image", "'tags'")),
    "no digest": ({"image": {"digest": "latest"}}, ("/image/digest", "pattern")),
    "no such setting": ({"settings": {"preflihgt": True}}, ("/settings", "'preflihgt'")),
    "a setting of another type": ({"settings": {"limits": {"nodes": "many"}}}, ("/settings/limits/nodes",)),
    "a driver's setting": (
        {"provisioner": {"karpenter": {"nodeClass": "x"}}},
        ("/provisioner/karpenter", "'nodeClass'"),
    ),
    "a driver's setting among all": (
        {"settings": {"plugins": {"provisioner": {"aks": {"maxPools": 0}}}}},
        ("/settings/plugins/provisioner/aks/maxPools",),
    ),
    "a plugin without hash": ({"plugins": [{**PLUGIN, "hashes": []}]}, ("/plugins/0/hashes",)),
    "a plugin of any version": ({"plugins": [{**PLUGIN, "version": ">=1 --index-url=x"}]}, ("/plugins/0/version",)),
    "a password in a URL": ({"pluginIndex": {"url": "https://me:secret@pypi.example/simple"}}, ("/pluginIndex/url",)),
    "a provisioner that is not there": (
        {"provisioner": {"name": "acme"}},
        ('the operator\'s image has no provisioner "acme"', "aks, byo, karpenter", "inImage=true"),
    ),
    "settings of another provisioner": (
        {"provisioner": {"name": "byo", "aks": {"maxPools": 3}}},
        ("provisioner.aks", "provisioner.name=aks"),
    ),
    "rights of a stranger": ({"provisioner": {"alsoAllowed": ["acme"]}}, ("provisioner.alsoAllowed", '"acme"')),
    "a setting that the chart writes": (
        {"settings": {"webhook": {"service": "a/b"}}},
        ("settings.webhook", "Set webhook of the values"),
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_mistake_is_refused_before_anything_is_applied(helm: Helm, name: str) -> None:
    values, words = REFUSED[name]
    done = helm.template(values)
    assert done.code != 0
    assert done.out == ""
    for said in words:
        assert said in done.err, done.err


@pytest.mark.parametrize("name", VALUES)
def test_the_operator_reads_the_settings(helm: Helm, tmp_path: Path, name: str) -> None:
    file = tmp_path / "llmwright.yaml"
    file.write_text(helm.one("ConfigMap", "llmwright-operator", VALUES[name])["data"]["llmwright.yaml"])
    settings = load(file=file, environ={})
    assert settings.provisioner == VALUES[name].get("provisioner", {}).get("name", "karpenter")
    assert dict(settings.images) == VALUES[name].get("images", {})
    assert settings.webhook.enabled == (name == "webhook")


def test_the_operator_is_told_of_the_other_provisioners_and_of_their_settings(helm: Helm, tmp_path: Path) -> None:
    wanted = {"name": "byo", "alsoAllowed": ["karpenter"], "karpenter": {"nodeClassRef": NODE_CLASS}}
    file = tmp_path / "llmwright.yaml"
    found = helm.one("ConfigMap", "llmwright-operator", {"provisioner": wanted})
    file.write_text(found["data"]["llmwright.yaml"])
    settings = load(file=file, environ={})
    assert settings.other_provisioners == ("karpenter",)
    assert settings.plugins.provisioner == {"karpenter": {"nodeClassRef": NODE_CLASS}}


def test_helm_finds_nothing_to_mend(helm: Helm) -> None:
    for values in VALUES.values():
        done = helm.run("lint", "--strict", str(CHART), values=values)
        assert done.code == 0, done.out + done.err
        assert "[WARNING]" not in done.out
        assert "[ERROR]" not in done.out


@pytest.fixture(scope="module")
def server(plane: Cluster) -> Cluster:
    """The cluster with the release's namespace, which admits restricted pods alone, and Prometheus Operator's kinds."""
    restricted = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": restricted}}
    plane.apply(namespace, *yaml.safe_load_all(MONITORING_CRDS.read_text()))
    plane.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    return plane


@pytest.mark.cluster
def test_the_api_server_takes_every_object(helm: Helm, server: Cluster) -> None:
    for name, values in VALUES.items():
        objects = helm.objects(values)
        assert len(objects) > 5, name
        items = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        said = server.kubectl("apply", "--server-side", "--dry-run=server", "--force-conflicts", "-f", "-", stdin=items)
        assert len(said.splitlines()) == len(objects), (name, said)


@pytest.mark.cluster
@pytest.mark.parametrize("name", ["defaults", "a plugin", "behind a proxy"])
def test_a_namespace_that_admits_restricted_pods_admits_the_operator(helm: Helm, server: Cluster, name: str) -> None:
    template = helm.one("Deployment", "llmwright-operator", VALUES[name])["spec"]["template"]
    pod = {"apiVersion": "v1", "kind": "Pod", **template}
    pod["metadata"] = {**pod["metadata"], "name": "probe", "namespace": NAMESPACE}
    pod["spec"]["serviceAccountName"] = "default"
    server.kubectl("apply", "--server-side", "--dry-run=server", "-f", "-", stdin=json.dumps(pod))


def test_plugins_are_installed_by_their_hashes(helm: Helm) -> None:
    values = VALUES["a plugin"]
    lines = helm.one("ConfigMap", "llmwright-operator", values)["data"]["plugins.txt"]
    assert lines == f"acme-machines==1.2.0 --hash={DIGEST}\n"
    pod = helm.one("Deployment", "llmwright-operator", values)["spec"]["template"]["spec"]
    assert "--require-hashes" in pod["initContainers"][0]["args"]
    assert {"name": "PYTHONPATH", "value": "/plugins"} in pod["containers"][0]["env"]
    assert "initContainers" not in helm.one("Deployment", "llmwright-operator")["spec"]["template"]["spec"]


def test_images_have_prefix_and_digest(helm: Helm) -> None:
    pod = helm.one("Deployment", "llmwright-operator", VALUES["images"])["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == f"mirror.example/cache/llmwright/operator@{DIGEST}"
    assert pod["imagePullSecrets"] == [{"name": "mirror"}]
    settings = yaml.safe_load(helm.one("ConfigMap", "llmwright-operator", VALUES["images"])["data"]["llmwright.yaml"])
    assert settings["pods"] == {"spec": {"imagePullSecrets": [{"name": "mirror"}]}}
    assert settings["imageRegistry"] == "mirror.example/cache/"


def test_an_overlay_for_pods_may_be_their_spec_beside_the_pull_secrets(helm: Helm) -> None:
    wanted = {"spec": {"imagePullSecrets": [{"name": "mirror"}], "priorityClassName": "low"}}
    for overlay in ({"priorityClassName": "low"}, {"spec": {"priorityClassName": "low"}}):
        values = {**VALUES["images"], "settings": {"pods": overlay}}
        settings = yaml.safe_load(helm.one("ConfigMap", "llmwright-operator", values)["data"]["llmwright.yaml"])
        assert settings["pods"] == wanted


@pytest.mark.parametrize(
    "repository",
    [
        "localhost/llmwright/operator",
        "there.example/operator",
        "other.example:5000/operator",
        "mirror.example/operator",
    ],
)
@pytest.mark.parametrize("registry", ["", "mirror.example", "mirror.example/"])
def test_a_mirror_stands_before_the_operators_image_as_before_the_others(
    helm: Helm, registry: str, repository: str
) -> None:
    values = {"imageRegistry": registry, "image": {"repository": repository, "tag": "1"}}
    pod = helm.one("Deployment", "llmwright-operator", values)["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == mirrored(f"{repository}:1", registry)


@pytest.mark.cluster
def test_a_field_that_prometheus_operator_has_not_is_refused(helm: Helm, server: Cluster) -> None:
    monitor = helm.one("PodMonitor", "llmwright-models", VALUES["watched"])
    monitor["spec"]["podMetricsEndpoints"][0]["relabelling"] = []
    text = json.dumps(monitor)
    said = server.kubectl("apply", "--server-side", "--dry-run=server", "-f", "-", stdin=text, check=False)
    assert "podMetricsEndpoints[0].relabelling" in said
