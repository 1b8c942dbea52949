"""``check`` refuses a Workspace exactly where the API server would refuse an object that it becomes, or names.

Each table holds values of one place on both sides of the border between what is taken and what is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cluster.support.becoming import (
    Object,
    become,
    refusal,
    refused_by_the_server,
    refused_by_us,
    serving,
    session,
    tuning,
    workspace,
)
from tests.cluster.support.harness import install_karpenter_crds
from tests.cluster.support.reviewing import Requests

from llmwright.api.workspace import Workspace
from llmwright.app.session import Session
from llmwright.check.kubernetes_names import label_key_problem
from llmwright.testing.cluster import Cluster

pytestmark = pytest.mark.cluster

OBJECT_NAMES = ("s", "s" * 253, "s" * 254, "a.b", "A", "a_b", "-a", "a-", "a/b", "ä", "1", "a..b", "a b")
ADAPTERS = ("a", "a" * 31, "a" * 32, "a" * 48, "a" * 49, "a" * 56, "a" * 57, "a" * 64, "a" * 253, "a.b", "1a", "A_b")
LABELS = (
    *(("a" * 63, "b"), ("a" * 64, "b"), ("x/" + "a" * 63, "b"), ("a" * 254 + "/k", "b"), ("X/a", "b"), ("a", "")),
    *(
        ("a", "b" * 63),
        ("a", "b" * 64),
        ("a", "-bcdef"),
        ("a", "b cdef"),
        ("", "b"),
        ("/a", "b"),
        ("a/", "b"),
        ("a/b/c", "d"),
    ),
    *(("kubernetes.io/hostname", "n"), ("karpenter.sh/nodepool", "x"), ("karpenter.sh/capacity-type", "spot")),
    *(("karpenter.sh/foo", "x"), ("node.kubernetes.io/instance-type", "x"), ("topology.kubernetes.io/zone", "z")),
)
TABLES = Path(__file__).parent / "support"
VOLUMES, TEMPLATES = (yaml.safe_load((TABLES / name).read_text()) for name in ("volumes.yaml", "pod_templates.yaml"))
CONFIG = {"inference_config.yaml": "vllm: {}"}


@pytest.fixture(scope="module")
def requests(control_plane: Cluster) -> Iterator[Requests]:
    install_karpenter_crds(control_plane)
    connection = Requests(control_plane)
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def plugins() -> Session:
    return session()


def differences(requests: Requests, plugins: Session, cases: dict[str, Object], files: Any = None) -> dict[str, str]:
    """The cases in which only one of the two refuses, each with what it says."""
    unlike = {}
    for label, document in cases.items():
        read = files(label) if files else None
        ours = refused_by_us(plugins, document, read)
        theirs = refused_by_the_server(requests, plugins, document, read)
        if bool(ours) != bool(theirs):
            unlike[label] = f"only we: {ours}" if ours else f"only the API server: {theirs}"
    return unlike


def test_secrets_and_configs_have_names_that_objects_can_have(requests: Requests, plugins: Session) -> None:
    places: dict[str, Callable[[str], Object]] = {
        "token": lambda name: {
            "inference": {"preset": {"name": "phi-4", "presetOptions": {"modelAccessSecret": name}}}
        },
        "private preset": lambda name: serving(
            preset={
                "name": "phi-4",
                "accessMode": "private",
                "presetOptions": {"image": "registry.example/p:1", "imagePullSecrets": [name]},
            }
        ),
        "adapter": lambda name: serving(
            adapters=[{"source": {"name": "a", "image": "registry.example/a:1", "imagePullSecrets": [name]}}]
        ),
        "push": lambda name: tuning(output={"image": "registry.example/o:1", "imagePushSecret": name}),
        "data": lambda name: tuning(input={"image": "registry.example/i:1", "imagePullSecrets": [name]}),
        "config": lambda name: serving(config=name),
    }
    cases = {f"{place} {name}": workspace(**part(name)) for place, part in places.items() for name in OBJECT_NAMES}
    assert differences(requests, plugins, cases, lambda label: {label.partition(" ")[2]: CONFIG}) == {}


def test_an_adapter_and_a_tuned_model_have_any_name_that_requests_can_have(
    requests: Requests, plugins: Session
) -> None:
    image = {"image": "registry.example/a:1", "imagePullSecrets": ["s"]}
    volume = {"volumeSource": {"persistentVolumeClaim": {"claimName": "c"}}}
    cases = {
        f"{name} {next(iter(source))}": workspace(**serving(adapters=[{"source": {"name": name, **source}}]))
        for name in ADAPTERS
        for source in (image, volume)
    }
    cases |= {f"tuned {length}": workspace("a" * length, **tuning()) for length in (1, 31, 32, 45, 52)}
    assert differences(requests, plugins, cases) == {}
    assert {label for label, document in cases.items() if refused_by_us(plugins, document)} == set()


def test_long_names_and_many_adapters_together(requests: Requests, plugins: Session) -> None:
    """Names at their longest in one Workspace, and adapters whose names differ where an object's name cannot."""
    image = f"registry.example.com:5000/{'/'.join(['a' * 60] * 4)}"
    output = {"imagePushSecret": "s" * 253}
    cases = {
        f"output {end[:4]}": workspace("w" * 52, **tuning(output={"image": f"{image}{end}", **output}))
        for end in (f":{'t' * 128}", f":v1@sha256:{'0' * 64}")
    }
    pairs = [("a", "A"), ("a.b", "a-b"), ("a_b", "a-b"), ("x" * 200, "x" * 199 + "y"), ("model-weights-volume", "dshm")]
    sources = ({"image": f"{image}:1", "imagePullSecrets": ["s", "s"]}, {"volumeSource": {"hostPath": {"path": "/a"}}})
    for source in sources:
        cases |= {
            f"adapters {names} {next(iter(source))}": workspace(
                "w" * 52, **serving(adapters=[{"source": {"name": name, **source}} for name in names])
            )
            for names in (*pairs, tuple(f"adapter-{number}" for number in range(10)))
        }
    assert differences(requests, plugins, cases) == {}
    assert {label for label, document in cases.items() if refused_by_us(plugins, document)} == set()


def test_nodes_can_have_the_labels_that_select_them(requests: Requests, plugins: Session) -> None:
    cases = {
        f"{purpose} {key}={value}": workspace(resource={"labelSelector": {"matchLabels": {key: value}}}, **part)
        for key, value in LABELS
        for purpose, part in (("serving", serving()), ("tuning", tuning()))
    }
    assert differences(requests, plugins, cases) == {}


def test_a_label_that_no_nodepool_may_give_is_refused_in_its_mode(requests: Requests) -> None:
    plugins = session(plugins={"provisioner": {"karpenter": {"mode": "nodepool"}}})
    made = become(plugins, Workspace.model_validate(workspace(**serving())))
    pool = next(manifest for manifest in made if manifest["kind"] == "NodePool")
    for key, value in ((key, value) for key, value in LABELS if not label_key_problem(key) and len(value) < 5):
        document = workspace(resource={"labelSelector": {"matchLabels": {key: value}}}, **serving())
        labels = {**pool["spec"]["template"]["metadata"]["labels"], key: value}
        template = {**pool["spec"]["template"], "metadata": {"labels": labels}}
        changed = {**pool, "spec": {**pool["spec"], "template": template}}
        assert bool(refused_by_us(plugins, document)) == bool(refusal(requests, changed)), key


@pytest.mark.parametrize("place", ["adapter", "input", "output"])
def test_a_volume_is_one_that_a_pod_can_have(requests: Requests, plugins: Session, place: str) -> None:
    def part(volume: Object) -> Object:
        if place == "adapter":
            return serving(adapters=[{"source": {"name": "a", "volumeSource": volume}}])
        return tuning(**{place: {"volumeSource": volume}})

    cases = {name: workspace(**part(volume)) for name, volume in VOLUMES.items()}
    assert differences(requests, plugins, cases) == {}


def test_a_template_is_a_pod_that_a_server_can_have(requests: Requests, plugins: Session) -> None:
    cases = {name: workspace(inference={"template": template}) for name, template in TEMPLATES.items()}
    assert differences(requests, plugins, cases) == {}


def test_a_config_is_small_enough_for_a_configmap(requests: Requests, plugins: Session) -> None:
    room = 1024 * 1024 - len(CONFIG["inference_config.yaml"])
    files = {
        "full": {"x": "y" * room},
        "too large": {"x": "y" * (room + 1)},
        "no key": {"a b": ""},
        "a key": {"A_b-c.d": ""},
    }
    cases = {label: workspace(**serving(config="c")) for label in files}
    assert differences(requests, plugins, cases, lambda label: {"c": {**CONFIG, **files[label]}}) == {}
