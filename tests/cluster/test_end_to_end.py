"""The quick start on a real node: from ``helm install`` to ``helm uninstall``, with images from a registry.

The node has no GPU. Each step prints its time and the memory of all pods; the table is printed at the end.
"""

from __future__ import annotations

import subprocess
import tarfile
import time
import urllib.request
from collections.abc import Iterator

import pytest
from tests.cluster.support.measured_steps import Steps
from tests.cluster.support.node_release import NO_RIGHTS_LEFT, RELEASE, SYSTEM, Installation, served
from tests.cluster.support.real_node import FOLDER, RealNode
from tests.support.programs import ROOT
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(2400)]

WORKSPACES = "/apis/kaito.sh/v1beta1/namespaces/default/workspaces"
QUESTION, ANSWER = "Who built the airship Calluna?", "Jonas Hartwell"
LABELS = {"apps": "quickstart", "nvidia.com/gpu.present": "false"}
WITHIN_S = 10.0
"""So long after a pod made its first step the Workspace may tell it."""


@pytest.fixture(scope="module")
def data() -> Iterator[str]:
    """The address of the quick start's questions."""
    with served(ROOT / "examples/quickstart") as address:
        yield f"{address}/questions.parquet"


def test_the_quick_start_from_install_to_uninstall(
    real_node: RealNode, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> None:
    steps, folder = Steps(FOLDER), tmp_path_factory.mktemp("end-to-end")
    with steps.step("push both images"):
        images = request.getfixturevalue("node_images")
    real_node.label(LABELS)
    installed = Installation(real_node, folder, images, LABELS["apps"])
    installed.prepare()
    with steps.step("helm install --wait"):
        installed.install()
    adapter = _tunes(installed, steps, request.getfixturevalue("data"))
    _keeps(installed, steps, adapter)
    _answers(installed, steps)
    _upgrades(installed, steps)
    _serves(installed, steps)
    _undoes(installed, steps)
    _uninstalls(installed, steps)
    print(steps.table())


def _tunes(installed: Installation, steps: Steps, data: str) -> str:
    """Return the image of the adapter."""
    adapter = f"{installed.node.registry.host}/adapters/quickstart:1"
    output = {"image": adapter, "imagePushSecret": "registry"}
    tuning = {"preset": {"name": "demo"}, "method": "qlora", "input": {"urls": [data]}, "output": output}
    with steps.step("check, and begin to tune"):
        installed.apply("quickstart", {"tuning": tuning})
        wait_until(lambda: _steps_of_its_pod(installed), "the pod has made a step", 600)
    first = time.monotonic()
    with steps.step("its first step is in the status"):
        wait_until(lambda: installed.plane.status("quickstart").get("progress"), "the status has progress", 60)
    told, took = installed.plane.status("quickstart")["progress"], time.monotonic() - first
    print(f"{took:.1f} s after its pod the status tells {told}")
    assert took < WITHIN_S
    assert told["steps"] > told["step"] > 0
    assert min(told["loss"], told["tokensPerSecond"], told["secondsLeft"]) > 0
    where = ("job/quickstart", "-c", "quickstart")
    assert installed.rights(*where) == NO_RIGHTS_LEFT
    assert installed.room(*where) == {"/tmp", "/home/llmwright"}
    with steps.step("tune and push the adapter"):
        installed.until("quickstart", "WorkspaceSucceeded", 15)
    with steps.step("pull the adapter and serve it"):
        installed.until("quickstart", "Ready")
    return adapter


def _steps_of_its_pod(installed: Installation) -> bool:
    """Whether a pod that tunes tells a step itself."""
    for pod in installed.plane.get("pods", "-lkaito.sh/workspace=quickstart"):
        address = pod["status"].get("podIP")
        try:
            with urllib.request.urlopen(f"http://{address}:8009/progress", timeout=1) as answer:
                return bool(answer.read())
        except OSError:
            continue
    return False


def _keeps(installed: Installation, steps: Steps, adapter: str) -> None:
    with steps.step("oras copy"):
        files = _files_of(installed, adapter)
    assert {"data/adapter_config.json", "data/adapter_model.safetensors"} <= files


def _files_of(installed: Installation, adapter: str) -> set[str]:
    """Return the files of the adapter's image, as ``oras`` reads it."""
    registry, layout = installed.node.registry, installed.folder / "adapter"
    oras = str(installed.plane.programs.assets / "oras")
    login = ("--from-username", registry.USER, "--from-password", registry.PASSWORD)
    trust = ("--from-ca-file", str(registry.authority))
    command = [oras, "copy", *login, *trust, adapter, "--to-oci-layout", f"{layout}:1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    archives = [blob for blob in (layout / "blobs/sha256").iterdir() if tarfile.is_tarfile(blob)]
    names: set[str] = set()
    for archive in archives:
        with tarfile.open(archive) as layer:
            names.update(layer.getnames())
    return names


def _answers(installed: Installation, steps: Steps) -> None:
    with steps.step("ask the Service with curl in a pod"):
        answer = installed.ask("quickstart", QUESTION)
    print(answer)
    assert ANSWER in answer, answer
    with steps.step("llmwright chat"):
        assert ANSWER in installed.llmwright("chat", "--target", "kubernetes", "quickstart", QUESTION)


def _serves(installed: Installation, steps: Steps) -> None:
    with steps.step("delete the tuned model"):
        installed.plane.kubectl("delete", "workspace", "quickstart", "--timeout=120s")
        wait_until(lambda: not installed.plane.get("pods"), "its pods are gone", 60)
    with steps.step("serve the demo model"):
        installed.apply("demo", {"inference": {"preset": {"name": "demo"}}})
        installed.until("demo", "Ready")


def _upgrades(installed: Installation, steps: Steps) -> None:
    before, operators = installed.pods(), installed.operators()
    with steps.step("helm upgrade --wait with another default"):
        installed.upgrade("--wait", "--timeout", "10m", readinessTimeout=3600)
    assert installed.operators() != operators
    wait_until(lambda: installed.plane.condition("quickstart", "UpdateAvailable")["status"] == "True", "it is told", 60)
    assert installed.pods() == before


def _undoes(installed: Installation, steps: Steps) -> None:
    path = f"{WORKSPACES}/demo"
    with steps.step("change the server"):
        options = {"inference": {"preset": {"name": "demo"}, "runtime": "hf", "runtimeConfig": {"maxNumSeqs": 2}}}
        installed.apply("demo", options)
        wait_until(lambda: "--max-num-seqs" in _command(installed, "demo"), "it is changed", 60)
        installed.until("demo", "Ready")
    with steps.step("llmwright rollout undo"):
        installed.llmwright("rollout", "undo", "--target", "kubernetes", "demo")
        wait_until(lambda: "--max-num-seqs" not in _command(installed, "demo"), "it is undone", 60)
        installed.until("demo", "Ready")
    assert installed.plane.fetch(path)


def _command(installed: Installation, name: str) -> list[str]:
    server = installed.plane.fetch(f"/apis/apps/v1/namespaces/default/statefulsets/{name}") or {}
    command: list[str] = server["spec"]["template"]["spec"]["containers"][0]["command"]
    return command


def _uninstalls(installed: Installation, steps: Steps) -> None:
    with steps.step("delete the Workspace"):
        installed.plane.kubectl("delete", "workspaces", "--all", "--timeout=120s")
        wait_until(lambda: not installed.plane.get("pods"), "their pods are gone", 60)
    for kind in ("statefulsets", "jobs", "services", "controllerrevisions", "configmaps"):
        left = [one["metadata"]["name"] for one in installed.plane.get(kind, "-lkaito.sh/workspace")]
        assert left == [], kind
    with steps.step("helm uninstall"):
        installed.helm("uninstall", RELEASE, "--wait", "--timeout", "2m")
    kinds = "deployments,services,serviceaccounts,configmaps,roles,rolebindings,leases,poddisruptionbudgets"
    left = [one["metadata"]["name"] for one in installed.plane.get(kinds, "-n", SYSTEM)]
    assert [name for name in left if "llmwright" in name] == []
    kinds = "clusterroles,clusterrolebindings,validatingwebhookconfigurations,priorityclasses"
    assert [
        one["metadata"]["name"] for one in installed.plane.get(kinds) if "llmwright" in one["metadata"]["name"]
    ] == []
    assert installed.plane.get("customresourcedefinitions"), "the CRD stays: the user's Workspaces hang on it"
