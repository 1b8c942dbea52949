"""What stands in the way on a cluster, by an API server that is only an answer."""

from __future__ import annotations

import copy
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from llmwright.api.crd import crd
from llmwright.app.cluster_doctor import ClusterExamination
from llmwright.app.cluster_doctor import image_findings as images
from llmwright.app.cluster_doctor.gpus import gpu_findings
from llmwright.app.session import Session
from llmwright.targets.kubernetes.cluster import kubeconfig
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import FORBIDDEN, ApiError
from llmwright.targets.kubernetes.operator.rbac import RULES
from llmwright.values.nodes import Finding
from llmwright.values.same_place import SamePlace

ALL = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}


class Answers:
    """Answers as an API server with our definition and all rights."""

    configuration = SimpleNamespace(host="https://cluster.example")
    same_place = SamePlace(cluster=("--context", "prod"))

    def __init__(self) -> None:
        self.kinds_served: list[dict[str, Any]] = [{"name": "workspaces"}, {"name": "rayservices"}]
        self.definition: dict[str, Any] = copy.deepcopy(crd())
        self.rules: list[dict[str, Any]] = [ALL]
        self.error: ApiError | None = None
        self.denied: set[tuple[str, str, str]] = set()
        self.release = "v1.34.4"
        self.lists: dict[str, list[dict[str, Any]]] = {}
        self.settings = ""
        self.silent: set[str] = set()

    def kinds(self, api_version: str) -> list[dict[str, Any]]:
        if api_version in self.silent:
            raise ApiError("GET /x: try again", code=500, reason="InternalError")
        if self.error is not None:
            raise self.error
        return self.kinds_served

    def get(self, resource: Any, namespace: Any, name: str) -> dict[str, Any]:
        if resource.plural == "configmaps":
            return {"data": {"llmwright.yaml": self.settings}}
        return self.definition

    def create(self, resource: Any, body: Any) -> dict[str, Any]:
        if resource.plural == "selfsubjectreviews":
            return {"status": {"userInfo": {"username": "ann"}}}
        asked = body["spec"].get("resourceAttributes", {})
        denied = (asked.get("verb"), asked.get("resource"), asked.get("subresource")) in self.denied
        return {"status": {"resourceRules": self.rules, "allowed": not denied}}

    def version(self) -> str:
        return self.release

    def find(self, resource: Any, namespace: Any, name: str) -> None:
        return None

    def page(self, resource: Any, query: Any, *, namespace: str | None = None) -> dict[str, Any]:
        return {"metadata": {}, "items": self.lists.get(resource.plural, [])}


@pytest.fixture
def answers(work: Path, monkeypatch: pytest.MonkeyPatch) -> Answers:
    server = Answers()
    monkeypatch.setattr(kubeconfig, "connect", lambda *_: server)
    monkeypatch.setattr(kubeconfig, "in_cluster", lambda: False)
    return server


def found() -> dict[str, Finding]:
    return {finding.about: finding for finding in ClusterExamination(Session()).findings()}


def test_a_cluster_as_it_should_be(answers: Answers) -> None:
    rights = ("get, wait", "describe", "logs", "apply, stop, start, delete", "rollout", "chat, bench")
    assert {about: finding.state for about, finding in found().items()} == {
        "cluster": "ok",
        "Workspace definition": "ok",
        **{f"rights for {verbs}": "ok" for verbs in rights},
        "operator": "problem",  # nobody installed one
        "rights": "ok",
        "GPUs": "unchecked",
        "device plugin": "unchecked",
        "objects of runtime ray": "ok",
    }


def test_a_cluster_that_does_not_answer_is_a_problem_and_nothing_more_is_asked(answers: Answers) -> None:
    answers.error = ApiError("no route to host", code=0, reason="ApiServerUnreachable")
    findings = found()
    assert [*findings] == ["cluster"]
    message = "the API server https://cluster.example does not answer: no route to host"
    assert (findings["cluster"].state, findings["cluster"].message) == ("problem", message)


def test_a_release_that_is_too_old_is_a_problem(answers: Answers) -> None:
    answers.release = "v1.29.9-eks-1"
    finding = found()["cluster"]
    assert finding.state == "problem"
    assert finding.message.endswith("is Kubernetes v1.29.9-eks-1")


def test_a_right_of_the_verbs_that_lacks_is_named_with_the_role_that_has_all_of_them(answers: Answers) -> None:
    answers.denied = {("get", "pods", ""), ("create", "pods", "portforward"), ("get", "services", "")}
    findings = found()
    assert findings["rights for get, wait"].state == "ok"
    finding = findings["rights for chat, bench"]
    assert finding.state == "unchecked", "a role leaves it out, and nothing is broken"
    assert finding.message == "ann lacks get services, get pods, create pods/portforward in namespace default"
    assert "--clusterrole=edit --user=ann" in finding.hint


def node(name: str, gpus: str = "", **labels: str) -> dict[str, Any]:
    allocatable = {"nvidia.com/gpu": gpus} if gpus else {}
    return {"metadata": {"name": name, "labels": labels}, "status": {"allocatable": allocatable}}


def plugin(ready: int) -> dict[str, Any]:
    containers = [{"name": "plugin", "image": "nvcr.io/nvidia/k8s-device-plugin:v0.18.0"}]
    return {
        "metadata": {"namespace": "gpu", "name": "plugin"},
        "spec": {"template": {"spec": {"containers": containers}}},
        "status": {"numberReady": ready, "desiredNumberScheduled": 1},
    }


@pytest.mark.parametrize(
    ("nodes", "sets", "states", "words"),
    [
        ([node("a", "2"), node("b", "1")], [plugin(1)], ("ok", "ok"), "3 nvidia.com/gpu on nodes a, b"),
        ([node("a", "2")], [plugin(1), plugin(0)], ("ok", "problem"), "2 nvidia.com/gpu on node a"),
        ([node("a", "1")], [], ("ok", "ok"), "1 nvidia.com/gpu on node a"),
        ([node("a")], [], ("unchecked", "unchecked"), "no node with a GPU is there now"),
        ([node("a", **{"nvidia.com/gpu.count": "1"})], [plugin(0)], ("problem", "problem"), "node a should have GPUs"),
        ([node("a", **{"node.kubernetes.io/instance-type": "big"})], [], ("problem", "unchecked"), "offers no nvidia"),
        ([node("a", **{"nvidia.com/gpu.count": "0"})], [], ("unchecked", "unchecked"), "no node with a GPU"),
    ],
)
def test_gpus_and_what_offers_them(
    nodes: list[dict[str, Any]], sets: list[dict[str, Any]], states: tuple[str, str], words: str
) -> None:
    answers = Answers()
    answers.lists = {"nodes": nodes, "daemonsets": sets}
    gpus, device_plugin = gpu_findings(cast("Api", answers), lambda name: {"big": 4}.get(name, 0))
    assert (gpus.state, device_plugin.state) == states
    assert words in gpus.message


def test_without_the_definition_the_command_for_it_is_shown(answers: Answers) -> None:
    answers.kinds_served = []
    finding = found()["Workspace definition"]
    assert finding.state == "problem"
    assert finding.hint == "`llmwright crd | kubectl apply --server-side --force-conflicts -f - --context prod`"


def test_a_definition_without_our_fields_names_them(answers: Answers) -> None:
    for version in answers.definition["spec"]["versions"]:
        del version["schema"]["openAPIV3Schema"]["properties"]["resource"]["properties"]["provisioner"]
    finding = found()["Workspace definition"]
    assert finding.state == "problem"
    assert "v1beta1.resource.provisioner" in finding.message


@pytest.mark.parametrize(("in_pod", "state"), [(True, "problem"), (False, "unchecked")])
def test_rights_that_lack_are_a_problem_of_a_pod(
    answers: Answers, monkeypatch: pytest.MonkeyPatch, in_pod: bool, state: str
) -> None:
    monkeypatch.setattr(kubeconfig, "in_cluster", lambda: in_pod)
    answers.rules = [
        {**ALL, "verbs": ["get", "list", "watch"]},
        {**ALL, "resourceNames": ["only-this"]},
        {**ALL, "apiGroups": ["apps", "batch", ""]},
    ]
    finding = found()["rights"]
    assert finding.state == state
    assert "patch workspaces.kaito.sh" in finding.message
    assert "statefulsets" not in finding.message


@pytest.mark.parametrize(
    ("presence", "idle", "state"),
    [
        ("there", set[str](), "ok"),
        ("missing", set[str](), "problem"),
        ("missing", {"runtime ray"}, "unchecked"),
        ("unknown", set[str](), "unchecked"),
    ],
)
def test_an_image_that_no_registry_has_is_a_problem_where_somebody_can_use_it(
    work: Path, monkeypatch: pytest.MonkeyPatch, presence: str, idle: set[str], state: str
) -> None:
    monkeypatch.setattr(images, "find_image", lambda _, image: (presence, "the registry answered 404"))
    found = {each.about: each for each in images.image_findings(Session(), "reg.example/operator:1", frozenset(idle))}
    ray = found["image of ray-llm"]
    assert ray.state == state
    assert ("images.ray-llm" in ray.hint) == (presence == "missing")
    assert found["image of operator"].state == (
        "unchecked" if presence == "unknown" else "ok" if presence == "there" else "problem"
    )


@pytest.mark.parametrize(("kept", "state"), [(True, "ok"), (False, "problem")])
def test_a_volume_that_is_an_image_must_outlive_the_api_server(kept: bool, state: str) -> None:
    """Without its feature gate the field is dropped in silence, and the container starts without weights."""

    def create(resource: Any, body: Any, *, dry_run: bool) -> dict[str, Any]:
        assert dry_run
        volumes = body["spec"]["volumes"] if kept else [{"name": "weights"}]
        return {"spec": {"volumes": volumes}}

    assert images.image_volume_finding(cast("Api", SimpleNamespace(create=create)), "models").state == state


def deployment() -> dict[str, Any]:
    """The operator's Deployment, which is ready and has its settings in a ConfigMap."""
    pod = {
        "serviceAccountName": "llmwright",
        "containers": [{"name": "operator", "image": "reg.example/operator:1"}],
        "volumes": [{"name": "settings", "configMap": {"name": "llmwright"}}],
    }
    return {
        "metadata": {"name": "llmwright", "namespace": "llmwright-system"},
        "spec": {"replicas": 1, "template": {"spec": pod}},
        "status": {"readyReplicas": 1},
    }


@pytest.fixture
def installed(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> Answers:
    """A cluster whose operator runs, and all of whose images are missing."""
    answers.lists["deployments"] = [deployment()]
    monkeypatch.setattr(images, "find_image", lambda *_: ("missing", "the registry answered 404"))
    return answers


def test_plugins_that_only_the_operator_has_keep_nothing_else_from_being_looked_at(installed: Answers) -> None:
    installed.settings = "{provisioner: acme, runtime: karpenter, plugins: {provisioner: {acme: {zone: 1}}}}"
    findings = found()
    message = findings["operator's plugins"].message
    assert findings["operator's plugins"].state == "unchecked"
    assert message.endswith("lacks them: provisioner acme, runtime karpenter")
    assert findings["rights of the operator"].state == "ok"
    assert findings["image of operator"].state == "problem"
    assert findings["objects of runtime ray"].state == "ok"


def test_the_operator_s_paths_lie_in_its_pod(installed: Answers) -> None:
    installed.settings = "{dockerConfig: /mnt/docker, presetDirectories: [/mnt/presets], images: {vllm: acme/vllm:1}}"
    cluster = ClusterExamination(Session())
    assert "operator's settings" in {finding.about for finding in cluster.findings()}
    settings = cluster.session.settings
    assert (settings.docker_config, settings.preset_directories) == (None, ())
    assert settings.images == {"vllm": "acme/vllm:1"}


@pytest.mark.parametrize("settings", ["provisioner: karpenter", "{provisioner: byo, otherProvisioners: [karpenter]}"])
def test_the_operator_needs_the_rights_of_each_provisioner_that_is_named(installed: Answers, settings: str) -> None:
    installed.settings = settings
    installed.denied = {("create", "nodeclaims", "")}
    finding = found()["rights of the operator"]
    assert finding.state == "problem"
    assert finding.message.endswith("may not: create nodeclaims.karpenter.sh")
    installed.settings = "provisioner: byo"
    assert found()["rights of the operator"].state == "ok"


def test_in_its_pod_the_operator_needs_no_rights_of_provisioners_that_nobody_named(
    answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubeconfig, "in_cluster", lambda: True)
    needed = (*RULES, *Session().driver_set.access_rules([]))
    answers.rules = [
        {"apiGroups": [rule.group], "resources": [*rule.resources], "verbs": [*rule.verbs]} for rule in needed
    ]
    assert found()["rights"].state == "ok"


def test_an_image_is_a_problem_though_nobody_knows_whether_its_runtime_can_serve(installed: Answers) -> None:
    installed.silent = {"ray.io/v1"}
    findings = found()
    assert findings["objects of runtime ray"].state == "unchecked"
    assert findings["image of ray-llm"].state == "problem"


def test_the_image_of_the_chart_s_device_plugin_is_no_setting(installed: Answers) -> None:
    """Its values name it, and by themselves start none."""
    assert not [about for about in found() if "device-plugin" in about]


@pytest.mark.parametrize(
    ("runtimes", "state"),
    [
        (["containerd://2.1.4"], "ok"),
        (["containerd://2.1.0", "containerd://1.7.29"], "problem"),
        (["cri-o://1.30.2"], "problem"),
        (["cri-o://1.31.0"], "ok"),
        (["containerd://2.1.4", ""], "ok"),
        (["docker://27.0.1"], "ok"),
        ([], "unchecked"),
    ],
)
def test_nodes_whose_runtime_mounts_no_images_are_a_problem(answers: Answers, runtimes: list[str], state: str) -> None:
    answers.lists["nodes"] = [
        {"metadata": {"name": f"node-{number}"}, "status": {"nodeInfo": {"containerRuntimeVersion": runtime}}}
        for number, runtime in enumerate(runtimes)
    ]
    finding = images.image_mount_finding(cast("Api", answers))
    assert finding.state == state
    if state == "problem":
        assert "which mounts no images as volumes" in finding.message
        assert "imageVolumes: false" in finding.hint


def test_who_may_not_even_read_workspaces_has_a_problem(answers: Answers) -> None:
    answers.denied = {("list", "workspaces", "")}
    finding = found()["rights for get, wait"]
    assert (finding.state, finding.message) == ("problem", "ann lacks list workspaces.kaito.sh in namespace default")


@pytest.mark.parametrize(("hidden", "state"), [("deployments", "unchecked"), ("leases", "unchecked"), ("", "problem")])
def test_an_operator_that_may_be_hidden_is_not_missing(
    answers: Answers, monkeypatch: pytest.MonkeyPatch, hidden: str, state: str
) -> None:
    """Deployments may be read in one namespace alone, and Leases by nobody but the operator."""
    seen = answers.page

    def page(resource: Any, query: Any, *, namespace: str | None = None) -> dict[str, Any]:
        if resource.plural == hidden and namespace is None:
            raise ApiError(f'GET /x: User "ann" cannot list resource "{hidden}" in API group "apps"', code=FORBIDDEN,
                           reason="Forbidden")  # fmt: skip
        return seen(resource, query, namespace=namespace)

    monkeypatch.setattr(answers, "page", page)
    assert found()["operator"].state == state
