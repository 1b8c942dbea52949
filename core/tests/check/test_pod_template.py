"""Parts of a Workspace that end in a pod: told before a node is bought where no API server would take them.

``tests/cluster/test_what_becomes.py`` holds the same rules against a real API server, for many more values.
"""

from __future__ import annotations

from typing import Any

import pytest

from llmwright.api.workspace import Workspace
from llmwright.check.admission import check_workspace
from llmwright.check.check_input import CheckInput
from llmwright.check.object_sizes import config_map_problems
from llmwright.values.plan import Target

PRESET = {"name": "phi-4"}
CONTAINER = {"name": "c", "image": "nginx:1"}
IMAGE = {"image": "registry.example/o:1"}
TUNING = {"preset": PRESET, "method": "lora", "input": IMAGE, "output": {**IMAGE, "imagePushSecret": "s"}}


def refused(
    target: Target = "kubernetes", about: dict[str, Any] | None = None, severity: str = "error", **parts: Any
) -> dict[str, str]:
    """Return the unworkable parts by their path."""
    document = {
        "apiVersion": "kaito.sh/v1beta1",
        "kind": "Workspace",
        "metadata": {"name": "ws", **(about or {})},
        "resource": {"labelSelector": {"matchLabels": {"apps": "a"}}},
        **parts,
    }
    found = check_workspace(CheckInput(written=Workspace.model_validate(document), target=target))
    return {each.path: str(each) for each in found if each.reason == "Unworkable" and each.severity == severity}


def of_template(**spec: Any) -> dict[str, str]:
    template = {"spec": {"containers": [CONTAINER], **spec}}
    problems = refused(inference={"template": template})
    return {path.removeprefix("inference.template."): text for path, text in problems.items()}


def of_container(**parts: Any) -> dict[str, str]:
    problems = of_template(containers=[{**CONTAINER, **parts}])
    return {path.removeprefix("spec.containers[0]."): text for path, text in problems.items()}


@pytest.mark.parametrize("name", ["My_Secret", "a" * 254, "-a", "a/b"])
def test_a_secret_or_config_that_there_cannot_be_is_named_with_its_place(name: str) -> None:
    options = {"modelAccessSecret": name, "imagePullSecrets": ["s", name]}
    source = {"source": {"name": "a", **IMAGE, "imagePullSecrets": [name]}}
    served = {"preset": {**PRESET, "presetOptions": options}, "config": name, "adapters": [source]}
    assert set(refused(inference=served)) == {"inference.config"}
    assert set(refused(inference=served, severity="warning")) == {
        "inference.preset.presetOptions.modelAccessSecret",
        "inference.preset.presetOptions.imagePullSecrets[1]",
        "inference.adapters[0].source.imagePullSecrets[0]",
    }
    tuned = {**TUNING, "config": name, "output": {**IMAGE, "imagePushSecret": name}}
    tuned["input"] = {**IMAGE, "imagePullSecrets": [name]}
    assert set(refused(tuning=tuned)) == {"tuning.config"}
    assert set(refused(tuning=tuned, severity="warning")) == {
        "tuning.output.imagePushSecret",
        "tuning.input.imagePullSecrets[0]",
    }
    assert refused("local", inference={**served, "adapters": []}) == {}


def test_a_placeholder_for_a_secret_is_told_as_one() -> None:
    assert refused(tuning={**TUNING, "output": {**IMAGE, "imagePushSecret": "ACR_REGISTRY_SECRET_HERE"}}) == {}


@pytest.mark.parametrize(
    ("volume", "path", "words"),
    [
        ({"pvc": {"claimName": "c"}}, ".pvc", "is no kind of volume"),
        ({"persistentVolumeClaim": {"claim": "c"}}, ".persistentVolumeClaim.claim", "did you mean 'claimName'?"),
        ({"persistentVolumeClaim": {}}, ".persistentVolumeClaim.claimName", "is required"),
        ({"emptyDir": {}, "hostPath": {"path": "/x"}}, "", "more than one kind"),
        ({"hostPath": {"path": "/a/../b"}}, ".hostPath.path", "'..'"),
        ({"emptyDir": {"sizeLimit": "1 GB"}}, ".emptyDir.sizeLimit", "no quantity"),
        ({"nfs": {"server": "s", "path": "p"}}, ".nfs.path", "absolute"),
        ({"persistentVolumeClaim": {"claimName": "My_Claim"}}, ".persistentVolumeClaim.claimName", "a-z"),
        ({"azureDisk": {"diskName": "d", "diskURI": "/subscriptions/d"}}, ".azureDisk.diskURI", "kind: Managed"),
    ],
)
def test_a_volume_that_no_pod_can_have(volume: dict[str, Any], path: str, words: str) -> None:
    for part in ("input", "output"):
        problems = refused(tuning={**TUNING, part: {"volumeSource": volume}})
        assert words in problems[f"tuning.{part}.volumeSource{path}"]
    adapter = {"source": {"name": "a", "volumeSource": volume}}
    assert (
        words
        in refused(inference={"preset": PRESET, "adapters": [adapter]})[
            f"inference.adapters[0].source.volumeSource{path}"
        ]
    )


@pytest.mark.parametrize(
    ("spec", "path", "words"),
    [
        ({"containers": []}, "spec.containers", "at least one"),
        ({"containers": [CONTAINER, CONTAINER]}, "spec.containers[1].name", "another container"),
        ({"containers": [{"name": "c"}]}, "spec.containers[0].image", "required"),
        ({"restartPolicy": "Never"}, "spec.restartPolicy", "Always"),
        ({"serviceAccountName": "A"}, "spec.serviceAccountName", "a-z"),
        ({"tolerations": [{"key": "a", "operator": "Exists", "value": "b"}]}, "spec.tolerations[0].value", "no value"),
        ({"volumes": [{"name": "v", "pvc": {}}]}, "spec.volumes[0].pvc", "no field"),
    ],
)
def test_a_template_that_no_server_can_have(spec: dict[str, Any], path: str, words: str) -> None:
    assert words in of_template(**spec)[path]


@pytest.mark.parametrize(
    ("parts", "path", "words"),
    [
        ({"imagee": "i"}, "imagee", "did you mean 'image'?"),
        ({"name": "a.b"}, "name", "dots"),
        ({"env": [{"name": "A", "value": 1}]}, "env[0].value", "a text"),
        ({"ports": [{"containerPort": 70000}]}, "ports[0].containerPort", "no port"),
        ({"resources": {"limits": {"gpu": 1}}}, "resources.limits.gpu", "nvidia.com/gpu"),
        ({"resources": {"requests": {"nvidia.com/gpu": 1}}}, "resources.requests.nvidia.com/gpu", "limit"),
        ({"resources": {"limits": {"memory": "16GB"}}}, "resources.limits.memory", "no quantity"),
        ({"volumeMounts": [{"name": "v", "mountPath": "/v"}]}, "volumeMounts[0].name", "no volume 'v'"),
        ({"readinessProbe": {}}, "readinessProbe", "exactly one"),
    ],
)
def test_a_container_that_no_server_can_have(parts: dict[str, Any], path: str, words: str) -> None:
    assert words in of_container(**parts)[path]


def test_a_template_of_every_part_passes() -> None:
    probe = {"httpGet": {"path": "/health", "port": "http"}}
    container = {
        **CONTAINER,
        "command": ["serve"],
        "ports": [{"containerPort": 80, "name": "http"}],
        "env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
        "resources": {"limits": {"nvidia.com/gpu": 1, "memory": "16Gi"}, "requests": {"cpu": 0.5, "memory": "1e9"}},
        "volumeMounts": [{"name": "v", "mountPath": "/v"}],
        "readinessProbe": probe,
    }
    volume = {"name": "v", "persistentVolumeClaim": {"claimName": "c"}}
    affinity = {"anything": "that is replaced"}
    assert of_template(containers=[container], volumes=[volume], restartPolicy="Always", affinity=affinity) == {}


def test_sizes_that_no_cluster_stores() -> None:
    def template(count: int) -> dict[str, Any]:
        env = [{"name": f"A{number}", "value": "x" * 1000} for number in range(count)]
        return {"template": {"spec": {"containers": [{**CONTAINER, "env": env}]}}}

    assert refused(inference=template(1000)) == {}
    (text,) = refused(inference=template(1300)).values()
    assert text.startswith("inference: a cluster stores at most 1280 KiB of one Workspace, and this takes 14")
    assert set(refused(about={"annotations": {"a": "x" * 256 * 1024}}, inference={"preset": PRESET})) == {
        "metadata.annotations"
    }
    assert set(refused(about={"labels": {"a b": "c"}}, inference={"preset": PRESET})) == {'metadata.labels["a b"]'}
    assert [*config_map_problems("p", "c", {"x": "y" * 2**20})] == []
    assert "holds at most 1024 KiB" in str(*config_map_problems("p", "c", {"x": "y" * (2**20 + 1)}))
    assert "'a b'" in str(*config_map_problems("p", "c", {"a b": ""}))


@pytest.mark.parametrize("value", [None, [], [None], {}, {1: 2}, "x", 1, True, {"a": {"b": [None]}}, [[]]])
@pytest.mark.parametrize("key", ["containers", "volumes", "tolerations", "nodeSelector", "dnsConfig", "hostname"])
def test_nothing_in_a_template_stops_the_judge(key: str, value: Any) -> None:
    of_template(**{key: value})
    of_template(containers=[{**CONTAINER, **dict.fromkeys(("env", "ports", "resources", "readinessProbe"), value)}])
    refused(
        inference={"template": {"metadata": {"labels": value, "annotations": value}, "spec": {"containers": value}}}
    )
